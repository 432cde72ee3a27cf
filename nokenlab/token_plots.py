"""Figures from tables: tokens, the space they lie in, and random nokens."""

from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import LogLocator

from .style import OKABE_ITO, figure, shown, spelled, wrap

_LETTER = 0.087  # width of a letter of the 10-point monospaced font, in inches
_PAGE = 9.8  # width for the pieces, in inches


def pieces(tokens: pd.DataFrame) -> Figure:
    """Texts as their tokens, from a `texts.tokens_of` table: a framed piece a token, its id below it.

    ␣ is a space, a box a letter that the font lacks. Shows the first 60 tokens of the first 30 texts.
    """
    titles, boxes = _layout(tokens)
    bottom = max(box.top for box in boxes) + 0.5
    fig = Figure(figsize=(_PAGE + 0.2, bottom + 0.1))
    ax = fig.add_axes((0, 0, 1, 1), xlim=(-0.1, _PAGE + 0.1), ylim=(bottom, -0.1))
    ax.axis("off")
    for left, top, title in titles:
        ax.text(left, top, title, fontsize=9, va="top", color="0.3")
    for box in boxes:
        frame = FancyBboxPatch(
            (box.left + 0.03, box.top + 0.03), box.width - 0.06, 0.38, boxstyle="round,pad=0.03"
        )
        frame.set(facecolor=(box.colour, 0.2), edgecolor=box.colour, linewidth=1.6)
        ax.add_patch(frame)
        middle = {"x": box.left + box.width / 2, "ha": "center", "va": "center", "family": "monospace"}
        ax.text(y=box.top + 0.13, s=shown(box.token), fontsize=10, **middle)
        ax.text(y=box.top + 0.32, s=box.id, fontsize=8, color="0.3", **middle)
    return fig


def _layout(tokens: pd.DataFrame) -> tuple[list, list["_Box"]]:
    """Where everything goes, in inches, downwards: titles (left, top, text), boxes; texts flow like words."""
    titles, boxes, x, y = [], [], 0.0, 0.0
    for text, table in list(tokens.groupby("text", sort=False))[:30]:
        title = f"{wrap(repr(text), 80, 1)}  {len(table)} token{'s' * (len(table) != 1)}"
        title += ", the first 60" if len(table) > 60 else ""
        seen = [_cut(spelled(token).replace(" ", "␣")) for token in table["token"][:60]]
        widths = [
            _LETTER * max(len(t), 0.8 * len(str(id))) + 0.14 for t, id in zip(seen, table["id"], strict=False)
        ]
        whole = max(sum(widths) + 0.07 * len(widths), 0.078 * len(title))
        if x and x + whole > _PAGE:
            x, y = 0.0, y + 0.76
        titles.append((x, y, title))
        left, right = x, x + whole
        for i, (token, id, width) in enumerate(zip(seen, table["id"], widths, strict=False)):
            if left and left + width > _PAGE:
                left, y, right = 0.0, y + 0.5, _PAGE  # a text of more lines has them for itself
            boxes.append(_Box(left, y + 0.2, width, token, id, OKABE_ITO[i % 6]))
            left += width + 0.07
        x = right + 0.25
    return titles, boxes


def _cut(text: str, length: int = 60) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


class _Box(NamedTuple):
    left: float
    top: float
    width: float
    token: str
    id: int
    colour: str


def cost_bars(costs: pd.DataFrame) -> Figure:
    """How many characters a token carries, a bar a text, from a `texts.cost` table. The first 30 texts."""
    costs = costs[:30][::-1]
    fig, ax = figure(10, 1.1 + 0.3 * len(costs))
    bars = ax.barh(range(len(costs)), costs["characters_per_token"], color=OKABE_ITO[4], edgecolor="black")
    counts = zip(costs["characters"], costs["tokens"], strict=True)
    ax.bar_label(bars, [f"{c} in {t}" for c, t in counts], padding=4, fontsize=9)
    ax.set_yticks(range(len(costs)), [wrap(repr(text), 44, 1) for text in costs["text"]], fontsize=9)
    ax.set(xlabel="characters a token", title="What a token buys (beside each bar: characters in tokens)")
    ax.margins(x=0.1, y=0.01)
    return fig


def space_map(lengths: pd.DataFrame, outliers: pd.DataFrame, centroid_norm: float) -> Figure:
    """All tokens by norm, and by norm and distance from the centroid, with the farthest out named.

    From the tables of `geometry.lengths` and `geometry.outliers`, and the norm of the centroid.
    """
    fig, (left, right) = figure(10, 4.4, columns=2)
    left.hist(lengths["norm"], bins=80, color=OKABE_ITO[4], label="norm of a token")
    outline = {"histtype": "step", "color": OKABE_ITO[5], "linewidth": 1.8}
    left.hist(lengths["distance"], bins=80, label="its distance from the centroid", **outline)
    left.axvline(centroid_norm, color="black", linestyle="--", label="norm of the centroid")
    left.set(xlabel="length", ylabel="tokens", title="How long tokens are, how far from the middle")
    left.set_xlim(left=0)
    left.set_ylim(top=left.get_ylim()[1] * 1.25)
    left.legend(fontsize=8, loc="upper right")
    cells = right.hexbin(
        lengths["norm"], lengths["distance"], gridsize=45, bins="log", cmap="cividis", mincnt=1
    )
    fig.colorbar(cells, ax=right, label="tokens in a cell")
    right.margins(0.2, 0.1)
    _name_outliers(right, outliers[outliers["rank"] == 1])
    right.set(xlabel="norm", ylabel="distance from the centroid", title="The first of each kind of outlier")
    return fig


def _name_outliers(ax, outliers: pd.DataFrame) -> None:
    places = {
        "shortest": (-8, 8, "right"),
        "longest": (-10, 0, "right"),
        "nearest the centroid": (36, -10, "left"),
        "farthest from the centroid": (-10, 0, "right"),
        "least like the centroid": (-12, 14, "right"),
    }
    for row in outliers.drop_duplicates("id").itertuples():
        dx, dy, side = places[row.which]
        ax.plot(row.norm, row.distance, "o", color=OKABE_ITO[5], markersize=5)
        ax.annotate(
            shown(repr(row.token)),
            (row.norm, row.distance),
            (dx, dy),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": "0.5", "shrinkB": 3},
        )


def kl_dots(table: pd.DataFrame) -> Figure:
    """How far each replacement moves the next token: a mark a seed, from a `replacements` table."""
    table = table[table["scale"] != "true token"]
    scales = list(table["scale"].unique())
    fig, ax = figure(10, 1.2 + 1.05 * len(scales))
    for y, scale in enumerate(scales):
        rows = table[table["scale"] == scale].sort_values("kl")
        lanes = [y + 0.2 * (i % 4 - 1.5) for i in range(len(rows))]  # so that none hides its neighbour
        look = {"markerfacecolor": "white", "markeredgecolor": OKABE_ITO[y], "markeredgewidth": 1.8}
        ax.plot(rows["kl"], lanes, "osD"[y], markersize=14, **look)
        middle = rows["kl"].median()
        ax.plot([middle, middle], [y - 0.45, y + 0.45], color="black", linewidth=1.5, zorder=0)
        for kl, lane, seed in zip(rows["kl"], lanes, rows["seed"], strict=True):
            ax.text(kl, lane, seed, fontsize=8, ha="center", va="center")
    if table["kl"].min() > 1e-3:
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
    ax.set_yticks(range(len(scales)), scales)
    ax.set(
        xlabel="KL from the prompt as it was, in bits",
        ylim=(len(scales) - 0.5, -0.5),
        title="How far the next token's distribution moves (numbers: seeds; line: median)",
    )
    return fig


def nearness_bars(nearness: pd.DataFrame) -> Figure:
    """How near the nearest token is to random nokens and to real tokens, from a `nearness` table."""
    fig, ax = figure(10, 3.4)
    for i, (of, rows) in enumerate(nearness.groupby("of", sort=False)):
        look = {"color": OKABE_ITO[i], "alpha": 0.6, "edgecolor": "black", "hatch": ["", "//"][i % 2]}
        ax.hist(rows["cosine"], bins=40, range=(0, 1), label=f"{len(rows)} {of}s", **look)
    ax.set(
        xlim=(0, 1),
        xlabel="cosine to the nearest (other) token; 1 is the same direction",
        ylabel="how many",
        title="How near is the nearest token?",
    )
    ax.legend()
    return fig


def said(table: pd.DataFrame) -> Figure:
    """What the model says with each replacement, from a `replacements` table: a row a seed, a column a scale.

    A real token is named over its text. Shows the first 12 seeds.
    """
    true, table = table[table["scale"] == "true token"], table[table["scale"] != "true token"]
    scales, seeds = list(table["scale"].unique()), list(table["seed"].unique())[:12]
    texts = {(row.seed, row.scale): _speech(row) for row in table.itertuples()}
    heights = [max(texts[seed, scale].count("\n") + 1.8 for scale in scales) * 0.165 for seed in seeds]
    fig = Figure(figsize=(10, sum(heights) + 0.9))
    ax = fig.add_axes((0.01, 0.01, 0.98, 0.98), xlim=(-0.2, len(scales)), ylim=(sum(heights) + 0.85, 0))
    ax.axis("off")
    for row in true.itertuples():
        ax.text(
            -0.19,
            0.05,
            f"{wrap(repr(row.prompt), 60, 1)}  →  {wrap(row.response.strip(), 75, 1)}",
            va="top",
            fontsize=9,
        )
    for x, scale in enumerate(scales):
        ax.text(x, 0.45, scale, va="top", weight="bold", fontsize=10)
    ax.text(-0.19, 0.45, "seed", va="top", weight="bold", fontsize=10)
    top = 0.75
    for i, (seed, height) in enumerate(zip(seeds, heights, strict=True)):
        ax.axhspan(top, top + height, color=("0.93", "1.0")[i % 2], zorder=0)
        ax.text(-0.19, top + 0.08, seed, va="top", fontsize=9)
        for x, scale in enumerate(scales):
            ax.text(x, top + 0.08, texts[seed, scale], va="top", fontsize=9, linespacing=1.25)
        top += height
    return fig


def _speech(row) -> str:
    named = f"{shown(repr(row.nearest))}:\n" if row.scale == "real token" else ""
    return named + (wrap(row.response.strip(), 46, 5) or "(nothing)")
