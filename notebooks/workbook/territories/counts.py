"""What a map of territories comes to in numbers: where its borders run, how many there are, and its nulls."""

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
# what is mixed in place of the vectors: the corners' next-token distributions, by a point's weights
MIXED = {"outputs mixed": torch.softmax, "outputs mixed, log-linear": torch.log_softmax}
RANDOM = ("random tokens", "random nokens")


def borders(lab: Lab, prompt: str, plane: Plane, table: pd.DataFrame, precision: float = 0.1) -> pd.DataFrame:
    """Where the borders of a `territory_map` run: between cells side by side that differ.

    `precision` is how far a point may lie from the border, as a share of a cell; the way between the cells is
    halved until then. Where a third territory lies on it, this is an end of the first cell's. Columns: x, y,
    territory, other (those of the two cells), cell, other_cell (their rows in the map).
    """
    first, second = _neighbours(table)
    differ = table["territory"].to_numpy()[first] != table["territory"].to_numpy()[second]
    first, second = first[differ], second[differ]
    at = torch.from_numpy(table[["x", "y"]].to_numpy(dtype=float, copy=True))  # (cells, 2)
    here, there = at[first], at[second]  # (borders, 2): a point this side of each border, and one beyond
    begins, told_by = table["begins"].to_numpy()[first], int(table["told_by"].iloc[0])
    for _ in range(max(0, math.ceil(math.log2(1 / precision)) - 1) if len(first) else 0):
        middle = (here + there) / 2
        said = answered(lab, prompt, plane.vector(*middle.T), told_by)["response"].to_numpy()
        same = torch.from_numpy(said == begins)[:, None]
        here, there = torch.where(same, middle, here), torch.where(same, there, middle)
    x, y = ((here + there) / 2).T.tolist()
    names = table["territory"].to_numpy()
    columns = {"territory": names[first], "other": names[second], "cell": first, "other_cell": second}
    return pd.DataFrame({"x": x, "y": y} | columns)


def _neighbours(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a square map that lie side by side: (pairs,) and (pairs,), to the right and upwards."""
    rows = np.arange(len(table)).reshape(math.isqrt(len(table)), -1)  # (y, x)
    first = [rows[:, :-1].ravel(), rows[:-1].ravel()]
    return np.concatenate(first), np.concatenate([rows[:, 1:].ravel(), rows[1:].ravel()])


def triangle(
    lab: Lab, prompt: str, plane: Plane, steps: int = 20, max_new_tokens: int = 8, told_by: int = 0
) -> pd.DataFrame:
    """The table of `territory_map` at points of the triangle alone, its edges among them.

    They divide each edge into `steps`: (steps + 1)·(steps + 2)/2 points, evenly in the plane.
    """
    if steps < 2:
        raise ValueError(f"at least 2 steps along an edge are needed, got {steps}")
    weights = torch.tensor(lattice(steps), dtype=torch.float64) / steps  # (points, 3)
    corners = torch.tensor([[corner.x, corner.y] for corner in plane.corners], dtype=torch.float64)
    return mapped(lab, prompt, plane, *(weights @ corners).T, max_new_tokens, told_by)


def outputs_mixed(
    lab: Lab, prompt: str, plane: Plane, table: pd.DataFrame, mixture: str, max_new_tokens: int = 8
) -> pd.DataFrame:
    """The null of a map: the corners' outputs are mixed in place of their vectors, inside the triangle.

    At each token the three next-token distributions that follow the corners and the text so far are mixed by
    a point's weights, and the likeliest token is taken: of one of `MIXED`, the distributions themselves or
    their logarithms. Points of the `territory_map` or `triangle` outside are left out, as no mixture has
    weights below 0. Columns: x, y, weight_a, weight_b, weight_c, response, told_by, begins, territory,
    corner.
    """
    names = ["x", "y", "weight_a", "weight_b", "weight_c"]
    inside = table.loc[table[names[2:]].min(axis=1) >= -1e-6, names].reset_index(drop=True)
    weights = torch.tensor(inside[names[2:]].to_numpy(), dtype=torch.float32)
    every = torch.cat([torch.eye(3), weights])  # the corners first
    ids = _mixed_ids(lab, fill(lab, prompt, corner_vectors(plane)), every, MIXED[mixture], max_new_tokens)
    answers = pd.DataFrame({"response": [lab.text(row) for row in ids], "ids": ids})
    return named(lab, plane, inside, answers, int(table["told_by"].iloc[0]))


def _mixed_ids(
    lab: Lab, prompts: Tensor, weights: Tensor, share: Callable[..., Tensor], max_new_tokens: int
) -> list[list[int]]:
    """The greedy ids of each row of weights (points, 3) on three prompts (3, tokens, width).

    Points that say the same so far share a step.
    """
    said, going = [()] * len(weights), {(): torch.arange(len(weights))}
    for _ in range(max_new_tokens):
        begun = [_continued(lab, prompts, ids) for ids in going]
        shares = share(lab.logits(torch.cat(begun)).unflatten(0, (-1, 3)), dim=-1)  # (beginnings, 3, vocab)
        points, going = list(going.items()), {}
        for (ids, some), at_corners in zip(points, shares.cpu(), strict=True):
            best = torch.cat([(part @ at_corners).argmax(-1) for part in weights[some].split(128)])
            for id in set(best.tolist()) - set(lab.eos_ids):
                going[(*ids, id)] = some[best == id]
                for point in some[best == id].tolist():
                    said[point] = (*ids, id)
        if not going:
            break
    return [list(ids) for ids in said]


def _continued(lab: Lab, prompts: Tensor, ids: Sequence[int]) -> Tensor:
    """Prompts (rows, tokens, width) with the same tokens behind each."""
    if not ids:
        return prompts
    return torch.cat([prompts, lab.embed_ids(torch.tensor(ids)).expand(len(prompts), -1, -1)], dim=1)


def counts(table: pd.DataFrame) -> dict[str, float]:
    """What is counted on a `triangle`, or on its `outputs_mixed`.

    told_by; territories; inner (of them, those that no point of the three edges has: no line between two of
    the corners touches them); own (share of the points with the answer of a corner); border (length of all
    borders, in the unit of x and y: through the middle of all lattice lines whose ends differ).
    """
    edge = table[["weight_a", "weight_b", "weight_c"]].min(axis=1) < 1e-6
    names, touched = set(table["territory"]), set(table["territory"][edge])
    return {
        "told_by": int(table["told_by"].iloc[0]),
        "territories": len(names),
        "inner": len(names - touched),
        "own": (table["corner"] != "").mean(),
        "border": _border(table),
    }


def _border(table: pd.DataFrame) -> float:
    """The length of a `triangle`'s borders: within each small triangle, between the middles of its sides."""
    small = small_triangles(len(table))  # (triangles, 3)
    at, names = table[["x", "y"]].to_numpy()[small], table["territory"].to_numpy()[small]
    middles = (at + np.roll(at, -1, axis=1)) / 2  # (triangles, 3, 2)
    differ = names != np.roll(names, -1, axis=1)  # (triangles, 3): none of the sides, two or all
    count = differ.sum(axis=1, keepdims=True).clip(min=1)
    meet = (middles * differ[..., None]).sum(
        axis=1
    ) / count  # of three sides that is the triangle's own middle
    return float(np.linalg.norm(middles - meet[:, None], axis=-1)[differ].sum())


def compared(
    lab: Lab, prompt: str, triples: Sequence[Sequence[str]], told_by: int = 4, steps: int = 20
) -> pd.DataFrame:
    """The `counts` of each triple of words, and of its nulls: a row a triple and `of`.

    of: "words"; the two of `MIXED`; and those of `RANDOM`, with seed 0 for the first triple, 1 for the next.
    In all of them a territory is told by its first `told_by` tokens. Columns: model, prompt, triple
    ("dog, king, music"), of, those of `counts`, with border in median tokens' distances from the centroid.
    """
    rows = []
    for seed, words in enumerate(triples):
        plane = plane_through(lab, words)
        table = triangle(lab, prompt, plane, steps, told_by, told_by)
        maps = {WORDS: table} | {mix: outputs_mixed(lab, prompt, plane, table, mix, told_by) for mix in MIXED}
        for kind in RANDOM:
            maps[kind] = triangle(lab, prompt, random_plane(lab, seed, kind), steps, told_by, told_by)
        rows += [{"triple": ", ".join(words), "of": of} | counts(one) for of, one in maps.items()]
    table = pd.DataFrame(rows)
    table["border"] /= lab.space.median_distance
    return table.assign(model=lab.name, prompt=prompt)[["model", "prompt", *table]]


def triples_of(triples: Sequence[str]) -> list[list[str]]:
    """Triples of words, from "dog, king, music" each; ["file"] reads nokenlab's own twenty.

    Raises ValueError for a line that is no three different words, and where there is none.
    """
    lines = TRIPLES.read_text(encoding="utf-8").splitlines() if list(triples) == ["file"] else list(triples)
    found = [[word.strip() for word in line.split(",")] for line in lines]
    for line, words in zip(lines, found, strict=True):
        if len(words) != 3 or not all(words) or len(set(words)) < 3:
            raise ValueError(f"a triple is three different words with commas between, got {line!r}")
    if not found:
        raise ValueError("at least one triple of words is needed")
    return found
