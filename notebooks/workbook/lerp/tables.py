"""What a blend goes through on its way from one prompt to the other: next tokens, and the nokens."""

from collections.abc import Sequence
from itertools import chain

import pandas as pd
import torch

from nokenlab.answers.blends import pair, path
from nokenlab.lab import Lab


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


def nokens_along(
    lab: Lab, prompt_a: str, prompt_b: str, p: Sequence[float], way: str = "lerp"
) -> pd.DataFrame:
    """The blended nokens themselves, at each position where the prompts differ.

    Columns: p, way, position, norm, token (the nearest real one), id, cosine (to it).
    """
    rows = path(lab, prompt_a, prompt_b, p, way)
    a, b = pair(lab, prompt_a, prompt_b)
    tables = []
    for position in (a != b).any(dim=-1)[0].nonzero().flatten().tolist():
        vectors = rows[:, position].float()  # (len(p), width)
        norm = vectors.norm(dim=-1).tolist()
        here = pd.DataFrame({"p": list(map(float, p)), "way": way, "position": position, "norm": norm})
        nearest = lab.space.nearest(vectors, k=1).reset_index(drop=True)
        tables.append(here.join(nearest[["token", "id", "cosine"]]))
    return pd.concat(tables, ignore_index=True)
