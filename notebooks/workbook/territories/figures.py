"""Figures of maps of answers, from the tables of `experiments.territories` and `territories_counts`.

A territory is told by its letter, by its border, and by a colour that none of its neighbours has.
"""

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
from nokenlab.answers.mesh import mesh
from nokenlab.answers.planes import Plane
from nokenlab.answers.territory_colours import colours
from nokenlab.errors import cut
from nokenlab.prompt import NOKEN
from nokenlab.style import OKABE_ITO, figure, shown, wrap

STRONG, PALE = 0.25, 0.68  # how much white is in the colour of a corner's own answer, and of any other
HALO = [patheffects.withStroke(linewidth=3, foreground="white")]
LINE = "0.15"
MOST_NAMED = 12  # territories in the legend
MOST_NEAR = 9  # tokens on a map


def answer_map(
    table: pd.DataFrame,
    plane: Plane,
    prompt: str,
    near: pd.DataFrame | None = None,
    borders: pd.DataFrame | None = None,
) -> Figure:
    """A `territory_map` with its triangle and the tokens near it; beside it, what is said in each territory.

    `near` is a `near_tokens` table; `borders` one of `territories_counts.borders`, else they run halfway
    between cells.
    """
    fig, (ax, side) = figure(12, 6.4, columns=2, width_ratios=[6.4, 5.6])
    colour, reach = colours(table), table["x"].max()
    _regions(ax, table, colour, borders)
    taken = _letters(ax, table, colour) + _triangle(ax, plane)
    if near is not None:
        _near(ax, near, [corner.label for corner in plane.corners], taken, reach)
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(True)
    _scale(ax, reach)
    _legend(side, table, colour)
    asked = wrap(prompt.replace(NOKEN, "●") + " …", 46, lines=3)
    side.set_title(asked, loc="left", fontsize=13, fontweight="bold")
    return fig


def _regions(ax: Axes, table: pd.DataFrame, colour: dict, borders: pd.DataFrame | None = None) -> None:
    """Fill the territories and draw their borders, between two cells where `borders` says, else halfway.

    Each piece of the mesh is cut into a part for each of its corners; they meet in the middle of its borders.
    """
    pieces, places = mesh(table), table[["x", "y"]].to_numpy()
    at, names = (
        places[pieces],
        table["territory"].to_numpy()[pieces],
    )  # (pieces, corners, 2), (pieces, corners)
    crossing = (at + np.roll(at, -1, axis=1)) / 2 if borders is None else _crossings(pieces, places, borders)
    differ = names != np.roll(names, -1, axis=1)
    some = np.where(differ.any(axis=1, keepdims=True), differ, True)[..., None]  # none differ: the middle
    middle = np.broadcast_to((crossing * some).sum(1, keepdims=True) / some.sum(1, keepdims=True), at.shape)
    parts = np.stack([at, crossing, middle, np.roll(crossing, 1, axis=1)], axis=2).reshape(-1, 4, 2)
    faces = [colour[name] for name in names.ravel()]
    ax.add_collection(
        PolyCollection(parts, facecolors=faces, edgecolors=faces, linewidths=0.4, antialiased=False)
    )
    lines = np.stack([crossing, middle], axis=2)[differ]
    ax.add_collection(LineCollection(lines, colors=LINE, linewidths=1, capstyle="round"))


def _crossings(pieces: np.ndarray, places: np.ndarray, borders: pd.DataFrame) -> np.ndarray:
    """Where a border crosses the sides of each piece, (pieces, corners, 2): as `borders` says, or halfway."""
    pairs = np.sort(
        np.stack([pieces, np.roll(pieces, -1, axis=1)]), axis=0
    )  # (2, pieces, corners): rows of places
    found = places[pairs].mean(axis=0)
    known = borders.set_index(borders["cell"] * len(places) + borders["other_cell"])[["x", "y"]]
    at = known.index.get_indexer((pairs[0] * len(places) + pairs[1]).ravel()).reshape(pieces.shape)
    found[at >= 0] = known.to_numpy()[at[at >= 0]]
    return found


def _letters(
    ax: Axes, table: pd.DataFrame, colour: dict[str, str], largest: float = 17
) -> list[tuple[float, float]]:
    """Each territory's letter where it is farthest from its borders, larger where is room; their places."""
    at = []
    places, names = table[["x", "y"]].to_numpy(), table["territory"].to_numpy()
    unit, inward = np.ptp(places[:, 0]) / 100, _inward(table)
    for some in _connected(table):
        rest = names != names[some[0]]
        room = cKDTree(places[rest]).query(places[some])[0] if rest.any() else inward[some]
        best = np.minimum(room, inward[some] + 2 * unit).argmax()
        size = np.clip(5 + room[best] / unit, 7, largest)
        look = {"ha": "center", "va": "center", "fontsize": size, "fontweight": "bold", "color": LINE}
        halo = [patheffects.withStroke(linewidth=3, foreground=colour[names[some[0]]])]
        at.append(tuple(places[some[best]]))
        ax.text(*at[-1], names[some[0]], zorder=4, path_effects=halo, **look)
    return at


def _inward(table: pd.DataFrame) -> np.ndarray:
    """How far each point is from the edges of its square map or, nearly, of its triangle."""
    if mesh(table).shape[1] == 3:
        return table[["weight_a", "weight_b", "weight_c"]].min(axis=1).to_numpy() * np.ptp(table["y"])
    return table["x"].max() - table[["x", "y"]].abs().max(axis=1).to_numpy()


def _connected(table: pd.DataFrame) -> list[np.ndarray]:
    """The rows of each connected part of a territory: those of three points or more, and each's largest."""
    pieces, names = mesh(table), table["territory"].to_numpy()
    one, other = pieces.ravel(), np.roll(pieces, -1, axis=1).ravel()
    same = names[one] == names[other]
    joined = coo_array((np.ones(same.sum()), (one[same], other[same])), shape=(len(table), len(table)))
    part = connected_components(joined, directed=False)[1]
    parts = sorted((np.nonzero(part == number)[0] for number in np.unique(part)), key=len, reverse=True)
    seen, kept = set(), []
    for rows in parts:
        if len(rows) >= 3 or names[rows[0]] not in seen:
            kept.append(rows)
        seen.add(names[rows[0]])
    return kept


def _triangle(ax: Axes, plane: Plane) -> list[tuple[float, float]]:
    """The three corners, and the lines between them; the corners' places."""
    x, y = ([getattr(corner, axis) for corner in plane.corners] for axis in "xy")
    ax.plot([*x, x[0]], [*y, y[0]], color=LINE, linewidth=1.2, linestyle=(0, (5, 3)), zorder=3)
    ax.plot(x, y, "o", color="black", markersize=9, markeredgecolor="white", markeredgewidth=1.5, zorder=5)
    for corner in plane.corners:
        place, (where, away) = (corner.x, corner.y), ("bottom", 8) if corner.y >= 0 else ("top", -8)
        look = {"ha": "center", "va": where, "fontsize": 15, "fontweight": "bold", "path_effects": HALO}
        label = shown(cut(corner.label, 20))
        ax.annotate(label, place, (0, away), textcoords="offset points", zorder=6, **look)
    return list(zip(x, y, strict=True))


def _near(
    ax: Axes, near: pd.DataFrame, words: list[str], taken: list[tuple[float, float]], reach: float
) -> None:
    """The tokens nearest to the plane, but for `words`, each once, where they hide no place that is taken."""
    said = {word.lower() for word in words}
    for row in near.itertuples():
        word, place = row.token.strip(), (row.x, row.y)
        apart = min(max(abs(x - row.x) / 4, abs(y - row.y)) for x, y in taken)
        if word.lower() in said or apart < 0.055 * reach or len(said) == MOST_NEAR + len(words):
            continue
        taken.append(place)
        said.add(word.lower())
        ax.plot(*place, "+", color=LINE, markersize=6, zorder=5)
        look = {"fontsize": 9.5, "fontstyle": "italic", "ha": "center", "va": "bottom", "zorder": 5}
        ax.annotate(
            shown(cut(word, 20)), place, (0, 3), textcoords="offset points", path_effects=HALO, **look
        )


def _scale(ax: Axes, reach: float) -> None:
    """How long a distance of 1 in the embedding space is."""
    x, y = -0.95 * reach, -0.95 * reach
    ax.plot([x, x + 1], [y, y], color="black", linewidth=2.5, path_effects=HALO, zorder=5)
    ax.text(x + 0.5, y + 0.015 * reach, "distance 1", ha="center", va="bottom", fontsize=9, path_effects=HALO)


def _legend(ax: Axes, table: pd.DataFrame, colour: dict[str, str]) -> None:
    """What is said in each territory, the largest first: what tells it in bold, and how it mostly goes on."""
    ax.axis("off")
    rows = [_entry(some, colour[name]) for name, some in _by_area(table)[:MOST_NAMED]]
    more = table["territory"].nunique() - len(rows)
    if more > 0:
        rows.append(TextArea(f"and {more} smaller ones", textprops={"fontsize": 12.5, "color": "0.35"}))
    box = VPacker(children=rows, pad=0, sep=7, align="left")
    ax.add_artist(AnchoredOffsetbox("upper left", child=box, frameon=False, pad=0, borderpad=0))


def _by_area(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return sorted(table.groupby("territory"), key=lambda pair: -len(pair[1]))


def _entry(some: pd.DataFrame, colour: str, length: int = 46) -> HPacker:
    """A letter on its colour, whose word it is, and its commonest answer."""
    name, begins, own = (some[column].iloc[0] for column in ("territory", "begins", "corner"))
    response = max(some["response"].mode(), key=len)
    patch = DrawingArea(26, 18)
    patch.add_artist(
        Rectangle((0, 0), 26, 18, facecolor=colour, edgecolor=LINE, linewidth=1.8 if own else 0.6)
    )
    patch.add_artist(Text(13, 9, name, ha="center", va="center", fontsize=11, fontweight="bold", color=LINE))
    told = shown(" ".join(begins.split()))
    lines = wrap(" ".join(response.split()), length, lines=2).split("\n")
    bold, rest = lines[0][: len(told)], lines[0][len(told) :]
    look = {"fontsize": 12.5}
    texts = [TextArea(bold, textprops=look | {"fontweight": "bold"})]
    texts += [TextArea(text, textprops=look | {"color": "0.3"}) for text in (rest, *lines[1:])]
    above = HPacker(children=texts[:2], pad=0, sep=0)
    said = VPacker(children=[above, *texts[2:]], pad=0, sep=2, align="left")
    return HPacker(children=[patch, said], pad=0, sep=8, align="center")


def side_by_side(maps: dict[str, pd.DataFrame], plane: Plane) -> Figure:
    """`triangle` maps of one plane, and of its outputs mixed, by name: what is said alike has one letter."""
    joined = pd.concat(maps.values())
    names = letters(joined["begins"].value_counts().index)
    named = {of: table.assign(territory=table["begins"].map(names)) for of, table in maps.items()}
    colour = colours(*named.values())
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


def count_lines(counted: pd.DataFrame) -> Figure:
    """Territories, those that no edge touches, and the corners' share, of a `compared` table and its nulls.

    A thin line is a triple, from its words to its nulls; the dots are their means.
    """
    values = {
        "territories": "territories",
        "inner": "that no edge touches",
        "own": "share of the triangle with a corner's own answer",
    }
    fig, axes = figure(12, 3.6, columns=len(values), sharey=True)
    for ax, (value, label) in zip(axes, values.items(), strict=True):
        each = counted.pivot_table(index="of", columns="triple", values=value, sort=False)
        ax.plot(each, range(len(each)), color=OKABE_ITO[4], linewidth=0.9, alpha=0.6)
        middle = each.mean(axis=1)
        ax.plot(middle, range(len(each)), "o-", color=OKABE_ITO[0], linewidth=2.5)
        for y, x in enumerate(middle):
            ax.annotate(f"{x:.3g}", (x, y), (6, 6), textcoords="offset points", path_effects=HALO)
        ax.set(xlabel=label, ylim=(len(each) - 0.6, -0.6))
        ax.set_xlim(left=0)
        ax.set_yticks(range(len(each)), each.index)
    return fig
