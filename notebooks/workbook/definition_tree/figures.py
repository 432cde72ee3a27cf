"""Figures of definition trees, from `tables.trees` and `counts.by_depth`."""

from functools import cache

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

from nokenlab.errors import cut
from nokenlab.palette import OKABE_ITO
from workbook.definition_tree.counts import greedy
from workbook.definition_tree.tables import COMPLETE, DEEP, ENDED, GOES_ON, STOP, UNLIKELY
from workbook.style import ScriptFigure, legend_outside, panels, shown

_ROW, _GAP, _PAGE = 0.23, 0.4, 10.0  # inches: between rows, between columns (at least), the page's width
_TOP, _BOTTOM, _END = 0.8, 0.45, 0.75  # inches: above the first row, below the last, behind the last column
_LABEL = 14  # letters of a label, at most
_SIGNS = {STOP: ("s", OKABE_ITO[5]), ENDED: ("D", OKABE_ITO[2]), UNLIKELY: ("x", "0.4"), DEEP: (">", "0.4")}
_BLUE, _GREY = OKABE_ITO[0], "0.6"
_PARTS = {
    "on": ("in the tree, not ended", OKABE_ITO[0], ""),
    "ended": ("in the tree, ended", OKABE_ITO[5], ""),
    "cut_rank": ("cut: not among the k likeliest", "0.92", "..."),
    "cut_threshold": ("cut: under the threshold", "0.75", "///"),
    "cut_room": ("cut: no room", "0.4", ""),
}


def draw(tree: pd.DataFrame, rows: int = 34) -> Figure:
    """The likeliest nodes of one subject of a `trees` table, left to right: as many as make `rows` branches.

    One column per token; the likeliest child is on its parent's row, so that the top row is the greedy
    text. The thickness of a line is the square root of the cumulative probability, which is written at the
    end of each branch.
    """
    nodes = _fitting(tree.assign(greedy=greedy(tree)).set_index("node"), rows)
    nodes["leaf"] = ~nodes.index.isin(nodes["parent"])
    row_of = _rows(nodes)
    fig = ScriptFigure(figsize=(_PAGE, _TOP + _ROW * (max(row_of.values()) + 1) + _BOTTOM))
    ax = fig.add_axes((0, 0, 1, 1), xlim=(0, _PAGE), ylim=(fig.get_figheight(), 0))
    ax.axis("off")
    for node in nodes.itertuples():
        y = _TOP + _ROW * row_of[node.Index]
        if node.depth:
            _line(ax, nodes.loc[node.parent], _TOP + _ROW * row_of[node.parent], node, y)
        ax.text(node.x, y, node.label, fontproperties=_font(node.greedy), va="center")
        if node.leaf:
            _end(ax, node, y)
    title = f"{shown(tree['subject'].iloc[0])}: the {len(nodes) - 1} likeliest of {len(tree) - 1} nodes, "
    title += f"in {nodes['leaf'].sum()} branches, each with its cumulative probability"
    ax.text(0.1, 0.2, title, fontsize=11, va="center")
    for depth, x in nodes.groupby("depth")["x"].first().items():
        ax.text(x, 0.5, f"token {depth}" if depth else "", fontsize=8, color="0.4", va="center")
    _legend(fig, nodes)
    return fig


def mass_bars(depths: pd.DataFrame) -> Figure:
    """Where all the probability is after each token, from a `by_depth` table: one panel per subject, up to 8.

    A part that is under half a percent everywhere is left out.
    """
    drawn = depths[depths["subject"].isin(depths["subject"].unique()[:8])]
    fig, by_subject = panels(drawn, "subject", 10, 3.8, sharey=True)
    for ax, name, rows in by_subject:
        bottom = 0
        for part, (label, colour, hatch) in _PARTS.items():
            if depths[part].max() > 0.005:
                look = {"color": colour, "hatch": hatch, "edgecolor": "0.3", "linewidth": 0.5}
                ax.bar(rows["depth"], rows[part], 0.85, bottom, label=label, **look)
                bottom = bottom + rows[part]
        ax.set_title(shown(name), fontsize=10)
        ax.xaxis.get_major_locator().set_params(integer=True)
    fig.axes[0].set_ylabel("share of the probability")
    fig.supxlabel("tokens of the definition so far", fontsize=10)
    legend_outside(fig, 4)
    return fig


def _fitting(tree: pd.DataFrame, rows: int) -> pd.DataFrame:
    """The likeliest nodes that make at most so many branches and fit the page, with label, width and x."""
    chosen, parents, branches = [], set(), 0
    for node in tree.sort_values("cumulative", ascending=False, kind="stable").itertuples():
        # a first child goes on with its parent's branch
        branches += node.parent in parents or node.depth == 0
        if branches > rows:
            break
        parents.add(node.parent)
        chosen.append(node.Index)
    nodes = tree.loc[sorted(chosen)]
    names = [_label(n.token, n.depth) if n.depth else cut(n.subject, _LABEL) for n in nodes.itertuples()]
    widths = [_inches(name, bold) for name, bold in zip(names, nodes["greedy"], strict=True)]
    nodes = nodes.assign(label=[shown(name) for name in names], width=widths)
    columns = nodes.groupby("depth")["width"].max().clip(lower=0.5)
    fits = columns[(columns + _GAP).cumsum() < _PAGE - _END]
    gap = min((_PAGE - _END - fits.sum()) / len(fits), 2 * _GAP)
    lefts = (fits + gap).cumsum().shift(fill_value=0) + 0.1
    nodes = nodes[nodes["depth"].isin(fits.index)]
    return nodes.assign(x=nodes["depth"].map(lefts))


def _rows(nodes: pd.DataFrame) -> dict[int, int]:
    """The row of each node: the likeliest child its parent's, the others below, one after the other."""
    children = nodes.iloc[1:].sort_values("cumulative", ascending=False, kind="stable")
    children = children.groupby("parent").groups
    row_of, waiting, row = {}, [(0, True)], -1
    while waiting:
        node, new = waiting.pop()
        row += new
        row_of[node] = row
        below = list(children.get(node, []))
        waiting += [(child, rank > 0) for rank, child in enumerate(below)][::-1]
    return row_of


def _line(ax: Axes, parent, top: float, node, y: float) -> None:
    """From behind the parent's label to the child's: along its row, down, and along the child's."""
    down = node.x - 0.22
    look = {"color": _BLUE if node.greedy else _GREY, "linewidth": _thick(node.cumulative)}
    start = parent.x + parent.width + 0.04 if top == y else down
    path = [(start, top), (down, top), (down, y), (node.x - 0.04, y)]
    order = 2 if node.greedy else 1
    ax.plot(*zip(*path, strict=True), solid_capstyle="butt", solid_joinstyle="round", zorder=order, **look)


def _end(ax: Axes, node, y: float) -> None:
    """Behind the last label of a branch: how it ends there, and its probability."""
    x = node.x + node.width + 0.1
    if node.ends == GOES_ON:
        ax.text(x - 0.05, y, "…", fontproperties=_font(False), va="center")
    else:
        marker, colour = _SIGNS[node.ends]
        ax.plot(x, y, marker, color=colour, markersize=5)
    ax.text(x + 0.12, y, f"{100 * node.cumulative:.2g} %", fontsize=8, color="0.35", va="center")


def _legend(fig: Figure, nodes: pd.DataFrame) -> None:
    handles = [Line2D([], [], color=_BLUE, linewidth=2, label="greedy")]
    for share in (0.1, 0.01, 0.001):
        label = f"{100 * share:g} % (cumulative)" if share == 0.001 else f"{100 * share:g} %"
        handles.append(Line2D([], [], color=_GREY, linewidth=_thick(share), label=label))
    leaves = nodes[nodes["leaf"]]
    for ends, (marker, colour) in _SIGNS.items():
        if (leaves["ends"] == ends).any():
            label = f"ends: {ends}" if ends in COMPLETE else f"all that follows is {ends}"
            look = {"linestyle": "", "marker": marker, "color": colour, "markersize": 5}
            handles.append(Line2D([], [], label=label, **look))
    if (leaves["ends"] == GOES_ON).any():
        handles.append(Line2D([], [], linestyle="", marker="$…$", color="black", label="goes on, not drawn"))
    fig.legend(handles=handles, loc="lower left", ncols=len(handles), fontsize=8, frameon=False)


@cache
def _font(bold: bool) -> FontProperties:
    """The font of labels; made with the first figure, since `style` adds fonts only then."""
    return FontProperties(size=10, weight="bold" if bold else "normal")


def _thick(share: float) -> float:
    return max(9 * share**0.5, 0.5)


def _label(token: str, depth: int) -> str:
    """A token without its space, which the first token keeps as ␣; with - in front if it continues a word."""
    bare = token.strip(" ")
    begins = token.startswith(" ")
    if depth == 1 or not bare:
        label = f"␣{bare}" if begins else bare
    else:
        label = bare if begins or not bare[0].isalnum() else f"-{bare}"
    return cut(label, _LABEL)


def _inches(text: str, bold: bool) -> float:
    """How wide a label is drawn."""
    drawn = shown(text).replace(r"\$", "$")
    return text_to_path.get_text_width_height_descent(drawn, _font(bold), ismath=False)[0] / 72
