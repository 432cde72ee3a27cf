"""Figures of the ways between words and beyond one, from the tables of `experiments.between_and_beyond`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.style import MARKERS, OKABE_ITO, figure, legend_outside, shown, ticks_in_medians
from workbook.between_and_beyond.tables import MIXED, WORDS


def turn_lines(table: pd.DataFrame) -> Figure:
    """How far the next token's distribution has gone from a to b, from an `along_pairs` table: a panel a way.

    A thin line is a pair of words, the thick one their median. Random tokens are left out.
    """
    table = table[table["of"] == WORDS]
    ways = list(table["way"].unique())
    columns = min(len(ways), 3)
    rows = -(-len(ways) // columns)
    fig, axes = figure(10, 3.4 * rows, rows=rows, columns=columns, sharex=True, sharey=True, squeeze=False)
    panels, spare = axes.flat[: len(ways)], axes.flat[len(ways) :]
    for ax, way in zip(panels, ways, strict=True):
        some = table[table["way"] == way]
        for _, one in some.groupby(["a", "b"]):
            ax.plot(one["p"], one["to_b"], color=OKABE_ITO[4], linewidth=0.9, alpha=0.8)
        middle = some.groupby("p")["to_b"].median()
        ax.plot(middle.index, middle, color=OKABE_ITO[0], linewidth=2.5, label="median of the pairs")
        ax.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1, label="in step with p")
        ax.axhline(0.5, color="0.7", linewidth=0.8, zorder=0)
        ax.set_title(way, fontsize=10)
    for ax in spare:
        ax.axis("off")
    for ax in panels[-columns:]:
        ax.tick_params(labelbottom=True)
    fig.supxlabel("p  (0 is word a, 1 is word b)", fontsize=10)
    fig.supylabel("KL to a / (KL to a + KL to b)", fontsize=10)
    panels[0].legend(fontsize=8, loc="upper left")
    return fig


def turn_dots(turned: pd.DataFrame) -> Figure:
    """The p at which each pair of words turns, by each way, from a `turns` table; the first 50 pairs."""
    turned = turned[turned["of"] == WORDS]
    pairs = list(turned["pair"].unique())[:50]
    fig, ax = figure(10, 1.6 + 0.3 * len(pairs))
    ways = list(turned.groupby("way", sort=False))
    for i, (way, some) in enumerate(ways):
        at = some.set_index("pair")["turn"]
        y = [row + 0.7 * ((i + 0.5) / len(ways) - 0.5) for row in range(len(pairs))]
        look = {"color": OKABE_ITO[i % 8], "markersize": 5, "label": way}
        ax.plot([at[pair] for pair in pairs], y, MARKERS[i % 7], **look)
    ax.axvline(0.5, color="0.6", linestyle=":")
    ax.set_yticks(range(len(pairs)), [shown(pair) for pair in pairs], fontsize=9)
    ax.set(
        xlim=(0, 1), ylim=(len(pairs) - 0.4, -0.6), xlabel="p where the next token is as far from a as from b"
    )
    legend_outside(fig, [ax], columns=5)
    return fig


def width_lines(turned: pd.DataFrame) -> Figure:
    """How wide each pair's turn is on the line and where the outputs are mixed, from a `turns` table.

    A thin line is a pair of words, darker where several go the same way; the thick one their median.
    """
    ways = ["lerp", *MIXED]
    words = turned[turned["of"] == WORDS]
    widths = words.pivot_table(index="way", columns="pair", values="width", sort=False).loc[ways]
    fig, ax = figure(7, 4)
    ax.plot(ways, widths, color=OKABE_ITO[4], linewidth=1, alpha=0.6)
    middle = widths.median(axis=1)
    ax.plot(ways, middle, "o-", color=OKABE_ITO[0], linewidth=2.5, label=f"median of {widths.shape[1]} pairs")
    for x, y in enumerate(middle):
        look = {"color": OKABE_ITO[0], "ha": "center", "bbox": {"color": "white", "alpha": 0.8, "pad": 1}}
        ax.annotate(f"{y:.3g}", (x, y), (0, 14), textcoords="offset points", **look)
    ax.set(xlim=(-0.3, len(ways) - 0.6), ylim=(0, 1), ylabel="width: from 0.1 to 0.9, in p")
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
