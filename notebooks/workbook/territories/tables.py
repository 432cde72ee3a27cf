"""A map of territories in numbers: where its borders run, how many territories it has, and its nulls."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab.answers.mesh import lattice, small_triangles
from nokenlab.answers.planes import Plane, corner_vectors, plane_through, random_plane
from nokenlab.answers.territory_map import answered, mapped, named
from nokenlab.lab import Lab
from nokenlab.prompt import fill

TRIPLES = Path(__file__).parent / "triples.txt"
WORDS = "words"
MIXED = {"outputs mixed": torch.softmax, "outputs mixed, log-linear": torch.log_softmax}
RANDOM = ("random tokens", "random nokens")
WEIGHTS = ["weight_a", "weight_b", "weight_c"]
ON_EDGE = 1e-6  # a weight that differs from 0 by less is on an edge of the triangle


def borders(lab: Lab, prompt: str, plane: Plane, table: pd.DataFrame, precision: float = 0.1) -> pd.DataFrame:
    """Where the borders of a `territory_map` run: between neighbouring cells that differ.

    The line between two cells is halved until the point is within `precision` of the border, as a share of a
    cell. If a third territory lies on the line, the point is an end of the first cell's. Columns: x, y,
    territory, other (those of the two cells), cell, other_cell (their rows in the map).
    """
    rows = np.arange(len(table)).reshape(math.isqrt(len(table)), -1)  # (y, x)
    first = np.concatenate([rows[:, :-1].ravel(), rows[:-1].ravel()])
    second = np.concatenate([rows[:, 1:].ravel(), rows[1:].ravel()])  # to the right, and above
    names = table["territory"].to_numpy()
    differ = names[first] != names[second]
    first, second = first[differ], second[differ]
    at = torch.from_numpy(table[["x", "y"]].to_numpy(dtype=float, copy=True))  # (cells, 2)
    inside, outside = at[first], at[second]  # (borders, 2): a point on either side of each border
    begins, told_by = table["begins"].to_numpy()[first], int(table["told_by"].iloc[0])
    halvings = max(0, math.ceil(math.log2(1 / precision)) - 1)
    for _ in range(halvings if len(first) else 0):
        middle = (inside + outside) / 2
        responses = answered(lab, prompt, plane.vector(*middle.T), told_by)["response"].to_numpy()
        same = torch.from_numpy(responses == begins)[:, None]
        inside, outside = torch.where(same, middle, inside), torch.where(same, outside, middle)
    x, y = ((inside + outside) / 2).T.tolist()
    columns = {"x": x, "y": y, "territory": names[first], "other": names[second]}
    return pd.DataFrame(columns | {"cell": first, "other_cell": second})


def triangle(
    lab: Lab, prompt: str, plane: Plane, steps: int = 20, max_new_tokens: int = 8, told_by: int = 0
) -> pd.DataFrame:
    """The table of `territory_map` at evenly spaced points of the triangle, its edges among them.

    Each edge is divided into `steps`: (steps + 1)·(steps + 2)/2 points.
    """
    weights = torch.tensor(lattice(steps), dtype=torch.float64) / steps  # (points, 3)
    corners = torch.tensor([[corner.x, corner.y] for corner in plane.corners], dtype=torch.float64)
    return mapped(lab, prompt, plane, *(weights @ corners).T, max_new_tokens, told_by)


def outputs_mixed(
    lab: Lab, prompt: str, plane: Plane, table: pd.DataFrame, mixture: str, max_new_tokens: int = 8
) -> pd.DataFrame:
    """The null of a map: the corners' outputs are mixed in place of their vectors, inside the triangle.

    At each token the three next-token distributions that follow the corners and the text so far are mixed by
    a point's weights, and the likeliest token is taken. `mixture` is a name of `MIXED`: of the probabilities,
    or of their logarithms. Points of the `territory_map` or `triangle` outside are left out, since a mixture
    has no weights below 0. Columns: x, y, weight_a, weight_b, weight_c, response, told_by, begins, territory,
    corner.
    """
    inside = table.loc[table[WEIGHTS].min(axis=1) >= -ON_EDGE, ["x", "y", *WEIGHTS]].reset_index(drop=True)
    weights = torch.tensor(inside[WEIGHTS].to_numpy(), dtype=torch.float32)
    weights = torch.cat([torch.eye(3), weights])  # the corners first
    ids = _mixed_ids(lab, fill(lab, prompt, corner_vectors(plane)), weights, MIXED[mixture], max_new_tokens)
    answers = pd.DataFrame({"response": [lab.text(row) for row in ids], "ids": ids})
    return named(lab, plane, inside, answers, int(table["told_by"].iloc[0]))


def _mixed_ids(
    lab: Lab, prompts: Tensor, weights: Tensor, scale: Callable[..., Tensor], max_new_tokens: int
) -> list[list[int]]:
    """The greedy ids of each row of weights (points, 3) on three prompts (3, tokens, width).

    Points with the same text so far share a step.
    """
    texts: list[tuple[int, ...]] = [()] * len(weights)
    going = {(): torch.arange(len(weights))}  # points by their text so far
    for _ in range(max_new_tokens):
        points, going, prefixes = going, {}, [_continued(lab, prompts, ids) for ids in going]
        outputs = scale(lab.logits(torch.cat(prefixes)).unflatten(0, (-1, 3)), dim=-1)  # (texts, 3, vocab)
        for (ids, rows), at_corners in zip(points.items(), outputs.cpu(), strict=True):
            best = torch.cat([(part @ at_corners).argmax(-1) for part in weights[rows].split(128)])
            for id in set(best.tolist()) - set(lab.eos_ids):
                going[(*ids, id)] = rows[best == id]
                for point in rows[best == id].tolist():
                    texts[point] = (*ids, id)
        if not going:
            break
    return [list(ids) for ids in texts]


def _continued(lab: Lab, prompts: Tensor, ids: Sequence[int]) -> Tensor:
    """Prompts (rows, tokens, width) with the same tokens behind each."""
    if not ids:
        return prompts
    return torch.cat([prompts, lab.embed_ids(torch.tensor(ids)).expand(len(prompts), -1, -1)], dim=1)


def counts(table: pd.DataFrame) -> dict[str, float]:
    """What is counted on a `triangle`, or on its `outputs_mixed`.

    told_by; territories; inner (of them, those with no point on the three edges: no line between two of the
    corners touches them); own (share of the points with the answer of a corner); border (length of all
    borders, in the unit of x and y: through the middle of all lattice lines whose ends differ).
    """
    on_edge = table[WEIGHTS].min(axis=1) < ON_EDGE
    names = table["territory"]
    return {
        "told_by": int(table["told_by"].iloc[0]),
        "territories": names.nunique(),
        "inner": len(set(names) - set(names[on_edge])),
        "own": (table["corner"] != "").mean(),
        "border": _border_length(table),
    }


def _border_length(table: pd.DataFrame) -> float:
    """The length of a `triangle`'s borders: in each small triangle, from the middles of its sides to a point.

    The point is the mean of these middles: that of a straight border, or the triangle's own if all differ.
    """
    small = small_triangles(len(table))  # (triangles, 3)
    at, names = table[["x", "y"]].to_numpy()[small], table["territory"].to_numpy()[small]
    middles = (at + np.roll(at, -1, axis=1)) / 2  # (triangles, 3, 2)
    differ = names != np.roll(names, -1, axis=1)  # (triangles, 3): none of the sides, two or all
    count = differ.sum(axis=1, keepdims=True).clip(min=1)
    meet = (middles * differ[..., None]).sum(axis=1) / count
    return float(np.linalg.norm(middles - meet[:, None], axis=-1)[differ].sum())


def compared(
    lab: Lab, prompt: str, triples: Sequence[Sequence[str]], told_by: int = 4, steps: int = 20
) -> pd.DataFrame:
    """The `counts` of each triple of words, and of its nulls: one row per triple and `of`.

    of: "words"; the two of `MIXED`; and those of `RANDOM`, with seed 0 for the first triple, 1 for the next.
    In all of them a territory is identified by its first `told_by` tokens. Columns: model, prompt, triple
    ("dog, king, music"), of, those of `counts`, with border in median tokens' distances from the centroid.
    """
    rows = []
    for seed, words in enumerate(triples):
        plane = plane_through(lab, words)
        table = triangle(lab, prompt, plane, steps, told_by, told_by)
        maps = {WORDS: table} | {mix: outputs_mixed(lab, prompt, plane, table, mix, told_by) for mix in MIXED}
        for kind in RANDOM:
            maps[kind] = triangle(lab, prompt, random_plane(lab, seed, kind), steps, told_by, told_by)
        rows += [{"triple": ", ".join(words), "of": of} | counts(table) for of, table in maps.items()]
    table = pd.DataFrame(rows)
    table["border"] /= lab.space.median_distance
    return table.assign(model=lab.name, prompt=prompt)[["model", "prompt", *table]]
