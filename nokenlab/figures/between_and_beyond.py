"""Figures of the ways between words and beyond one, from the tables of `experiments.between_and_beyond`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.figures.style import MARKERS, OKABE_ITO, figure, legend_outside, shown, ticks_in_medians


def turn_lines(table: pd.DataFrame) -> Figure:
    """How far the next token's distribution has gone from a to b, from an `along_pairs` table: a panel a way.

    A thin line is a pair, the thick one the median of the pairs.
    """
    ways = list(table["way"].unique())
    fig, ((*panels,),) = figure(10, 3.8, columns=len(ways), sharey=True, squeeze=False)
    for ax, way in zip(panels, ways, strict=True):
        some = table[table["way"] == way]
        for _, one in some.groupby(["a", "b"]):
            ax.plot(one["p"], one["to_b"], color=OKABE_ITO[4], linewidth=0.9, alpha=0.8)
        middle = some.groupby("p")["to_b"].median()
        ax.plot(middle.index, middle, color=OKABE_ITO[0], linewidth=2.5, label="median of the pairs")
        ax.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1, label="in step with p")
        ax.axhline(0.5, color="0.7", linewidth=0.8, zorder=0)
        ax.set(xlabel="p  (0 is word a, 1 is word b)")
        ax.set_title(way, fontsize=10)
    panels[0].set_ylabel("KL to a / (KL to a + KL to b)")
    panels[0].legend(fontsize=8, loc="upper left")
    return fig


def turn_dots(turned: pd.DataFrame) -> Figure:
    """The p at which each pair turns, by each way, from a `turns` table. Shows the first 50 pairs."""
    pairs = list(turned.groupby(["a", "b"], sort=False).groups)[:50]
    fig, ax = figure(10, 1.4 + 0.27 * len(pairs))
    for i, (way, some) in enumerate(turned.groupby("way", sort=False)):
        at = some.set_index(["a", "b"])["turn"]
        y = [row + 0.18 * (i - 1) for row in range(len(pairs))]
        ax.plot([at[pair] for pair in pairs], y, MARKERS[i], color=OKABE_ITO[[0, 1, 2][i % 3]], label=way)
    ax.axvline(0.5, color="0.6", linestyle=":")
    ax.set_title("Where each pair turns")
    ax.set_yticks(range(len(pairs)), [shown(f"{a} → {b}") for a, b in pairs], fontsize=9)
    ax.set(
        xlim=(0, 1), ylim=(len(pairs) - 0.4, -0.6), xlabel="p where the next token is as far from a as from b"
    )
    ax.legend(fontsize=9, loc="lower right")
    return fig


def ray_lines(rays: pd.DataFrame) -> Figure:
    """Along the ray through a token and beyond: divergence from the token, and entropy, from `along_rays`."""
    fig, axes = figure(10, 4, columns=2)
    medians = rays.groupby("scale")["medians"].median()
    scales = list(medians.index)
    for ax, (value, label) in zip(
        axes, {"kl": "KL from the token, bits", "entropy": "entropy, bits"}.items(), strict=True
    ):
        for i, (word, one) in enumerate(rays.groupby("word", sort=False)):
            x = [scales.index(scale) for scale in one["scale"]]
            look = {"color": OKABE_ITO[i % 8], "marker": MARKERS[i % 7], "markersize": 5}
            ax.plot(x, one[value], label=shown(word), **look)
        ticks_in_medians(ax, scales, medians)
        if 1.0 in scales:
            ax.axvline(scales.index(1.0), color="0.6", linestyle=":", zorder=0)
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
    below = "scale: 0 is the centroid, 1 the token (below: in distances of the median token)"
    fig.supxlabel(below, fontsize=10)
    legend_outside(fig, axes[:1], columns=8)
    return fig
