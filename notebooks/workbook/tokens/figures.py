"""Figures of notebook 01."""

from typing import NamedTuple
from unicodedata import east_asian_width

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from nokenlab.style import NOTO, OKABE_ITO, add_fonts, cut, figure, shown, spelled, wrap

_LETTER = 0.087  # width of a letter of the 10-point monospaced font, in inches
_PAGE = 9.8  # width for the frames, in inches
_FONTS = ["monospace", *NOTO]


def token_frames(tokens: pd.DataFrame) -> Figure:
    """Texts as their tokens, from a `tokens.tokens_of` table: a frame a token, its id below it in the frame.

    ␣ is a space. Shows the first 60 tokens of the first 30 texts.
    """
    add_fonts()
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
        middle = {"x": box.left + box.width / 2, "ha": "center", "va": "center", "family": _FONTS}
        ax.text(y=box.top + 0.13, s=shown(box.token), fontsize=10, **middle)
        ax.text(y=box.top + 0.32, s=box.id, fontsize=8, color="0.3", **middle)
    return fig


def _layout(tokens: pd.DataFrame) -> tuple[list, list["_Box"]]:
    """Where everything goes, in inches, downwards: titles (left, top, text), boxes; texts flow like words."""
    titles, boxes, x, y = [], [], 0.0, 0.0
    for text, table in list(tokens.groupby("text", sort=False))[:30]:
        title = f"{wrap(repr(text), 80, 1)}  {len(table)} token{'s' * (len(table) != 1)}"
        title += ", the first 60" if len(table) > 60 else ""
        seen = [cut(spelled(token).replace(" ", "␣"), 50) for token in table["token"][:60]]
        letters = [max(_columns(t), 0.8 * len(str(id))) for t, id in zip(seen, table["id"], strict=False)]
        widths = [_LETTER * count + 0.14 for count in letters]
        whole = max(sum(widths) + 0.07 * len(widths), 0.078 * _columns(title))
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


def _columns(text: str) -> int:
    """How many letters wide a text is; Chinese, Japanese, Korean letters and emoji count two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


class _Box(NamedTuple):
    left: float
    top: float
    width: float
    token: str
    id: int
    colour: str


def cost_bars(costs: pd.DataFrame) -> Figure:
    """How many characters a token carries, a bar a text, from a `tokens.cost` table. The first 30 texts."""
    costs = costs[:30][::-1]
    fig, ax = figure(10, 1.1 + 0.3 * len(costs))
    bars = ax.barh(range(len(costs)), costs["characters_per_token"], color=OKABE_ITO[4], edgecolor="black")
    counts = zip(costs["characters"], costs["tokens"], strict=True)
    ax.bar_label(bars, [f"{c} in {t}" for c, t in counts], padding=4, fontsize=9)
    ax.set_yticks(range(len(costs)), [wrap(repr(text), 44, 1) for text in costs["text"]], fontsize=9)
    ax.set(xlabel="characters a token", title="What a token buys (beside each bar: characters in tokens)")
    ax.margins(x=0.1, y=0.01)
    return fig
