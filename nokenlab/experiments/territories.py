"""Territories: a plane through three vectors as a map of nokens, and what the model says at each place.

Every point of the picture is one vector: distances on the map are distances in the embedding space.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.experiments.lerp import letters
from nokenlab.lab import Lab
from nokenlab.measures import next_token
from nokenlab.nokens import fill, shell, word_vector

CENTROID = "centroid"  # a corner by this name is the mean of all tokens
MOST_CELLS = 200  # a side; more must be meant
Numbers = float | Sequence[float] | Tensor
FLAT = 1e-4  # a triangle's height, as a share of its longest side, below which it is a line


@dataclass(frozen=True)
class Corner:
    """A corner of the triangle: its name, its place on the map, and what a reader should know of it."""

    label: str
    x: float
    y: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the embedding space, (x, y) on the map being origin + x·axes[0] + y·axes[1].

    origin: (width,); axes: (2, width), orthonormal; both float32 on the CPU. x and y are distances in the
    embedding space. kind: "words", "principal", "random nokens" or "random tokens".
    """

    origin: Tensor
    axes: Tensor
    corners: tuple[Corner, Corner, Corner]
    kind: str = "words"

    def vector(self, x: Numbers, y: Numbers) -> Tensor:
        """The nokens at points of the map, (points, width), float32 on the CPU."""
        return self.origin + _points(x, y).float() @ self.axes

    def weights(self, x: Numbers, y: Numbers) -> Tensor:
        """How much of each corner is in a point, (points, 3): they sum to 1, and none is negative inside."""
        points = _points(x, y)  # (points, 2)
        at = [[corner.x, corner.y, 1.0] for corner in self.corners]
        corners = torch.tensor(at, dtype=torch.float64)  # weights @ corners is (x, y, 1)
        return (torch.cat([points, torch.ones(len(points), 1)], dim=1) @ corners.inverse()).float()

    def reach(self, margin: float) -> float:
        """Half the side of a square map about the origin: out to the corners, and `margin` of that more."""
        return (1 + margin) * max(abs(value) for corner in self.corners for value in (corner.x, corner.y))


def _points(x: Numbers, y: Numbers) -> Tensor:
    points = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=float)) for value in (x, y)))
    return torch.from_numpy(np.stack(points, axis=-1))


def plane_through(lab: Lab, corners: Sequence[str]) -> Plane:
    """The plane through three words' tokens; "centroid" is the mean of all tokens.

    The first corner is at the left, the second at the right of it, the third above; the origin is their
    mean. Of a word of several tokens the last one is taken, and the corner's note says so. Raises ValueError,
    in one line, for other than three corners, for two that are the same token, and for three on one line.
    """
    if isinstance(corners, str) or len(corners) != 3:
        raise ValueError(f"a plane needs three corners, words or {CENTROID!r}; got {corners!r}")
    names = [str(corner).strip() for corner in corners]
    if not all(names):
        raise ValueError(f"a corner is empty; three words or {CENTROID!r} are needed, got {list(corners)!r}")
    found = [_corner(lab, name) for name in names]
    return _plane(names, torch.stack([vector for vector, _ in found]), [note for _, note in found], "words")


def _corner(lab: Lab, name: str) -> tuple[Tensor, str]:
    """A corner's vector (width,), and a note."""
    if name == CENTROID:
        return lab.space.centroid.cpu(), "the mean of all tokens"
    ids = lab.ids(f" {name}")
    note = f"{name!r} is {len(ids)} tokens; its last, {lab.token(ids[-1].item())!r}, stands for it"
    return word_vector(lab, name), note if len(ids) > 1 else ""


def random_plane(lab: Lab, seed: int, kind: str = "random nokens") -> Plane:
    """The plane through three random nokens, as far from the centroid as the median token is.

    Of kind "random tokens" they are three random real tokens.
    """
    if kind == "random tokens":
        order = torch.randperm(len(lab.space), generator=torch.Generator().manual_seed(seed))
        names = [lab.token(id) for id in lab.space.ids[order[:3]].tolist()]
        return _plane(names, lab.space.vectors[order[:3]].float().cpu(), [f"random, seed {seed}"] * 3, kind)
    c, distance = lab.space.centroid.cpu(), lab.space.median_distance
    seeds = range(3 * seed, 3 * seed + 3)
    names = [f"noken {number}" for number in seeds]
    return _plane(names, shell(c, seeds, distance), [f"random, seed {n}" for n in seeds], kind)


def principal_plane(lab: Lab) -> Plane:
    """The plane about the centroid along which tokens differ most: their two first principal directions.

    Its corners are the centroid, and the points one median token's distance along either direction.
    """
    distance, (_, directions) = lab.space.median_distance, lab.space.principal
    corners = (
        Corner(CENTROID, 0.0, 0.0, "the mean of all tokens"),
        Corner("direction 1", distance, 0.0, "along which tokens differ most"),
        Corner("direction 2", 0.0, distance, "along which they differ most after it"),
    )
    return Plane(lab.space.centroid.cpu(), directions[:2], corners, "principal")


def _plane(names: Sequence[str], vectors: Tensor, notes: Sequence[str], kind: str) -> Plane:
    """The plane through three vectors (3, width); see `plane_through`."""
    a, b, c = vectors.double()
    sides = [(b - a).norm(), (c - b).norm(), (a - c).norm()]
    for (one, other), side in zip(((0, 1), (1, 2), (2, 0)), sides, strict=True):
        if side <= FLAT * max(sides):
            said = f"{names[one]!r} and {names[other]!r} are one vector (of a word its last token counts)"
            raise ValueError(f"{said}; three different corners are needed")
    along = (b - a) / sides[0]
    up = (c - a) - ((c - a) @ along) * along
    if up.norm() <= FLAT * max(sides):
        raise ValueError(f"{', '.join(names)} lie on one line, so no one plane goes through them")
    axes, origin = torch.stack([along, up / up.norm()]), vectors.double().mean(0)
    at = ((vectors.double() - origin) @ axes.T).tolist()  # (3, 2)
    corners = tuple(Corner(name, *xy, note) for name, xy, note in zip(names, at, notes, strict=True))
    return Plane(origin.float(), axes.float(), corners, kind)


def territory_map(
    lab: Lab,
    prompt: str,
    plane: Plane,
    cells: int = 41,
    max_new_tokens: int = 12,
    margin: float = 0.5,
    told_by: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """What the model says, greedily, at each place of a square map of cells × cells nokens.

    Two cells are of one territory where their answers begin with the same `told_by` tokens; 0 is the fewest
    that tell the answers of the three corners apart, or all of them, where two corners say the same.
    `margin`: see `Plane.reach`. One row a cell, from the lower left, x first.

    Columns: x, y, weight_a, weight_b, weight_c (how much of each corner), norm, nearest (the real token that
    points most nearly the same way), next_token, probability (its), entropy (of the next token, bits),
    response, told_by, begins (so many tokens of the response), territory (A the largest, B, …), corner (the
    corner whose own answer begins so, with commas where they are several; empty for none's).
    Raises ValueError for a prompt without <noken>, and for more than 200 cells a side, with the time they
    would take.
    """
    if cells < 2 or margin < 0 or not 0 <= told_by <= max_new_tokens:
        wanted = "at least 2 cells, a margin of 0 or more, and told_by from 0 to max_new_tokens are needed"
        raise ValueError(f"{wanted}; got {cells}, {margin} and {told_by}")
    fill(lab, prompt, plane.origin)  # what is wrong with a prompt is said before long work
    if cells > MOST_CELLS:
        raise ValueError(_too_many(lab, prompt, plane, cells, max_new_tokens))
    x, y = _grid(plane.reach(margin), cells)
    return mapped(lab, prompt, plane, x, y, max_new_tokens, told_by, progress)


def mapped(
    lab: Lab,
    prompt: str,
    plane: Plane,
    x: Tensor,
    y: Tensor,
    max_new_tokens: int,
    told_by: int = 0,
    progress: bool = False,
) -> pd.DataFrame:
    """The table of `territory_map` at any points of a plane, x and y (points,)."""
    table = pd.DataFrame({"x": x.tolist(), "y": y.tolist()})
    table[["weight_a", "weight_b", "weight_c"]] = plane.weights(x, y).tolist()
    vectors = plane.vector(x, y)  # (points, width)
    table["norm"] = vectors.norm(dim=-1).tolist()
    table["nearest"] = _nearest(lab, plane, x, y)
    every = torch.cat([corner_vectors(plane), vectors])
    return named(lab, plane, table, answered(lab, prompt, every, max_new_tokens, progress), told_by)


def corner_vectors(plane: Plane) -> Tensor:
    """The vectors of the three corners, (3, width)."""
    return plane.vector(*([getattr(corner, axis) for corner in plane.corners] for axis in "xy"))


def answered(
    lab: Lab, prompt: str, vectors: Tensor, max_new_tokens: int, progress: bool = False
) -> pd.DataFrame:
    """What is said, greedily, to a prompt with each of some vectors (rows, width) where it says <noken>.

    Columns: next_token, probability, entropy (bits), response, ids (of its tokens).
    """
    begin, new = time.perf_counter(), 0

    def some_answers(some: slice) -> pd.DataFrame:
        nonlocal new
        rows = fill(lab, prompt, vectors[some])  # (rows, tokens, width)
        ids = torch.full((len(rows), max_new_tokens), -1, device=lab.device)
        for step in lab.sample(rows, max_new_tokens):
            ids[step.rows, step.index] = step.ids
            if step.index == 0:
                first = next_token(lab, step.logits)
        new += int((ids >= 0).sum())
        bar.update(len(rows))
        bar.set_postfix_str(f"{new / (time.perf_counter() - begin):,.0f} tokens/s")
        kept = [[id for id in row if id >= 0 and id not in lab.eos_ids] for row in ids.tolist()]
        return pd.DataFrame(first | {"response": [lab.text(row) for row in kept], "ids": kept})

    with tqdm(total=len(vectors), unit="cell", disable=not progress) as bar:
        parts = lab.in_batches(some_answers, len(vectors), None)
    return pd.concat(parts, ignore_index=True)


def fewest(answers: Sequence[list[int]]) -> int:
    """How many first tokens tell all answers, ids each, apart; all tokens, where two are the same."""
    longest = max(1, *map(len, answers))
    apart = (k for k in range(1, longest) if len({tuple(ids[:k]) for ids in answers}) == len(answers))
    return next(apart, longest)


def named(lab: Lab, plane: Plane, table: pd.DataFrame, answers: pd.DataFrame, told_by: int) -> pd.DataFrame:
    """A table of points with what is `answered` there, and told_by, begins, territory and corner.

    The first three of the `answers` are the corners'. See `territory_map`.
    """
    told_by = told_by or fewest(answers["ids"].head(3))
    begins = answers["ids"].map(lambda ids: lab.text(ids[:told_by]))
    own = {text: [] for text in begins.head(3)}
    for corner, text in zip(plane.corners, begins.head(3), strict=True):
        own[text].append(corner.label)
    said = answers.drop(columns="ids").assign(told_by=told_by, begins=begins)[3:].reset_index(drop=True)
    names = letters(said["begins"].value_counts().index)  # the largest first
    said["territory"] = said["begins"].map(names)
    said["corner"] = said["begins"].map(lambda text: ", ".join(own.get(text, [])))
    return table.join(said)


def _grid(reach: float, cells: int) -> tuple[Tensor, Tensor]:
    """x and y of the cells of a square map from -reach to reach, (cells²,) each; x goes first."""
    side = torch.linspace(-reach, reach, cells, dtype=torch.float64)
    y, x = torch.meshgrid(side, side, indexing="ij")
    return x.flatten(), y.flatten()


def _nearest(lab: Lab, plane: Plane, x: Tensor, y: Tensor) -> list[str]:
    """The real token that points most nearly the same way as each point of the plane.

    A cosine's numerator is linear in x and y, and its row's own length does not change which is largest.
    """
    space, basis = lab.space, torch.cat([plane.origin[None], plane.axes])  # (3, width)
    towards = space.vectors.float() @ basis.T.to(space.vectors.device)  # (tokens, 3)
    towards = towards / space.norms.clamp_min(1e-12)[:, None]
    points = torch.stack([torch.ones_like(x), x, y], dim=1).to(towards)  # (points, 3)
    best = torch.cat([(some @ towards.T).argmax(dim=1) for some in points.split(256)]).cpu()
    return [space.text(id) for id in space.ids[best].tolist()]


def _too_many(lab: Lab, prompt: str, plane: Plane, cells: int, max_new_tokens: int) -> str:
    """Why a map is too fine, with the time it would take by that of a small one here and now."""
    begin, tried = time.perf_counter(), min(lab.rows_at_once, 32)
    answered(lab, prompt, plane.vector(torch.zeros(tried), 0.0), max_new_tokens)
    seconds = (time.perf_counter() - begin) / tried * cells**2
    return (
        f"{cells} x {cells} cells are more than {MOST_CELLS} x {MOST_CELLS}: at {max_new_tokens} tokens each "
        f"they would take about {seconds / 60:,.0f} minutes here; choose fewer cells"
    )


def near_tokens(lab: Lab, plane: Plane, count: int = 30, margin: float = 0.5) -> pd.DataFrame:
    """The real tokens nearest to the plane, of those that lie above the map of this margin; nearest first.

    Columns: token, id, x, y (the foot of its perpendicular on the map), off (its distance from the plane).
    The corners' own tokens are left out.
    """
    space, device = lab.space, lab.space.vectors.device
    offsets = space.vectors.float() - plane.origin.to(device)  # (tokens, width)
    xy = offsets @ plane.axes.T.to(device)  # (tokens, 2)
    off = (offsets.square().sum(-1) - xy.square().sum(-1)).clamp_min(0).sqrt()
    corners = torch.tensor([[corner.x, corner.y] for corner in plane.corners], device=device)
    own = (torch.cdist(xy, corners).amin(-1) < 1e-3) & (off < 1e-2)  # rounding keeps it above 0
    inside = ((xy.abs().amax(-1) <= plane.reach(margin)) & ~own).nonzero().squeeze(1)
    best = inside[off[inside].argsort(stable=True)[:count]]
    ids = space.ids[best.cpu()].tolist()
    table = pd.DataFrame({"token": [space.text(id) for id in ids], "id": ids})
    return table.assign(x=xy[best, 0].tolist(), y=xy[best, 1].tolist(), off=off[best].tolist())
