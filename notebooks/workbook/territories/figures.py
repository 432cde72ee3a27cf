"""Figures of maps of answers, from the tables of `territory_map` and `territories.tables`.

A territory is identified by its letter, by its border, and by a colour that none of its neighbours has.
"""

import math
from itertools import chain

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, DrawingArea, HPacker, TextArea, VPacker
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from nokenlab.answers.blends import letters
from nokenlab.answers.mesh import pieces_of
from nokenlab.answers.planes import Plane
from nokenlab.answers.territory_colours import colours
from nokenlab.errors import cut
from nokenlab.palette import OKABE_ITO
from nokenlab.prompt import NOKEN
from workbook.style import figure, shown, wrap

HALO = [patheffects.withStroke(linewidth=3, foreground="white")]
LINE = "0.15"
LARGEST = 17  # points, of a territory's letter
MOST_NAMED = 12  # territories in the legend
MOST_NEAR = 9  # tokens on a map


def answer_map(
    table: pd.DataFrame,
    plane: Plane,
    prompt: str,
    near: pd.DataFrame | None = None,
    borders: pd.DataFrame | None = None,
) -> Figure:
    """A `territory_map` with its triangle and the tokens near it; beside it, the text of each territory.

    `near` is a `near_tokens` table; `borders` a `tables.borders` one, else they run halfway between cells.
    """
    fig, (ax, side) = figure(12, 6.4, columns=2, width_ratios=[6.4, 5.6])
    colour, reach = colours(table), table["x"].max()
    _regions(ax, table, colour, borders)
    occupied = _letters(ax, table, colour) + _triangle(ax, plane)
    if near is not None:
        _near(ax, near, [corner.label for corner in plane.corners], occupied, reach)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    _scale(ax, reach)
    _legend(side, table, colour)
    title = wrap(prompt.replace(NOKEN, "▢") + " …", 46, lines=3)
    side.set_title(title, loc="left", fontsize=13, fontweight="bold")
    return fig


def side_by_side(maps: dict[str, pd.DataFrame], plane: Plane, first: pd.DataFrame) -> Figure:
    """`triangle` maps of one plane, and of its outputs mixed, by name: the same text has the same letter.

    Letters and colours are those of the `answer_map` of `first`; texts that it lacks come after.
    """
    joined = pd.concat(maps.values())
    by_area = [table["begins"].value_counts().index for table in (first, joined)]
    names = letters(chain.from_iterable(by_area))
    named = {of: table.assign(territory=table["begins"].map(names)) for of, table in maps.items()}
    colour = colours(first, *named.values())
    rows = -(-(len(maps) + 1) // 2)
    fig, axes = figure(12, 5 * rows, rows=rows, columns=2, squeeze=False)
    for ax, (of, table) in zip(axes.flat, named.items(), strict=False):
        _regions(ax, table, colour)
        _letters(ax, table, colour)
        _triangle(ax, plane)
        ax.set(title=of, aspect="equal", xticks=[], yticks=[])
        ax.margins(0.12)
        ax.spines[:].set_visible(False)
    for ax in axes.flat[len(maps) :]:
        ax.axis("off")
    _legend(axes.flat[len(maps)], joined.assign(territory=joined["begins"].map(names)), colour)
    return fig


def count_bars(counted: pd.DataFrame) -> Figure:
    """Counts and shares of a `compared` table: bars are means over the triples, a small mark is a triple."""
    values = {
        "territories": "territories",
        "inner": "territories that no edge touches",
        "own": "share with a corner's own answer",
    }
    fig, axes = figure(12, 3.4, columns=len(values), sharey=True)
    for ax, (value, label) in zip(axes, values.items(), strict=True):
        each = counted.pivot_table(index="of", columns="triple", values=value, sort=False)
        mean, y = each.mean(axis=1), range(len(each))
        ax.barh(y, mean, color=[OKABE_ITO[0], *["0.75"] * (len(each) - 1)], height=0.6)
        if each.shape[1] > 1:
            ax.plot(each, y, "|", color=LINE, markersize=9, alpha=0.6)
        for position, x in enumerate(mean):
            ax.annotate(f"{x:.3g}", (x, position), (5, 0), textcoords="offset points", va="center")
        end = max(each.max(axis=None), 0.1) * 1.15
        ax.set(title=label, xlim=(0, end), ylim=(len(each) - 0.5, -0.5))
        ax.xaxis.get_major_locator().set_params(integer=value != "own")
        ax.set_yticks(y, each.index)
    return fig


def _regions(ax: Axes, table: pd.DataFrame, colour: dict, borders: pd.DataFrame | None = None) -> None:
    """Fill the territories and draw their borders, between two cells where `borders` says, else halfway.

    Each piece of the mesh is cut into a part for each of its corners; they meet in the middle of its borders.
    """
    pieces, points = pieces_of(table), table[["x", "y"]].to_numpy()
    corners, names = points[pieces], table["territory"].to_numpy()[pieces]  # (pieces, corners, 2) and names
    crossing = (corners + np.roll(corners, -1, axis=1)) / 2
    if borders is not None:
        crossing = _crossings(pieces, points, borders)
    differ = names != np.roll(names, -1, axis=1)
    weight = np.where(differ.any(axis=1, keepdims=True), differ, True)[..., None]  # if none differs: all
    middle = (crossing * weight).sum(1, keepdims=True) / weight.sum(1, keepdims=True)
    middle = np.broadcast_to(middle, corners.shape)
    parts = np.stack([corners, crossing, middle, np.roll(crossing, 1, axis=1)], axis=2).reshape(-1, 4, 2)
    faces = [colour[name] for name in names.ravel()]
    look = {"facecolors": faces, "edgecolors": faces, "linewidths": 0.4, "antialiased": False}
    ax.add_collection(PolyCollection(parts, **look))
    lines = np.stack([crossing, middle], axis=2)[differ]
    ax.add_collection(LineCollection(lines, colors=LINE, linewidths=1, capstyle="round"))


def _crossings(pieces: np.ndarray, points: np.ndarray, borders: pd.DataFrame) -> np.ndarray:
    """Where a border crosses the sides of each piece, (pieces, corners, 2): as `borders` says, or halfway."""
    first, second = np.sort([pieces, np.roll(pieces, -1, axis=1)], axis=0)  # rows of points
    crossing = (points[first] + points[second]) / 2
    exact = borders.set_index(borders["cell"] * len(points) + borders["other_cell"])[["x", "y"]]
    at = exact.index.get_indexer((first * len(points) + second).ravel()).reshape(pieces.shape)
    crossing[at >= 0] = exact.to_numpy()[at[at >= 0]]
    return crossing


def _letters(ax: Axes, table: pd.DataFrame, colour: dict[str, str]) -> list[tuple[float, float]]:
    """Each territory's letter, farthest from its borders, larger if there is room; the letters' positions."""
    positions = []
    points, names = table[["x", "y"]].to_numpy(), table["territory"].to_numpy()
    unit, inward = np.ptp(points[:, 0]) / 100, _inward(table)
    for rows in _connected(table):
        name = names[rows[0]]
        others = names != name
        room = cKDTree(points[others]).query(points[rows])[0] if others.any() else inward[rows]
        best = np.minimum(room, inward[rows] + 2 * unit).argmax()
        position = tuple(points[rows[best]])
        look = {"ha": "center", "va": "center", "fontweight": "bold", "color": LINE, "zorder": 4}
        halo = [patheffects.withStroke(linewidth=3, foreground=colour[name])]
        size = np.clip(5 + room[best] / unit, 7, LARGEST)
        ax.text(*position, name, fontsize=size, path_effects=halo, **look)
        positions.append(position)
    return positions


def _inward(table: pd.DataFrame) -> np.ndarray:
    """How far each point is from the edges of its square map or, nearly, of its triangle."""
    if pieces_of(table).shape[1] == 3:
        return table[["weight_a", "weight_b", "weight_c"]].min(axis=1).to_numpy() * np.ptp(table["y"])
    return table["x"].max() - table[["x", "y"]].abs().max(axis=1).to_numpy()


def _connected(table: pd.DataFrame) -> list[np.ndarray]:
    """The rows of each connected part of a territory: those of three points or more, and each's largest."""
    pieces, names = pieces_of(table), table["territory"].to_numpy()
    first, second = pieces.ravel(), np.roll(pieces, -1, axis=1).ravel()
    same = names[first] == names[second]
    links = coo_array((np.ones(same.sum()), (first[same], second[same])), shape=(len(table), len(table)))
    part = connected_components(links, directed=False)[1]
    parts = sorted((np.nonzero(part == number)[0] for number in np.unique(part)), key=len, reverse=True)
    seen, connected = set(), []
    for rows in parts:
        if len(rows) >= 3 or names[rows[0]] not in seen:
            connected.append(rows)
        seen.add(names[rows[0]])
    return connected


def _triangle(ax: Axes, plane: Plane) -> list[tuple[float, float]]:
    """The three corners, and the lines between them; the corners' positions."""
    positions = [(corner.x, corner.y) for corner in plane.corners]
    x, y = zip(*positions, strict=True)
    ax.plot([*x, x[0]], [*y, y[0]], color=LINE, linewidth=1.2, linestyle=(0, (5, 3)), zorder=3)
    ax.plot(x, y, "o", color="black", markersize=9, markeredgecolor="white", markeredgewidth=1.5, zorder=5)
    for corner, position in zip(plane.corners, positions, strict=True):
        side, offset = ("bottom", 8) if corner.y >= 0 else ("top", -8)
        look = {"ha": "center", "va": side, "fontsize": 15, "fontweight": "bold", "path_effects": HALO}
        label = shown(cut(corner.label, 20))
        ax.annotate(label, position, (0, offset), textcoords="offset points", zorder=6, **look)
    return positions


def _near(
    ax: Axes, near: pd.DataFrame, words: list[str], occupied: list[tuple[float, float]], reach: float
) -> None:
    """The tokens nearest to the plane, without `words`, each once, where they hide no occupied position."""
    drawn = {word.lower() for word in words}
    look = {"fontsize": 9.5, "fontstyle": "italic", "ha": "center", "va": "bottom", "zorder": 5}
    for row in near.itertuples():
        word, position = row.token.strip(), (row.x, row.y)
        gap = min(max(abs(x - row.x) / 4, abs(y - row.y)) for x, y in occupied)
        if word.lower() in drawn or gap < 0.055 * reach or len(drawn) == MOST_NEAR + len(words):
            continue
        occupied.append(position)
        drawn.add(word.lower())
        ax.plot(*position, "+", color=LINE, markersize=6, zorder=5)
        label = shown(cut(word, 20))
        ax.annotate(label, position, (0, 3), textcoords="offset points", path_effects=HALO, **look)


def _scale(ax: Axes, reach: float) -> None:
    """How long a distance in the embedding space is: 1, or 10, 100, … on a larger map."""
    x, y, length = -0.95 * reach, -0.95 * reach, 10.0 ** math.floor(math.log10(reach / 2))
    ax.plot([x, x + length], [y, y], color="black", linewidth=2.5, path_effects=HALO, zorder=5)
    look = {"ha": "center", "va": "bottom", "fontsize": 9, "path_effects": HALO}
    ax.text(x + length / 2, y + 0.015 * reach, f"distance {length:g}", **look)


def _legend(ax: Axes, table: pd.DataFrame, colour: dict[str, str]) -> None:
    """The text of each territory, the largest first: its beginning in bold, and how it mostly goes on."""
    ax.axis("off")
    by_area = sorted(table.groupby("territory"), key=lambda territory: -len(territory[1]))
    rows = [_entry(cells, colour[name]) for name, cells in by_area[:MOST_NAMED]]
    more = len(by_area) - len(rows)
    if more > 0:
        rows.append(TextArea(f"and {more} smaller ones", textprops={"fontsize": 12.5, "color": "0.35"}))
    box = VPacker(children=rows, pad=0, sep=7, align="left")
    ax.add_artist(AnchoredOffsetbox("upper left", child=box, frameon=False, pad=0, borderpad=0))


def _entry(cells: pd.DataFrame, colour: str, length: int = 46) -> HPacker:
    """A territory's letter on its colour, framed if its answer is a corner's, and its commonest answer."""
    name, begins, corner = cells[["territory", "begins", "corner"]].iloc[0]
    response = max(cells["response"].mode(), key=len)
    patch = DrawingArea(26, 18)
    frame = {"edgecolor": LINE, "linewidth": 1.8 if corner else 0.6}
    patch.add_artist(Rectangle((0, 0), 26, 18, facecolor=colour, **frame))
    patch.add_artist(Text(13, 9, name, ha="center", va="center", fontsize=11, fontweight="bold", color=LINE))
    bold = len(shown(" ".join(begins.split())))
    first, *others = wrap(" ".join(response.split()), length, lines=2).split("\n")
    pale = {"fontsize": 12.5, "color": "0.3"}
    beginning = TextArea(first[:bold], textprops={"fontsize": 12.5, "fontweight": "bold"})
    line = HPacker(children=[beginning, TextArea(first[bold:], textprops=pale)], pad=0, sep=0)
    lines = [line, *(TextArea(text, textprops=pale) for text in others)]
    text = VPacker(children=lines, pad=0, sep=2, align="left")
    return HPacker(children=[patch, text], pad=0, sep=8, align="center")
