"""Figures of notebook 01."""

from typing import NamedTuple
from unicodedata import east_asian_width

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from nokenlab.errors import cut
from nokenlab.palette import OKABE_ITO
from nokenlab.spelling import spelled
from workbook.style import NOTO, ScriptFigure, add_fonts, figure, shown, wrap

_LETTER = 0.087  # width of a letter of the 10-point monospaced font, in inches
_PAGE = 9.8  # width for the frames, in inches
_FONTS = ["monospace", *NOTO]


class _Frame(NamedTuple):
    left: float
    top: float
    width: float
    token: str
    id: int
    colour: str


def token_frames(tokens: pd.DataFrame) -> Figure:
    """Texts as their tokens, from a `tokens_of` table: one frame per token, with its id below it.

    ␣ is a space. Shows the first 60 tokens of the first 30 texts.
    """
    add_fonts()
    titles, frames = _layout(tokens)
    bottom = max(frame.top for frame in frames) + 0.5
    fig = ScriptFigure(figsize=(_PAGE + 0.2, bottom + 0.1))
    ax = fig.add_axes((0, 0, 1, 1), xlim=(-0.1, _PAGE + 0.1), ylim=(bottom, -0.1))
    ax.axis("off")
    for left, top, title in titles:
        ax.text(left, top, title, fontsize=9, va="top", color="0.3")
    for left, top, width, token, id, colour in frames:
        box = FancyBboxPatch((left + 0.03, top + 0.03), width - 0.06, 0.38, boxstyle="round,pad=0.03")
        box.set(facecolor=(colour, 0.2), edgecolor=colour, linewidth=1.6)
        ax.add_patch(box)
        centred = {"x": left + width / 2, "ha": "center", "va": "center", "family": _FONTS}
        ax.text(y=top + 0.13, s=shown(token), fontsize=10, **centred)
        ax.text(y=top + 0.32, s=id, fontsize=8, color="0.3", **centred)
    return fig


def _layout(table: pd.DataFrame) -> tuple[list[tuple[float, float, str]], list[_Frame]]:
    """Titles (left, top, text) and frames, in inches from the top left; texts flow like words."""
    titles, frames, x, y = [], [], 0.0, 0.0
    for text, rows in list(table.groupby("text", sort=False))[:30]:
        tokens = "1 token" if len(rows) == 1 else f"{len(rows)} tokens"
        title = f"{wrap(repr(text), 80, 1)}  {tokens}" + (", the first 60" if len(rows) > 60 else "")
        rows = rows[:60]
        spellings = [cut(spelled(token).replace(" ", "␣"), 50) for token in rows["token"]]
        widths = [
            _LETTER * max(_columns(spelling), 0.8 * len(str(id))) + 0.14
            for spelling, id in zip(spellings, rows["id"], strict=True)
        ]
        total = max(sum(widths) + 0.07 * len(widths), 0.078 * _columns(title))
        if x and x + total > _PAGE:
            x, y = 0.0, y + 0.76
        titles.append((x, y, title))
        left, right = x, x + total
        for i, (spelling, id, width) in enumerate(zip(spellings, rows["id"], widths, strict=True)):
            if left and left + width > _PAGE:
                left, y, right = 0.0, y + 0.5, _PAGE  # nothing stands beside a text of several lines
            frames.append(_Frame(left, y + 0.2, width, spelling, id, OKABE_ITO[i % 6]))
            left += width + 0.07
        x = right + 0.25
    return titles, frames


def _columns(text: str) -> int:
    """The width of a text in letters; Chinese, Japanese, Korean letters and emoji count two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def cost_bars(costs: pd.DataFrame) -> Figure:
    """Characters per token, one bar per text, from a `cost` table. The first 30 texts."""
    costs = costs[:30][::-1]
    fig, ax = figure(10, 1.1 + 0.3 * len(costs))
    bars = ax.barh(range(len(costs)), costs["characters_per_token"], color=OKABE_ITO[4], edgecolor="black")
    counts = zip(costs["characters"], costs["tokens"], strict=True)
    ax.bar_label(bars, [f"{c} in {t}" for c, t in counts], padding=4, fontsize=9)
    ax.set_yticks(range(len(costs)), [wrap(repr(text), 44, 1) for text in costs["text"]], fontsize=9)
    ax.set(xlabel="characters a token", title="What a token buys (beside each bar: characters in tokens)")
    ax.margins(x=0.1, y=0.01)
    return fig
