"""One token of a prompt replaced, by random nokens and by random real tokens: what the model says then."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from nokenlab.answers.substitutes import real_tokens, substitutes_for
from nokenlab.embedder import Embedder
from nokenlab.lab import Lab
from nokenlab.measures import next_token
from nokenlab.nokens import random_nokens, replace


def replacements(
    lab: Lab, prompt: str, position: int, seeds: Sequence[int], max_new_tokens: int = 20
) -> pd.DataFrame:
    """What the model says, greedily, with the token at `position` replaced: one row per scale and seed.

    Columns: model, prompt, position, seed (missing for the true token), scale (see `substitutes_for`), norm,
    nearest (the token of the most similar direction) and cosine (to it), next_token (the likeliest),
    entropy (of the next token, bits), kl (from the next-token distribution of the unchanged prompt, bits),
    response. Raises ValueError as `substitutes_for` does.
    """
    table, prompts = _replaced(lab, prompt, position, seeds)
    table.insert(0, "model", lab.name)
    nearest = lab.space.nearest(prompts[:, position].float(), k=1)
    table.insert(6, "nearest", nearest["token"].tolist())
    table.insert(7, "cosine", nearest["cosine"].tolist())
    return table.drop(columns="probability").assign(response=lab.generate(prompts, max_new_tokens))


def _replaced(lab: Lab, prompt: str, position: int, seeds: Sequence[int]) -> tuple[pd.DataFrame, Tensor]:
    """The prompt with each of `substitutes_for` in it, (rows, tokens, width): what they are, what comes next.

    Columns: prompt, position, seed, scale, norm, and those of `next_token`, kl from the first row's, which is
    the unchanged prompt.
    """
    parts = substitutes_for(lab, prompt, position, seeds)
    prompts = replace(lab.embed(prompt), position, torch.cat(list(parts.values())))
    logits = lab.logits(prompts)  # (rows, vocab)
    columns = {
        "prompt": prompt,
        "position": position,
        "seed": pd.array([None, *[*seeds] * (len(parts) - 1)], dtype="Int64"),
        "scale": [scale for scale, rows in parts.items() for _ in rows],
        "norm": prompts[:, position].float().norm(dim=-1).tolist(),  # in the model's number format
    }
    return pd.DataFrame(columns | next_token(lab, logits, logits[0])), prompts


def by_position(lab: Lab, prompt: str, positions: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
    """How far the same vectors move the next token at several positions: one row per position, kind and seed.

    The vectors are those of `substitutes_for`. Columns: prompt, position, kind ("article", "token norm",
    "real token"), seed, norm, entropy (of the next token, bits), kl (from the next-token distribution of the
    unchanged prompt, bits). Raises ValueError as `substitutes_for` does.
    """
    tables = [_replaced(lab, prompt, position, seeds)[0][1:] for position in positions]
    table = pd.concat(tables, ignore_index=True).astype({"seed": int}).rename(columns={"scale": "kind"})
    return table[["prompt", "position", "kind", "seed", "norm", "entropy", "kl"]]


def median_moves(table: pd.DataFrame) -> pd.DataFrame:
    """Median kl (bits) of a `by_position` table: one row per prompt and kind, one column per position."""
    medians = table.pivot_table("kl", ["prompt", "kind"], "position", aggfunc="median", sort=False)
    return medians.add_prefix("position ").rename_axis(columns=None).reset_index()


def medians(table: pd.DataFrame) -> pd.DataFrame:
    """A `replacements` table by scale: rows, medians of norm, cosine, entropy and kl, different responses."""
    by_scale = table.groupby("scale", sort=False)
    summary = by_scale[["norm", "cosine", "entropy", "kl"]].median()
    summary.insert(0, "rows", by_scale.size())
    return summary.assign(different_responses=by_scale["response"].nunique()).reset_index()


def nearness(lab: Embedder, count: int = 100) -> pd.DataFrame:
    """How near the nearest token is, for random nokens (seeds 0, 1, …) and for as many random real tokens.

    For a real token the nearest *other* token. A cosine does not depend on length, so a noken's scale does
    not matter. Columns: of ("random noken", "real token"), seed, nearest, cosine; `count` rows each.
    """
    seeds = range(count)
    nearest = {
        "random noken": lab.space.nearest(random_nokens(lab.width, seeds), k=1),
        # rank 1 is the token itself, or another with the same embedding
        "real token": lab.space.nearest(real_tokens(lab, seeds), k=2).query("rank == 2"),
    }
    table = pd.concat(nearest, names=["of"]).reset_index("of").reset_index(drop=True)
    return table.rename(columns={"row": "seed", "token": "nearest"})[["of", "seed", "nearest", "cosine"]]
