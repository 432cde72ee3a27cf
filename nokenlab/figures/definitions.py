"""Figures of definitions against the radius, from the tables of `experiments.definitions`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.figures.style import (
    MARKERS,
    OKABE_ITO,
    figure,
    legend_outside,
    reach,
    shown,
    ticks_in_medians,
)

RADIUS = "r, distance from the centroid (below: in distances of the median token)"
COLOURS = [OKABE_ITO[i] for i in (7, 0, 1, 2, 3, 5, 4)]  # raw nokens black


def theme_panels(frequencies: pd.DataFrame, most: int = 5) -> Figure:
    """Share of definitions with a theme against radius: a panel a kind of noken, with 95 % intervals.

    From a `frequencies` table; the themes that are most frequent anywhere in the first kind.
    """
    kinds = list(frequencies["kind"].unique())
    first = frequencies[(frequencies["kind"] == kinds[0]) & (frequencies["radius"] > 0)]
    themes = first.groupby("theme", sort=False)["hits"].sum().nlargest(most).index
    rows = -(-len(kinds) // 2)
    fig, axes = figure(10, 3 * rows, rows=rows, columns=2, sharey=True, squeeze=False)
    for ax, kind in zip(axes.flat, kinds, strict=False):
        _theme_lines(ax, frequencies[frequencies["kind"] == kind], themes)
        ax.set_title(kind, fontsize=10)
        ax.set_ylim(-0.02, 1.02)
    for ax in axes[:, 0]:
        ax.set_ylabel("share of definitions")
    fig.supxlabel(RADIUS, fontsize=10)
    legend_outside(fig, axes.flat[:1], columns=3)
    return fig


def _theme_lines(ax: Axes, frequencies: pd.DataFrame, themes: pd.Index) -> None:
    """A line a theme, of one kind of noken."""
    for i, theme in enumerate(themes):
        rows = frequencies[frequencies["theme"] == theme].sort_values("radius")
        look = {"color": OKABE_ITO[i], "marker": MARKERS[i % 7], "markersize": 5, "linewidth": 1.5}
        x, bars = _beside(len(rows), i, len(themes)), reach(rows, "share")
        ax.errorbar(x, rows["share"], bars, elinewidth=0.8, label=shown(theme), **look)
    ticks_in_medians(ax, rows["radius"], rows["medians"])


def change_lines(probed: pd.DataFrame) -> Figure:
    """Entropy of the first next token and its divergence from radius 0, a line a kind, from a `probe` table.

    Points are medians over nokens and prompts, bars the middle half.
    """
    probed = probed[probed["kind"] != "temperature 1"]  # the same nokens as raw
    radii = probed.drop_duplicates("radius").sort_values("radius")
    fig, axes = figure(10, 4.2, columns=2)
    for ax, (value, label) in zip(
        axes, {"entropy": "entropy, bits", "kl": "KL from radius 0, bits"}.items(), strict=True
    ):
        _middle_halves(ax, probed, value)
        ticks_in_medians(ax, radii["radius"], radii["medians"])
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
    fig.supxlabel(RADIUS, fontsize=10)
    legend_outside(fig, axes[:1], columns=6)
    return fig


def _middle_halves(ax: Axes, probed: pd.DataFrame, value: str) -> None:
    """A line a kind: median of a column at each radius, with its quartiles."""
    kinds = probed.groupby("kind", sort=False)
    for i, (kind, rows) in enumerate(kinds):
        quartiles = rows.groupby("radius")[value].quantile([0.25, 0.5, 0.75]).unstack()
        look = {"color": COLOURS[i % 7], "marker": MARKERS[i % 7], "markersize": 5}
        x, bars = _beside(len(quartiles), i, len(kinds)), reach(quartiles, 0.5, 0.25, 0.75)
        ax.errorbar(x, quartiles[0.5], bars, elinewidth=0.8, label=kind, **look)


def survival_lines(survival: pd.DataFrame) -> Figure:
    """How much of the change is left with the norm held and with the angle held, from a `survival` table."""
    fig, ax = figure(10, 3.8)
    for i, (held, rows) in enumerate(survival.groupby("held", sort=False)):
        rows = rows.sort_values("radius")
        x = [radius + 0.06 * (2 * i - 1) for radius in range(len(rows))]
        look = {"color": OKABE_ITO[[0, 5][i]], "marker": MARKERS[i], "linewidth": 1.8, "capsize": 3}
        ax.errorbar(x, rows["share"], reach(rows, "share"), label=f"{held} fixed", **look)
    ax.axhline(1, color="0.5", linestyle=":", label="as much as the raw nokens")
    ticks_in_medians(ax, rows["radius"], rows["medians"])
    ax.set_ylim(bottom=0)
    ax.set(xlabel=RADIUS, ylabel="change / raw change", title="How much of the change is left (bars: 95 %)")
    ax.legend(fontsize=9)
    return fig


def _beside(points: int, line: int, lines: int) -> list[float]:
    """Where the points of a line go: one place a radius, the lines a little apart."""
    return [radius + 0.09 * (line - lines / 2) for radius in range(points)]
