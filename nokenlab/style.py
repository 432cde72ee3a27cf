"""What all figures share: colours that colour-blind people tell apart, legends, ticks, drawable text.

Matplotlib is imported when a figure is made: pages of HTML take their colours from here too.
"""

from __future__ import annotations

import textwrap
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000"]
MARKERS = "os^Dv*X"  # beside each colour a shape, so that colour is never the only sign
NOTO = {  # for letters that Matplotlib's DejaVu has not: font -> package and file
    "Noto Sans CJK JP": ("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf"),
    "Noto Emoji": ("manimgx_fonts", "NotoEmoji[wght].ttf"),
}
_HALF = "\ue000"  # stands for the second half of a wide letter while lines are measured


def figure(width: float, height: float, *, rows: int = 1, columns: int = 1, **shared):
    """An empty figure of so many inches, and its axes: one, or an array of them. Not a pyplot figure."""
    from matplotlib.figure import Figure

    add_fonts()
    fig = Figure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(rows, columns, **shared)
    for ax in fig.axes:
        ax.spines[["top", "right"]].set_visible(False)
    return fig, axes


def legend_outside(fig: Figure, axes: list[Axes], columns: int, where: str = "upper center") -> None:
    """One legend for several axes, outside of them; a label that comes twice is shown once."""
    named = {}
    for ax in axes:
        handles, labels = ax.get_legend_handles_labels()
        named |= {label: handle for label, handle in zip(labels, handles, strict=True) if label not in named}
    look = {"loc": f"outside {where}", "ncols": columns, "fontsize": 9, "frameon": False}
    fig.legend(named.values(), named.keys(), **look)


def ticks_in_medians(ax: Axes, values: list[float], medians: list[float]) -> None:
    """One place a value, evenly spaced: the value above, the same in median tokens' distances below."""
    names = [
        f"{v:g}\n{m:.2g}" if m < 100 else f"{v:g}\n{m:.0f}" for v, m in zip(values, medians, strict=True)
    ]
    ax.set_xticks(range(len(names)), names, fontsize=8)


def reach(rows: pd.DataFrame, value: str, low: str = "low", high: str = "high") -> list[pd.Series]:
    """Lengths of the error bars down and up, from the columns of an interval."""
    below, above = rows[value] - rows[low], rows[high] - rows[value]
    return [below.clip(lower=0), above.clip(lower=0)]  # rounding can make them -1e-17


def shown(text: str) -> str:
    """`text` for a figure: no mathematics between dollars, newlines and the like spelled out (\\n), and a
    box □ for what no font here has a letter for."""
    return "".join(map(_drawable, spelled(text))).replace("$", r"\$")


def spelled(text: str) -> str:
    """`text` on one line: what has no look of its own is written as Python does, \\n, \\u200b."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def wrap(text: str, width: int, lines: int | None = None) -> str:
    """`shown(text)` in at most so many lines of at most `width` characters, of which wide ones count two."""
    doubled = "".join(c + _HALF if east_asian_width(c) in "WFA" else c for c in spelled(text))
    found = textwrap.wrap(doubled, width, max_lines=lines, placeholder=" …")
    return "\n".join(shown(line.replace(_HALF, "")) for line in found)


@cache
def add_fonts() -> None:
    """Chinese, Japanese, Korean and emoji for all figures made from here on, where DejaVu has no letter."""
    from matplotlib import rcParams
    from matplotlib.font_manager import fontManager

    for name, (package, file) in NOTO.items():
        if find_spec(package):  # without it a letter is a box
            fontManager.addfont(files(package) / file)
            fontManager.ttflist.append(replace(fontManager.ttflist[-1], weight="bold"))  # drawn as regular
            rcParams["font.family"] = [*rcParams["font.family"], name]


def _drawable(char: str) -> str:
    return char if ord(char) in _letters() else "\N{WHITE SQUARE}"


@cache
def _letters() -> frozenset[int]:
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties, findfont, get_font

    add_fonts()
    found = (findfont(FontProperties(family=[name])) for name in rcParams["font.family"])
    return frozenset().union(*(get_font(font).get_charmap() for font in found))


def cut(text: str, length: int = 60) -> str:
    """`text` in at most so many letters, the last then an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"
