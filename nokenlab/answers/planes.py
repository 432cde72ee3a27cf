"""Planes in the embedding space: a map on which distances are those of the space, and the tokens near it.

Each point of a plane is exactly one vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab.embedder import Embedder
from nokenlab.nokens import shell
from nokenlab.prompt import word_vector

CENTROID = "centroid"  # a corner of this name is the mean of all tokens
FLAT = 1e-4  # a triangle's height, as a share of its longest side, below which it is a line
Numbers = float | Sequence[float] | Tensor


@dataclass(frozen=True)
class Corner:
    """A corner of the triangle: its name, its coordinates on the map, and a note for the reader."""

    label: str
    x: float
    y: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane in the embedding space: (x, y) on the map is the vector origin + x·axes[0] + y·axes[1].

    origin: (width,); axes: (2, width), orthonormal; both float32 on the CPU. x and y are distances in the
    embedding space.
    """

    origin: Tensor
    axes: Tensor
    corners: tuple[Corner, Corner, Corner]

    def vector(self, x: Numbers, y: Numbers) -> Tensor:
        """The nokens at points of the map, (points, width), float32 on the CPU."""
        return self.origin + _points(x, y).float() @ self.axes

    def weights(self, x: Numbers, y: Numbers) -> Tensor:
        """The weights of the corners at points, (points, 3): they sum to 1, and none is negative inside."""
        points = _points(x, y)  # (points, 2)
        rows = [[corner.x, corner.y, 1.0] for corner in self.corners]
        corners = torch.tensor(rows, dtype=torch.float64)  # weights @ corners is (x, y, 1)
        return (torch.cat([points, torch.ones(len(points), 1)], dim=1) @ corners.inverse()).float()

    def reach(self, margin: float) -> float:
        """Half the side of a square map about the origin: out to the corners, and `margin` of that more."""
        return (1 + margin) * max(abs(value) for corner in self.corners for value in (corner.x, corner.y))


def _points(x: Numbers, y: Numbers) -> Tensor:
    points = np.broadcast_arrays(*(np.atleast_1d(np.asarray(value, dtype=float)) for value in (x, y)))
    return torch.from_numpy(np.stack(points, axis=-1))


def plane_through(lab: Embedder, corners: Sequence[str]) -> Plane:
    """The plane through three words' tokens; "centroid" is the mean of all tokens.

    The first corner is on the left, the second on its right, the third above; the origin is their mean. A
    word of several tokens is represented by its last one, as the corner's note says. Raises ValueError for
    other than three corners, for two with the same token, and for three on one line.
    """
    if isinstance(corners, str) or len(corners) != 3:
        raise ValueError(f"a plane needs three corners, words or {CENTROID!r}; got {corners!r}")
    names = [str(corner).strip() for corner in corners]
    if not all(names):
        raise ValueError(f"a corner is empty; three words or {CENTROID!r} are needed, got {list(corners)!r}")
    vectors, notes = zip(*(_corner(lab, name) for name in names), strict=True)
    return _plane(names, torch.stack(vectors), notes)


def _corner(lab: Embedder, name: str) -> tuple[Tensor, str]:
    """A corner's vector (width,), and its note."""
    if name == CENTROID:
        return lab.space.centroid.cpu(), "the mean of all tokens"
    ids = lab.ids_behind(f" {name}").tolist()
    note = f"{name!r} is {len(ids)} tokens; its last, {lab.token(ids[-1])!r}, stands for it"
    return word_vector(lab, name), note if len(ids) > 1 else ""


def random_plane(lab: Embedder, seed: int, kind: str = "random nokens") -> Plane:
    """The plane through three random nokens, as far from the centroid as the median token is.

    Of kind "random tokens" they are three random real tokens.
    """
    if kind == "random tokens":
        order = torch.randperm(len(lab.space), generator=torch.Generator().manual_seed(seed))
        names = [lab.token(id) for id in lab.space.ids[order[:3]].tolist()]
        return _plane(names, lab.space.vectors[order[:3]].float().cpu(), [f"random, seed {seed}"] * 3)
    seeds = range(3 * seed, 3 * seed + 3)
    names, notes = [f"noken {number}" for number in seeds], [f"random, seed {number}" for number in seeds]
    return _plane(names, shell(lab.space.centroid.cpu(), seeds, lab.space.median_distance), notes)


def _plane(names: Sequence[str], vectors: Tensor, notes: Sequence[str]) -> Plane:
    """The plane through three vectors (3, width); see `plane_through`."""
    a, b, c = vectors.double()
    sides = [(b - a).norm(), (c - b).norm(), (a - c).norm()]
    for (first, second), side in zip(((0, 1), (1, 2), (2, 0)), sides, strict=True):
        if side <= FLAT * max(sides):
            both = f"{names[first]!r} and {names[second]!r}"
            raise ValueError(f"{both} are one vector (a word's last token counts); three are needed")
    along = (b - a) / sides[0]
    up = (c - a) - ((c - a) @ along) * along
    if up.norm() <= FLAT * max(sides):
        raise ValueError(f"{', '.join(names)} lie on one line, so no single plane goes through them")
    axes, origin = torch.stack([along, up / up.norm()]), vectors.double().mean(0)
    points = ((vectors.double() - origin) @ axes.T).tolist()  # (3, 2)
    corners = tuple(Corner(name, *xy, note) for name, xy, note in zip(names, points, notes, strict=True))
    return Plane(origin.float(), axes.float(), corners)


def corner_vectors(plane: Plane) -> Tensor:
    """The vectors of the three corners, (3, width)."""
    return plane.vector([corner.x for corner in plane.corners], [corner.y for corner in plane.corners])


def near_tokens(lab: Embedder, plane: Plane, count: int = 30, margin: float = 0.5) -> pd.DataFrame:
    """The real tokens nearest to the plane, of those above the map of this margin; nearest first.

    Columns: token, id, x, y (the token's perpendicular projection on the map), off (its distance from the
    plane). The corners' own tokens are left out.
    """
    space, device = lab.space, lab.space.vectors.device
    offsets = space.vectors.float() - plane.origin.to(device)  # (tokens, width)
    xy = offsets @ plane.axes.T.to(device)  # (tokens, 2)
    off = (offsets.square().sum(-1) - xy.square().sum(-1)).clamp_min(0).sqrt()
    corners = torch.tensor([[corner.x, corner.y] for corner in plane.corners], device=device)
    is_corner = (torch.cdist(xy, corners).amin(-1) < 1e-3) & (off < 1e-2)  # rounding keeps it above 0
    inside = ((xy.abs().amax(-1) <= plane.reach(margin)) & ~is_corner).nonzero().squeeze(1)
    best = inside[off[inside].argsort(stable=True)[:count]]
    ids = space.ids[best.cpu()].tolist()
    table = pd.DataFrame({"token": [space.text(id) for id in ids], "id": ids})
    return table.assign(x=xy[best, 0].tolist(), y=xy[best, 1].tolist(), off=off[best].tolist())


def nearest_tokens(lab: Embedder, plane: Plane, x: Tensor, y: Tensor) -> list[str]:
    """The real token with the largest cosine to each point of the plane, x and y (points,).

    A cosine's numerator is linear in x and y, and a point's own length does not change which is largest.
    """
    space, basis = lab.space, torch.cat([plane.origin[None], plane.axes])  # (3, width)
    products = space.vectors.float() @ basis.T.to(space.vectors.device)  # (tokens, 3)
    products = products / space.norms.clamp_min(1e-12)[:, None]
    points = torch.stack([torch.ones_like(x), x, y], dim=1).to(products)  # (points, 3)
    best = torch.cat([(part @ products.T).argmax(dim=1) for part in points.split(256)]).cpu()
    return [space.text(id) for id in space.ids[best].tolist()]
