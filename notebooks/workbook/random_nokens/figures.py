"""Figures of notebook 03."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from nokenlab.palette import OKABE_ITO
from workbook.style import ScriptFigure, figure, shown, wrap


def kl_dots(table: pd.DataFrame) -> Figure:
    """How far each replacement moves the next token: one mark per seed, from a `replacements` table."""
    table = table[table["scale"] != "true token"]
    scales = list(table["scale"].unique())
    fig, ax = figure(10, 1.2 + 1.05 * len(scales))
    for y, scale in enumerate(scales):
        rows = table[table["scale"] == scale].sort_values("kl")
        lanes = [y + 0.2 * (i % 4 - 1.5) for i in range(len(rows))]  # so that none hides its neighbour
        look = {"markerfacecolor": "white", "markeredgecolor": OKABE_ITO[y], "markeredgewidth": 1.8}
        ax.plot(rows["kl"], lanes, "osD"[y], markersize=14, **look)
        median = rows["kl"].median()
        ax.plot([median, median], [y - 0.45, y + 0.45], color="black", linewidth=1.5, zorder=0)
        for kl, lane, seed in zip(rows["kl"], lanes, rows["seed"], strict=True):
            ax.text(kl, lane, seed, fontsize=8, ha="center", va="center")
    if table["kl"].min() > 1e-3:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
    ax.set_yticks(range(len(scales)), scales)
    ax.set(xlabel="KL from the prompt as it was, in bits", ylim=(len(scales) - 0.5, -0.5))
    ax.set_title("How far the next token's distribution moves (numbers: seeds; line: median)")
    return fig


def nearness_bars(nearness: pd.DataFrame) -> Figure:
    """How near the nearest token is to random nokens and to real tokens, from a `nearness` table."""
    fig, ax = figure(10, 3.4)
    for i, (of, rows) in enumerate(nearness.groupby("of", sort=False)):
        look = {"color": OKABE_ITO[i], "alpha": 0.6, "edgecolor": "black", "hatch": ["", "//"][i % 2]}
        ax.hist(rows["cosine"], bins=40, range=(0, 1), label=f"{len(rows)} {of}s", **look)
    ax.set(xlim=(0, 1), xlabel="cosine to the nearest (other) token; 1 is the same direction")
    ax.set(ylabel="how many", title="How near is the nearest token?")
    ax.legend()
    return fig


def responses(table: pd.DataFrame) -> Figure:
    """The response to each replacement, from a `replacements` table: one row per seed, one column per scale.

    A real token is named above its response. Shows the first 12 seeds.
    """
    true, table = table[table["scale"] == "true token"], table[table["scale"] != "true token"]
    scales, seeds = list(table["scale"].unique()), list(table["seed"].unique())[:12]
    texts = {(row.seed, row.scale): _response(row) for row in table.itertuples()}
    heights = [max(texts[seed, scale].count("\n") + 1.8 for scale in scales) * 0.165 for seed in seeds]
    fig = ScriptFigure(figsize=(10, sum(heights) + 0.9))
    ax = fig.add_axes((0.01, 0.01, 0.98, 0.98), xlim=(-0.2, len(scales)), ylim=(sum(heights) + 0.85, 0))
    ax.axis("off")
    for row in true.itertuples():
        line = f"{wrap(repr(row.prompt), 60, 1)}  →  {wrap(row.response.strip(), 75, 1)}"
        ax.text(-0.19, 0.05, line, va="top", fontsize=9)
    for x, header in [*enumerate(scales), (-0.19, "seed")]:
        ax.text(x, 0.45, header, va="top", weight="bold", fontsize=10)
    top = 0.75
    for i, (seed, height) in enumerate(zip(seeds, heights, strict=True)):
        ax.axhspan(top, top + height, color=("0.93", "1.0")[i % 2], zorder=0)
        ax.text(-0.19, top + 0.08, seed, va="top", fontsize=9)
        for x, scale in enumerate(scales):
            ax.text(x, top + 0.08, texts[seed, scale], va="top", fontsize=9, linespacing=1.25)
        top += height
    return fig


def _response(row) -> str:
    text = wrap(row.response.strip(), 46, 5) or "(nothing)"
    return f"{shown(repr(row.nearest))}:\n{text}" if row.scale == "real token" else text
