"""Figures of definitions against the distance from the centroid, from the tables of `definitions`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.figures.style import MARKERS, OKABE_ITO, figure, shown

RADIUS = "r, distance from the centroid (below: in distances of the median token)"


def theme_panels(frequencies: pd.DataFrame, most: int = 5) -> Figure:
    """Share of definitions with a theme against radius: a panel a kind of noken, with 95 % intervals.

    From a `frequencies` table; the themes that are most frequent anywhere in the first kind.
    """
    kinds = list(frequencies["kind"].unique())
    first = frequencies[(frequencies["kind"] == kinds[0]) & (frequencies["radius"] > 0)]
    themes = first.groupby("theme", sort=False)["hits"].sum().nlargest(most).index
    fig, axes = figure(
        10, 3 * -(-len(kinds) // 2), rows=-(-len(kinds) // 2), columns=2, sharey=True, squeeze=False
    )
    for ax, kind in zip(axes.flat, kinds, strict=False):
        for i, theme in enumerate(themes):
            rows = frequencies[(frequencies["kind"] == kind) & (frequencies["theme"] == theme)].sort_values(
                "radius"
            )
            x = [place + 0.09 * (i - len(themes) / 2) for place in range(len(rows))]
            reach = [rows["share"] - rows["low"], rows["high"] - rows["share"]]
            look = {"color": OKABE_ITO[i], "marker": MARKERS[i % 7], "markersize": 5, "linewidth": 1.5}
            ax.errorbar(x, rows["share"], reach, elinewidth=0.8, label=shown(theme), **look)
        _radii(ax, rows)
        ax.set_title(kind, fontsize=10)
        ax.set_ylim(-0.02, 1.02)
    for ax in axes[:, 0]:
        ax.set_ylabel("share of definitions")
    fig.supxlabel(RADIUS, fontsize=10)
    fig.legend(
        *axes.flat[0].get_legend_handles_labels(),
        loc="outside upper center",
        ncols=3,
        fontsize=9,
        frameon=False,
    )
    return fig


def change_lines(probed: pd.DataFrame) -> Figure:
    """Entropy of the first next token and its divergence from radius 0, a line a kind, from a `probe` table.

    Points are medians over nokens and prompts, bars the middle half.
    """
    probed = probed[probed["kind"] != "temperature 1"]  # the same nokens as raw
    fig, panels = figure(10, 4.2, columns=2)
    kinds = list(probed["kind"].unique())
    for ax, value, label in zip(
        panels, ("entropy", "kl"), ("entropy, bits", "KL from radius 0, bits"), strict=True
    ):
        for i, kind in enumerate(kinds):
            by = probed[probed["kind"] == kind].groupby("radius")[value]
            middle = by.median()
            x = [place + 0.09 * (i - len(kinds) / 2) for place in range(len(middle))]
            reach = [middle - by.quantile(0.25), by.quantile(0.75) - middle]
            look = {
                "color": OKABE_ITO[[7, 0, 1, 2, 3, 5, 4][i % 7]],
                "marker": MARKERS[i % 7],
                "markersize": 5,
            }
            ax.errorbar(x, middle, reach, elinewidth=0.8, label=kind, **look)
        _radii(ax, probed.drop_duplicates("radius").sort_values("radius"))
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
    fig.supxlabel(RADIUS, fontsize=10)
    fig.legend(
        *panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=6, fontsize=9, frameon=False
    )
    return fig


def survival_lines(survival: pd.DataFrame) -> Figure:
    """How much of the change is left with the norm held and with the angle held, from a `survival` table."""
    fig, ax = figure(10, 3.8)
    for i, (held, rows) in enumerate(survival.groupby("held", sort=False)):
        rows = rows.sort_values("radius")
        x = [place + 0.06 * (2 * i - 1) for place in range(len(rows))]
        reach = [rows["share"] - rows["low"], rows["high"] - rows["share"]]
        look = {"color": OKABE_ITO[[0, 5][i]], "marker": MARKERS[i], "linewidth": 1.8, "capsize": 3}
        ax.errorbar(x, rows["share"], reach, label=f"{held} fixed", **look)
    ax.axhline(1, color="0.5", linestyle=":", label="as much as the raw nokens")
    _radii(ax, rows)
    ax.set_ylim(bottom=0)
    ax.set(xlabel=RADIUS, ylabel="change / raw change", title="How much of the change is left (bars: 95 %)")
    ax.legend(fontsize=9)
    return fig


def _radii(ax, rows: pd.DataFrame) -> None:
    """One place a radius, evenly spaced: r above, in median distances below."""
    names = [
        f"{r:g}\n{m:.2g}" if m < 100 else f"{r:g}\n{m:.0f}"
        for r, m in zip(rows["radius"], rows["medians"], strict=True)
    ]
    ax.set_xticks(range(len(names)), names, fontsize=8)
