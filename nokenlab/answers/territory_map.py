"""Territories: a map of nokens on a plane, and what the model says at each of its places."""

import json
import time
from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.answers.blends import letters
from nokenlab.answers.planes import Plane, corner_vectors, nearest_tokens
from nokenlab.lab import Lab
from nokenlab.measures import leading, next_token
from nokenlab.prompt import fill

MOST_CELLS = 200  # a side; more must be meant
LEADING = 5  # next tokens that are kept of a cell


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
    leading (the five likeliest next tokens, each with its probability, as JSON), response, told_by, begins
    (so many tokens of the response), territory (A the largest, B, …), corner (the corner whose own answer
    begins so, with commas where they are several; empty for none's).
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
    table["nearest"] = nearest_tokens(lab, plane, x, y)
    every = torch.cat([corner_vectors(plane), vectors])
    return named(lab, plane, table, answered(lab, prompt, every, max_new_tokens, progress), told_by)


def answered(
    lab: Lab, prompt: str, vectors: Tensor, max_new_tokens: int, progress: bool = False
) -> pd.DataFrame:
    """What is said, greedily, to a prompt with each of some vectors (rows, width) where it says <noken>.

    Columns: next_token, probability, entropy (bits), leading (as in `territory_map`), response, ids (of its
    tokens).
    """
    begin, new = time.perf_counter(), 0

    def some_answers(some: slice) -> pd.DataFrame:
        nonlocal new
        rows = fill(lab, prompt, vectors[some])  # (rows, tokens, width)
        ids = torch.full((len(rows), max_new_tokens), -1, device=lab.device)
        for step in lab.sample(rows, max_new_tokens):
            ids[step.rows, step.index] = step.ids
            if step.index == 0:
                first = next_token(lab, step.logits) | {"leading": _leading(lab, step.logits)}
        new += int((ids >= 0).sum())
        bar.update(len(rows))
        bar.set_postfix_str(f"{new / (time.perf_counter() - begin):,.0f} tokens/s")
        kept = [[id for id in row if id >= 0 and id not in lab.eos_ids] for row in ids.tolist()]
        return pd.DataFrame(first | {"response": [lab.text(row) for row in kept], "ids": kept})

    with tqdm(total=len(vectors), unit="cell", disable=not progress) as bar:
        parts = lab.in_batches(some_answers, len(vectors), None)
    return pd.concat(parts, ignore_index=True)


def _leading(lab: Lab, logits: Tensor) -> list[str]:
    """The leading next tokens of each row of (rows, vocab), as JSON: [[" dog", 0.31], …]."""
    table = leading(lab, logits, LEADING)
    pairs = list(zip(table["token"], table["probability"].round(4), strict=True))
    return [json.dumps(pairs[i : i + LEADING], ensure_ascii=False) for i in range(0, len(pairs), LEADING)]


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


def _too_many(lab: Lab, prompt: str, plane: Plane, cells: int, max_new_tokens: int) -> str:
    """Why a map is too fine, with the time it would take by that of a small one here and now."""
    begin, tried = time.perf_counter(), min(lab.rows_at_once, 32)
    answered(lab, prompt, plane.vector(torch.zeros(tried), 0.0), max_new_tokens)
    seconds = (time.perf_counter() - begin) / tried * cells**2
    return (
        f"{cells} x {cells} cells are more than {MOST_CELLS} x {MOST_CELLS}: at {max_new_tokens} tokens each "
        f"they would take about {seconds / 60:,.0f} minutes here; choose fewer cells"
    )
