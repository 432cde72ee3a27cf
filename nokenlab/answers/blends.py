"""Blends of two prompts: what the model says from one to the other, where it flips, and what leads."""

from collections.abc import Iterable, Sequence
from itertools import chain

import pandas as pd
import torch
from torch import Tensor

from nokenlab.embedder import Embedder
from nokenlab.interpolation import between
from nokenlab.lab import Lab
from nokenlab.measures import next_token


def grid(points: int) -> list[float]:
    """`points` values of p from 0 to 1, evenly spaced, both ends included."""
    if points < 2:
        raise ValueError(f"a sweep from 0 to 1 needs at least 2 points, got {points}")
    return [round(i / (points - 1), 6) for i in range(points)]


def pair(lab: Embedder, prompt_a: str, prompt_b: str) -> tuple[Tensor, Tensor]:
    """The embeddings of two prompts, (1, tokens, width) each.

    Raises ValueError for prompts that cannot be blended: unequal token counts, where the message shows both
    tokenizations, twice the same prompt, or a prompt with an unfilled <noken>.
    """
    embeddings = lab.embed(prompt_a), lab.embed(prompt_b)
    tables = [lab.tokens(prompt) for prompt in (prompt_a, prompt_b)]
    if len(tables[0]) != len(tables[1]):
        counts = [f"{len(table)}: {' | '.join(map(repr, table['token']))}" for table in tables]
        raise ValueError(
            f"the two prompts must have the same number of tokens, but they have {' and '.join(counts)}"
        )
    if tables[0]["id"].equals(tables[1]["id"]):
        raise ValueError(f"both prompts are {prompt_a!r}; there is nothing to blend")
    return embeddings


def path(
    lab: Embedder, prompt_a: str, prompt_b: str, p: Sequence[float], interpolation: str = "lerp"
) -> Tensor:
    """The blended prompts, one per p: (len(p), tokens, width).

    Raises ValueError as `pair` does, for an unknown interpolation, and for a p that is empty or not finite.
    """
    a, b = pair(lab, prompt_a, prompt_b)
    if not len(p):
        raise ValueError("p is empty; give at least one number, 0 for the first prompt to 1 for the second")
    return between(a, b, p, interpolation, lab.space.centroid)


def blend(
    lab: Lab,
    prompt_a: str,
    prompt_b: str,
    p: Sequence[float],
    interpolation: str = "lerp",
    max_new_tokens: int = 20,
) -> pd.DataFrame:
    """What the model says, greedily, to each blend of two prompts of equally many tokens.

    p is 0 for `prompt_a` and 1 for `prompt_b`; `interpolation` is a name of `INTERPOLATIONS`. One row per p,
    in the given order. Columns: p, way, next_token (the likeliest), probability (its), entropy (of the next
    token, bits), response.
    """
    rows = path(lab, prompt_a, prompt_b, p, interpolation)  # (len(p), tokens, width)
    responses = lab.generate(rows, max_new_tokens)
    first = next_token(lab, lab.logits(rows))
    return pd.DataFrame({"p": list(map(float, p)), "way": interpolation, **first, "response": responses})


def leading_along(
    lab: Lab,
    prompt_a: str,
    prompt_b: str,
    p: Sequence[float],
    interpolation: str = "lerp",
    *,
    walk: int = 0,
    k: int = 6,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Probabilities of the leading next tokens along p: the k with the highest peaks over all p.

    With `walk` 0 that is the token right after the prompt. Otherwise all blends are continued greedily
    for as long as they say the same, `walk` tokens at most: the table is then about the token where
    they first differ. Columns: p, way, after (the text they share), token, id, probability; k rows per p.
    """
    rows = path(lab, prompt_a, prompt_b, p, interpolation)
    shared: list[int] = []
    # the batches go in step, so that all rows are compared at each token
    for steps in zip(*(lab.sample(part, walk + 1) for part in rows.split(batch_size)), strict=False):
        ids = torch.cat([step.ids for step in steps])
        shared.append(ids[0].item())
        if (ids != ids[0]).any():
            break
    probabilities = torch.cat([step.probabilities for step in steps])  # (len(p), vocab)
    ids = probabilities.amax(dim=0).topk(k).indices
    return pd.DataFrame(
        {
            "p": [float(value) for value in p for _ in range(k)],
            "way": interpolation,
            "after": lab.text(shared[:-1], skip_special_tokens=False),
            "token": [lab.token(id) for id in ids.tolist()] * len(p),
            "id": ids.tolist() * len(p),
            "probability": list(chain.from_iterable(probabilities[:, ids].tolist())),
        }
    )


def plateaus(table: pd.DataFrame) -> pd.DataFrame:
    """Runs of equal responses along p, for each interpolation of a `blend` table.

    Columns: way, plateau (0, 1, … along p), p_from and p_to (the first and last p of the run), count
    (how many p), response.
    """
    runs = []
    for name, rows in table.groupby("way", sort=False):
        rows = rows.sort_values("p", kind="stable")
        number = (rows["response"] != rows["response"].shift()).cumsum() - 1
        for plateau, run in rows.groupby(number):
            p = run["p"]
            runs.append((name, plateau, p.iloc[0], p.iloc[-1], len(run), run["response"].iloc[0]))
    return pd.DataFrame(runs, columns=["way", "plateau", "p_from", "p_to", "count", "response"])


def flips(runs: pd.DataFrame) -> list[float]:
    """Where the answer flips, from `plateaus` of one kind: halfway from each p_to to the next p_from."""
    return ((runs["p_to"] + runs["p_from"].shift(-1)) / 2).iloc[:-1].tolist()


def letters(responses: Iterable[str]) -> dict[str, str]:
    """A letter for each different response, in order of appearance: A, B, … Z, A1, B1, …"""
    names = {}
    for text in responses:
        if text not in names:
            lap, letter = divmod(len(names), 26)
            names[text] = chr(ord("A") + letter) + (str(lap) if lap else "")
    return names
