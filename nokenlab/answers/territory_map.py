"""Territories: a map of nokens on a plane, and what the model says at each of its points."""

import json
from collections.abc import Sequence
from itertools import chain

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.answers.blends import letters
from nokenlab.answers.planes import Plane, corner_vectors, nearest_tokens
from nokenlab.decode.loop import new_ids
from nokenlab.lab import Lab
from nokenlab.measures import leading, next_token
from nokenlab.prompt import fill

MOST_CELLS = 200  # per side
LEADING = 5  # next tokens that are recorded for a cell


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
    """What the model says, greedily, at each point of a square map of cells × cells nokens.

    Two cells are of one territory where their answers begin with the same `told_by` tokens; 0 is the fewest
    that distinguish the answers of the three corners, or all of them, where two corners say the same.
    `margin`: see `Plane.reach`. One row per cell, from the lower left, x first.

    Columns: x, y, weight_a, weight_b, weight_c (of the corners), norm, nearest (the real token with the
    largest cosine), next_token, probability (its), entropy (of the next token, bits), leading (the five
    likeliest next tokens, each with its probability, as JSON), response, told_by, begins (the first told_by
    tokens of the response), territory (A the largest, B, …), corner (the corners whose own answer begins so,
    with commas between them; empty for none).
    Raises ValueError for a prompt without <noken>, and for more than 200 cells per side.
    """
    if not 2 <= cells <= MOST_CELLS or margin < 0 or not 0 <= told_by <= max_new_tokens:
        rule = f"cells must be 2 to {MOST_CELLS}, margin at least 0 and told_by 0 to max_new_tokens"
        raise ValueError(f"{rule}; got {cells}, {margin} and {told_by}")
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
    vectors = plane.vector(x, y)  # (points, width)
    answers = answered(lab, prompt, torch.cat([corner_vectors(plane), vectors]), max_new_tokens, progress)
    table = pd.DataFrame({"x": x.tolist(), "y": y.tolist()})
    table[["weight_a", "weight_b", "weight_c"]] = plane.weights(x, y).tolist()
    table["norm"] = vectors.norm(dim=-1).tolist()
    table["nearest"] = nearest_tokens(lab, plane, x, y)
    return named(lab, plane, table, answers, told_by)


def answered(
    lab: Lab, prompt: str, vectors: Tensor, max_new_tokens: int, progress: bool = False
) -> pd.DataFrame:
    """What the model says, greedily, to a prompt with each of the vectors (rows, width) at its <noken>.

    Columns: next_token, probability, entropy (bits), leading (as in `territory_map`), response, ids (of its
    tokens).
    """

    def answers(batch: slice) -> pd.DataFrame:
        rows = fill(lab, prompt, vectors[batch])  # (rows, tokens, width)
        steps = lab.sample(rows, max_new_tokens)
        first = next(steps)
        columns = next_token(lab, first.logits) | {"leading": _leading(lab, first.logits)}
        new = new_ids(chain([first], steps), len(rows))
        ids = [[id for id in row if id not in lab.eos_ids] for row in new]
        bar.update(len(rows))
        return pd.DataFrame(columns | {"response": [lab.text(row) for row in ids], "ids": ids})

    with tqdm(total=len(vectors), unit="cell", disable=not progress) as bar:
        return pd.concat(lab.in_batches(answers, len(vectors), None), ignore_index=True)


def _leading(lab: Lab, logits: Tensor) -> list[str]:
    """The leading next tokens of each row of (rows, vocab), as JSON: [[" dog", 0.31], …]."""
    table = leading(lab, logits, LEADING)
    pairs = list(zip(table["token"], table["probability"].round(4), strict=True))
    return [json.dumps(pairs[i : i + LEADING], ensure_ascii=False) for i in range(0, len(pairs), LEADING)]


def fewest(answers: Sequence[list[int]]) -> int:
    """How many first tokens distinguish all answers, ids each; all tokens, where two are the same."""
    longest = max(1, *map(len, answers))
    for count in range(1, longest):
        if len({tuple(ids[:count]) for ids in answers}) == len(answers):
            return count
    return longest


def named(lab: Lab, plane: Plane, table: pd.DataFrame, answers: pd.DataFrame, told_by: int) -> pd.DataFrame:
    """A table of points joined with their `answered` table, and told_by, begins, territory and corner.

    The first three of the `answers` are the corners'. See `territory_map`.
    """
    told_by = told_by or fewest(answers["ids"].head(3))
    begins = answers["ids"].map(lambda ids: lab.text(ids[:told_by]))
    corners: dict[str, list[str]] = {}
    for corner, text in zip(plane.corners, begins, strict=False):
        corners.setdefault(text, []).append(corner.label)
    points = answers.drop(columns="ids").assign(told_by=told_by, begins=begins)[3:].reset_index(drop=True)
    points["territory"] = points["begins"].map(letters(points["begins"].value_counts().index))
    points["corner"] = points["begins"].map(lambda text: ", ".join(corners.get(text, [])))
    return table.join(points)


def _grid(reach: float, cells: int) -> tuple[Tensor, Tensor]:
    """x and y of the cells of a square map from -reach to reach, (cells²,) each; x varies fastest."""
    side = torch.linspace(-reach, reach, cells, dtype=torch.float64)
    y, x = torch.meshgrid(side, side, indexing="ij")
    return x.flatten(), y.flatten()
