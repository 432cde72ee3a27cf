"""Figures of definitions against the radius say what their tables say."""

import pandas as pd

from workbook.definitions import figures

RADII = [(0.0, 0.0), (2.0, 0.87), (100.0, 43.4)]  # radius, medians


def lines(ax):
    """The lines with error bars, by label: their heights, and the ends of the bars."""
    lines = {}
    for container in ax.containers:
        line, _, (bars,) = container.lines
        ends = [tuple(bar[:, 1]) for bar in bars.get_segments()]
        lines[container.get_label()] = (line.get_ydata().tolist(), ends)
    return lines


def legend(fig):
    return [text.get_text() for text in fig.legends[0].get_texts()]


def test_a_panel_a_kind_and_prompt_has_the_most_frequent_themes_of_the_first():
    rows = [
        (prompt, kind, theme, *place, 10, hits, hits / 10, hits / 20, min(1, hits / 5))
        for prompt in ("A <noken>", "The <noken>")
        for kind in ("raw", "origin", "real token")
        for theme, hits in (("a person", 4), ("costs $5", 2), ("rare", 1))
        for place in (RADII if kind != "real token" else [(float("nan"), float("nan"))])
    ]
    names = ["prompt", "kind", "theme", "radius", "medians", "n_units", "hits", "share", "low", "high"]
    fig = figures.theme_panels(pd.DataFrame(rows, columns=names), most=2)
    titles = [ax.get_title(loc="left") for ax in fig.axes[:4]]
    assert titles == ["A <noken>\n\na person", "The <noken>\n\na person", *[r"costs \$5"] * 2]
    for ax, share in zip(fig.axes[:4], (0.4, 0.4, 0.2, 0.2), strict=True):
        cells = ax.images[0].get_array()
        assert cells.shape == (3, 2) and (cells == share).all()  # kinds, radii: not where all are one
    kinds = [label.get_text() for label in fig.axes[0].get_yticklabels()]
    assert kinds == ["raw", "origin", "real token"] and len(fig.axes[0].texts) == 6
    assert [t.get_text() for t in fig.axes[2].get_xticklabels()] == ["2\n0.87", "100\n43"]
    assert "10 nokens" in fig.axes[4].get_ylabel()


def test_change_is_drawn_as_medians_with_quartiles_each_prompt_apart():
    rows = [
        (prompt, kind, *place, entropy, kl * far)
        for prompt, far in (("A <noken>", 1), ("The <noken>", 3))
        for kind in ("raw", "temperature 1", "origin", "real token")
        for place in (RADII if kind != "real token" else [(float("nan"), float("nan"))])
        for entropy, kl in ((6.0, 0.0), (7.0, 1.0), (9.0, 2.0))
    ]
    table = pd.DataFrame(rows, columns=["prompt", "kind", "radius", "medians", "entropy", "kl"])
    fig = figures.change_lines(table)
    assert set(legend(fig)) == {"raw", "origin", "real token"}  # temperature 1 has the nokens of raw
    entropies, changes, _, others = map(lines, fig.axes)
    assert entropies["origin"] == ([7.0] * 3, [(6.5, 8.0)] * 3)
    assert changes["raw"] == ([1.0] * 3, [(0.5, 1.5)] * 3)
    assert others["raw"] == ([3.0] * 3, [(1.5, 4.5)] * 3)
    assert fig.axes[1].get_ylim()[1] > 4.5  # no panel cuts what another shows


def test_what_is_held_has_a_line_a_prompt():
    prompts, bar = ("A <noken>", "The <noken>"), (0.5, 0.25, 1.0)
    rows = [(prompt, *place, 9, *bar) for prompt in prompts for place in RADII[1:]]
    kept = pd.DataFrame(rows, columns=["prompt", "radius", "medians", "n_units", "share", "low", "high"])
    rows = [(p, of, r, 8, *bar) for p in prompts for of in ("word", "noken") for r, _ in RADII]
    alone = pd.DataFrame(rows, columns=["prompt", "of", "radius", "n_units", "kl", "low", "high"])
    left, right = map(lines, figures.held_lines(kept, alone).axes)
    drawn = ([0.5] * 2, [(0.25, 1.0)] * 2)
    assert left == {f"norm held, 9 nokens: {prompt}": drawn for prompt in prompts}
    assert right == {f"angle held, 8 {of}s: {p}": drawn for p in prompts for of in ("word", "noken")}
