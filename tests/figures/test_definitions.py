"""Figures of definitions against the radius say what their tables say."""

import pandas as pd
import pytest

from nokenlab.figures import definitions as figures

RADII = [(0.0, 0.0), (2.0, 0.87), (100.0, 43.4)]  # radius, medians


def lines(ax):
    """The lines with error bars, by label: their heights, and the ends of the bars."""
    found = {}
    for container in ax.containers:
        line, _, (bars,) = container.lines
        ends = [tuple(bar[:, 1]) for bar in bars.get_segments()]
        found[container.get_label()] = (line.get_ydata().tolist(), ends)
    return found


def legend(fig):
    return [text.get_text() for text in fig.legends[0].get_texts()]


def test_a_panel_a_kind_has_the_most_frequent_themes_of_the_first():
    rows = [
        (kind, theme, *place, hits, hits / 10, hits / 20, min(1, hits / 5))
        for kind in ("raw", "origin", "covariance")
        for theme, hits in (("a person", 4), ("costs $5", 2), ("rare", 1))
        for place in RADII
    ]
    names = ["kind", "theme", "radius", "medians", "hits", "share", "low", "high"]
    fig = figures.theme_panels(pd.DataFrame(rows, columns=names), most=2)
    assert [ax.get_title() for ax in fig.axes] == ["raw", "origin", "covariance", ""]
    assert legend(fig) == ["a person", r"costs \$5"]
    heights, bars = lines(fig.axes[1])["a person"]
    assert heights == [0.4] * 3 and bars == [pytest.approx((0.2, 0.8))] * 3
    assert [t.get_text() for t in fig.axes[0].get_xticklabels()] == ["0\n0", "2\n0.87", "100\n43"]


def test_change_is_drawn_as_medians_with_quartiles():
    rows = [
        (kind, *place, entropy, kl)
        for kind in ("raw", "temperature 1", "origin")
        for place in RADII
        for entropy, kl in ((6.0, 0.0), (7.0, 1.0), (9.0, 2.0))
    ]
    table = pd.DataFrame(rows, columns=["kind", "radius", "medians", "entropy", "kl"])
    fig = figures.change_lines(table)
    assert legend(fig) == ["raw", "origin"]  # temperature 1 has the nokens of raw
    entropies, changes = map(lines, fig.axes)
    assert entropies["origin"] == ([7.0] * 3, [(6.5, 8.0)] * 3)
    assert changes["raw"] == ([1.0] * 3, [(0.5, 1.5)] * 3)


def test_survival_has_a_line_for_what_is_held():
    rows = [(held, *place, 0.5, 0.25, 1.0) for held in ("norm", "angle") for place in RADII[1:]]
    table = pd.DataFrame(rows, columns=["held", "radius", "medians", "share", "low", "high"])
    (ax,) = figures.survival_lines(table).axes
    assert lines(ax) == {name: ([0.5] * 2, [(0.25, 1.0)] * 2) for name in ("norm fixed", "angle fixed")}
