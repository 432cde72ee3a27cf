"""Blending two prompts: what the model says along the way from one to the other, and where it flips."""

from collections.abc import Iterable, Sequence
from itertools import chain

import pandas as pd
import torch
from torch import Tensor

from nokenlab import interpolation
from nokenlab.embedder import Embedder
from nokenlab.lab import Lab
from nokenlab.measures import next_token


def grid(points: int) -> list[float]:
    """`points` values of p from 0 to 1, evenly spaced, both ends among them."""
    if points < 2:
        raise ValueError(f"a sweep from 0 to 1 needs at least 2 points, got {points}")
    return [round(i / (points - 1), 6) for i in range(points)]


def pair(lab: Embedder, prompt_a: str, prompt_b: str) -> tuple[Tensor, Tensor]:
    """The embeddings of two prompts, (1, tokens, width) each.

    Raises ValueError where there is no way from one to the other: unequal token counts, whose
    message shows both tokenizations, or the same prompt twice.
    """
    tables = [lab.tokens(prompt) for prompt in (prompt_a, prompt_b)]
    if len(tables[0]) != len(tables[1]):
        shown = " and ".join(f"{len(t)}: {' | '.join(map(repr, t['token']))}" for t in tables)
        raise ValueError(f"the two prompts must have the same number of tokens, but they have {shown}")
    if tables[0]["id"].equals(tables[1]["id"]):
        raise ValueError(f"both prompts are {prompt_a!r}; there is nothing to blend")
    return lab.embed(prompt_a), lab.embed(prompt_b)


def path(lab: Embedder, prompt_a: str, prompt_b: str, p: Sequence[float], way: str = "lerp") -> Tensor:
    """The blended prompts, one a p: (len(p), tokens, width).

    Raises ValueError as `pair` does, and for an unknown way, and for a p that is empty or not finite.
    """
    a, b = pair(lab, prompt_a, prompt_b)
    if not len(p):
        raise ValueError("p is empty; give at least one number, 0 for the first prompt to 1 for the second")
    return interpolation.between(a, b, p, way, lab.space.centroid)


def blend(
    lab: Lab,
    prompt_a: str,
    prompt_b: str,
    p: Sequence[float],
    way: str = "lerp",
    max_new_tokens: int = 20,
) -> pd.DataFrame:
    """What the model says, greedily, to each blend of two prompts of equally many tokens.

    p is 0 for `prompt_a` and 1 for `prompt_b`; `way` one of `INTERPOLATIONS`. One row per p, in the order
    given. Columns: p, way, next_token (the likeliest), probability (its), entropy (of the next token,
    bits), response.
    """
    rows = path(lab, prompt_a, prompt_b, p, way)  # (len(p), tokens, width)
    responses = lab.generate(rows, max_new_tokens)
    first = next_token(lab, lab.logits(rows))
    return pd.DataFrame({"p": list(map(float, p)), "way": way, **first, "response": responses})


def leading_along(
    lab: Lab,
    prompt_a: str,
    prompt_b: str,
    p: Sequence[float],
    way: str = "lerp",
    *,
    walk: int = 0,
    k: int = 6,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Probabilities of the leading next tokens along p: those k that peak highest anywhere on the way.

    With `walk` 0 that is the token right after the prompt. With more, all blends are continued greedily
    for as long as they say the same, `walk` tokens at most: the table is then about the token where
    they first part. Columns: p, way, after (the text they share), token, id, probability; k rows a p.
    """
    rows = path(lab, prompt_a, prompt_b, p, way)
    shared: list[int] = []
    # the batches go in step, so that all rows of the path are compared at each token
    for steps in zip(*(lab.sample(part, walk + 1) for part in rows.split(batch_size)), strict=False):
        chosen = torch.cat([step.ids for step in steps])
        shared.append(chosen[0].item())
        if (chosen != chosen[0]).any():
            break
    after = lab.text(shared[:-1], skip_special_tokens=False)
    probabilities = torch.cat([step.probabilities for step in steps])  # (len(p), vocab)
    ids = probabilities.amax(dim=0).topk(k).indices
    return pd.DataFrame(
        {
            "p": [float(value) for value in p for _ in range(k)],
            "way": way,
            "after": after,
            "token": [lab.token(id) for id in ids.tolist()] * len(p),
            "id": ids.tolist() * len(p),
            "probability": list(chain.from_iterable(probabilities[:, ids].tolist())),
        }
    )


def plateaus(table: pd.DataFrame) -> pd.DataFrame:
    """Runs of equal responses along p, for each way of a `blend` table.

    Columns: way, plateau (0, 1, … along p), p_from and p_to (the first and last p of the run), count
    (how many p), response.
    """
    runs = []
    for way, along in table.groupby("way", sort=False):
        along = along.sort_values("p", kind="stable")
        number = (along["response"] != along["response"].shift()).cumsum() - 1
        for plateau, run in along.groupby(number):
            p = run["p"]
            runs.append((way, plateau, p.iloc[0], p.iloc[-1], len(run), run["response"].iloc[0]))
    return pd.DataFrame(runs, columns=["way", "plateau", "p_from", "p_to", "count", "response"])


def flips(runs: pd.DataFrame) -> list[float]:
    """Where the answer flips, from the `plateaus` of one way: halfway from each p_to to the next p_from."""
    return ((runs["p_to"] + runs["p_from"].shift(-1)) / 2).iloc[:-1].tolist()


def letters(responses: Iterable[str]) -> dict[str, str]:
    """A letter for each different response, in the order they come: A, B, … Z, A1, B1, …"""
    different = enumerate(dict.fromkeys(responses))
    return {text: chr(65 + i % 26) + (str(i // 26) if i >= 26 else "") for i, text in different}
