"""Figures of notebook 09."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.between_and_beyond.tables import MIXED, WORDS
from workbook.style import figure, legend_outside, line_look, panels, shown, ticks_in_medians


def turn_lines(table: pd.DataFrame) -> Figure:
    """How far the next token's distribution has moved from a to b: one panel per interpolation.

    From an `along_pairs` table. A thin line is a pair of words, the thick one their median.
    """
    table = table[table["of"] == WORDS]
    fig, by_interpolation = panels(table, "way", 10, 3.4, columns=3, sharex=True, sharey=True)
    for ax, interpolation, curves in by_interpolation:
        for _, curve in curves.groupby(["a", "b"]):
            ax.plot(curve["p"], curve["to_b"], color=OKABE_ITO[4], linewidth=0.9, alpha=0.8)
        median = curves.groupby("p")["to_b"].median()
        ax.plot(median.index, median, color=OKABE_ITO[0], linewidth=2.5, label="median of the pairs")
        ax.plot([0, 1], [0, 1], color="black", linestyle=":", linewidth=1, label="in step with p")
        ax.axhline(0.5, color="0.7", linewidth=0.8, zorder=0)
        ax.set_title(interpolation, fontsize=10)
    for ax, *_ in by_interpolation[-3:]:  # also above a place without a panel
        ax.tick_params(labelbottom=True)
    fig.supxlabel("p  (0 is word a, 1 is word b)", fontsize=10)
    fig.supylabel("KL to a / (KL to a + KL to b)", fontsize=10)
    fig.axes[0].legend(fontsize=8, loc="upper left")
    return fig


def turn_dots(turned: pd.DataFrame) -> Figure:
    """The p at which each pair of words turns, by interpolation, from a `turns` table; the first 50 pairs."""
    turned = turned[turned["of"] == WORDS]
    pairs = list(turned["pair"].unique())[:50]
    fig, ax = figure(10, 1.6 + 0.3 * len(pairs))
    interpolations = turned.groupby("way", sort=False)
    for i, (interpolation, rows) in enumerate(interpolations):
        at = rows.set_index("pair")["turn"]
        y = [row + 0.7 * ((i + 0.5) / len(interpolations) - 0.5) for row in range(len(pairs))]
        ax.plot(at[pairs], y, **line_look(i, linestyle="", markersize=5, label=interpolation))
    ax.axvline(0.5, color="0.6", linestyle=":")
    ax.set_yticks(range(len(pairs)), [shown(pair) for pair in pairs], fontsize=9)
    ax.set(xlim=(0, 1), ylim=(len(pairs) - 0.4, -0.6))
    ax.set_xlabel("p where the next token is as far from a as from b")
    legend_outside(fig, columns=5)
    return fig


def width_lines(turned: pd.DataFrame) -> Figure:
    """The width of each pair's turn on the line and with mixed outputs, from a `turns` table.

    A thin line is a pair of words, darker where several coincide; the thick one their median.
    """
    names = ["lerp", *MIXED]
    words = turned[turned["of"] == WORDS]
    widths = words.pivot_table(index="way", columns="pair", values="width", sort=False).loc[names]
    fig, ax = figure(7, 4)
    ax.plot(names, widths, color=OKABE_ITO[4], linewidth=1, alpha=0.6)
    median = widths.median(axis=1)
    look = {"color": OKABE_ITO[0], "linewidth": 2.5, "label": f"median of {widths.shape[1]} pairs"}
    ax.plot(names, median, "o-", **look)
    for x, y in enumerate(median):
        look = {"color": OKABE_ITO[0], "ha": "center", "bbox": {"color": "white", "alpha": 0.8, "pad": 1}}
        ax.annotate(f"{y:.3g}", (x, y), (0, 14), textcoords="offset points", **look)
    ax.set(xlim=(-0.3, len(names) - 0.6), ylim=(0, 1), ylabel="width: from 0.1 to 0.9, in p")
    ax.legend(fontsize=9, loc="lower right")
    return fig


def ray_lines(rays: pd.DataFrame) -> Figure:
    """Divergence from the token, and entropy, along the ray through a token and beyond, from `along_rays`."""
    fig, axes = figure(10, 4, columns=2)
    medians = rays.groupby("scale")["medians"].median()
    scales = list(medians.index)
    labels = {"kl": "KL from the token, bits", "entropy": "entropy, bits"}
    for ax, (value, label) in zip(axes, labels.items(), strict=True):
        for i, (word, ray) in enumerate(rays.groupby("word", sort=False)):
            x = [scales.index(scale) for scale in ray["scale"]]
            ax.plot(x, ray[value], **line_look(i, markersize=5, label=shown(word)))
        ticks_in_medians(ax, scales, medians)
        if 1.0 in scales:
            ax.axvline(scales.index(1.0), color="0.6", linestyle=":", zorder=0)
        ax.set(ylabel=label, ylim=(0, None))
    below = "scale: 0 is the centroid, 1 the token (below: in distances of the median token)"
    fig.supxlabel(below, fontsize=10)
    legend_outside(fig, columns=8)
    return fig
