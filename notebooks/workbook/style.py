"""What all figures share: markers, legends, ticks, drawable text. Their colours are `nokenlab.palette`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from matplotlib.figure import Figure
from matplotlib.text import Text

from nokenlab.palette import OKABE_ITO
from nokenlab.spelling import spelled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BLACK_FIRST = [OKABE_ITO[i] for i in (7, 0, 1, 2, 3, 5, 4)]
MARKERS = "os^Dv*X"  # one shape per colour, so that colour is never the only sign
NOTO = {  # for letters that Matplotlib's DejaVu does not have: font -> package and file
    "Noto Sans CJK JP": ("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf"),
    "Noto Emoji": ("manimgx_fonts", "NotoEmoji[wght].ttf"),
}
_SCRIPTS = "NotoSans*[[]wght].ttf"  # fonts of other scripts, in the package of Noto Emoji
_HALF = "\ue000"  # stands for the second half of a wide letter while lines are measured


class ScriptFigure(Figure):
    """A figure whose texts are drawn in the fonts of their scripts: Devanagari, Thai, Ethiopic, …

    Only texts that need such a font have it, since each font makes every text slower to draw.
    """

    def draw(self, renderer) -> None:
        letters = _letters()
        for text in self.findobj(Text):
            fonts = {_scripts().get(ord(char)) for char in text.get_text() if ord(char) not in letters}
            if missing := fonts - {None, *text.get_family()}:
                text.set_family([*text.get_family(), *sorted(missing)])
        super().draw(renderer)


def figure(width: float, height: float, *, rows: int = 1, columns: int = 1, **shared):
    """An empty figure, width × height inches, and its axes: one, or an array. Not a pyplot figure."""
    add_fonts()
    fig = ScriptFigure(figsize=(width, height), layout="constrained")
    axes = fig.subplots(rows, columns, **shared)
    for ax in fig.axes:
        ax.spines[["top", "right"]].set_visible(False)
    return fig, axes


def panels(
    table: pd.DataFrame, by: str, width: float, height: float, columns: int = 0, margin: float = 0, **shared
) -> tuple[Figure, list[tuple[Axes, str, pd.DataFrame]]]:
    """A figure with one panel for each value of the column `by`: axes, value and rows of each.

    In inches: width of the figure, height of a row of panels, and margin above all rows. columns: panels side
    by side, 0 for all.
    """
    groups = list(table.groupby(by, sort=False))
    columns = min(columns or len(groups), len(groups))
    rows = -(-len(groups) // columns)
    fig, axes = figure(width, height * rows + margin, rows=rows, columns=columns, squeeze=False, **shared)
    for ax in axes.flat[len(groups) :]:
        ax.axis("off")
    return fig, [(ax, *group) for ax, group in zip(axes.flat, groups, strict=False)]


def line_look(number: int, colours: Sequence[str] = OKABE_ITO, **more) -> dict:
    """The colour and the marker of the line of this number, and what more is given."""
    return {"color": colours[number % len(colours)], "marker": MARKERS[number % len(MARKERS)]} | more


def legend_outside(fig: Figure, columns: int, where: str = "upper center") -> None:
    """One legend for all axes, outside of them; equal labels once, with their first handle."""
    handles = {}
    for ax in fig.axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    look = {"loc": f"outside {where}", "ncols": columns, "fontsize": 9, "frameon": False}
    fig.legend(handles.values(), handles.keys(), **look)


def ticks_in_medians(ax: Axes, values: list[float], medians: list[float]) -> None:
    """One evenly spaced tick per value: the value, and below it the same in median tokens' distances."""
    pairs = zip(values, medians, strict=True)
    labels = [f"{v:g}\n{m:.2g}" if m < 100 else f"{v:g}\n{m:.0f}" for v, m in pairs]
    ax.set_xticks(range(len(labels)), labels, fontsize=8)


def reach(rows: pd.DataFrame, value: str, low: str = "low", high: str = "high") -> list[pd.Series]:
    """Lengths of the error bars down and up, from the columns of an interval."""
    below, above = rows[value] - rows[low], rows[high] - rows[value]
    return [below.clip(lower=0), above.clip(lower=0)]  # rounding can make them -1e-17


def shown(text: str) -> str:
    """`text` for a figure: `spelled`, dollars escaped, and □ for a letter that no font here has."""
    letters = _letters()

    def drawable(char: str) -> bool:
        return ord(char) in letters or ord(char) in _scripts()

    chars = (char if drawable(char) else "\N{WHITE SQUARE}" for char in spelled(text))
    return "".join(chars).replace("$", r"\$")


def wrap(text: str, width: int, lines: int | None = None) -> str:
    """`shown(text)` in at most `lines` lines of at most `width` characters; wide characters count two."""
    doubled = "".join(c + _HALF if east_asian_width(c) in "WFA" else c for c in spelled(text))
    wrapped = textwrap.wrap(doubled, width, max_lines=lines, placeholder=" …")
    return "\n".join(shown(line.replace(_HALF, "")) for line in wrapped)


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


@cache
def _letters() -> frozenset[int]:
    """The code points that the fonts of all texts have."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties, findfont, get_font

    add_fonts()
    paths = (findfont(FontProperties(family=[name])) for name in rcParams["font.family"])
    return frozenset().union(*(get_font(path).get_charmap() for path in paths))


@cache
def _scripts() -> dict[int, str]:
    """The font of each code point that the fonts of all texts do not have."""
    from matplotlib.font_manager import fontManager, get_font

    package, _ = NOTO["Noto Emoji"]
    fonts = {}
    for file in sorted(files(package).glob(_SCRIPTS)) if find_spec(package) else []:
        fontManager.addfont(file)
        fontManager.ttflist.append(replace(fontManager.ttflist[-1], weight="bold"))  # drawn as regular
        for letter in get_font(file).get_charmap():
            fonts.setdefault(letter, fontManager.ttflist[-1].name)
    return fonts
