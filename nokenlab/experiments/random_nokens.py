"""One token of a prompt replaced, by random nokens and by random real tokens: what the model makes of it."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor

from nokenlab.embedder import Embedder
from nokenlab.lab import Lab
from nokenlab.measures import entropy, kl, next_token
from nokenlab.nokens import random_nokens, replace, rescale

SCALES = ("true token", "article", "token norm", "real token")


def real_tokens(lab: Embedder, seeds: Sequence[int]) -> Tensor:
    """The embeddings of random real tokens, one a seed, (seeds, width). Row i depends on seeds[i] alone."""
    count = len(lab.space)
    rows = [torch.randint(count, (), generator=torch.Generator().manual_seed(int(s))) for s in seeds]
    return lab.space.vectors[torch.stack(rows).to(lab.device)]


def substitutes(lab: Embedder, prompt: str, position: int, seeds: Sequence[int]) -> dict[str, Tensor]:
    """What to put at `position` of a prompt, by scale: each (seeds, width), float32.

    "true token" (1, width) is what stands there; "article" is standard normal, with a norm of about
    sqrt(width); "token norm" has the same directions at the length of a typical token; "real token" is the
    embedding of a random token. Raises ValueError for an empty prompt, a position outside it, seeds that
    are none or come twice.
    """
    seeds = list(seeds)
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"a seed comes twice in {seeds}; give each once")
    nokens = random_nokens(lab.width, seeds)
    embeddings = lab.embed(prompt)  # (1, tokens, width)
    replace(embeddings, position, nokens)  # refuses a position outside the prompt
    true, short = embeddings[0, position][None], rescale(nokens, lab.space.median_norm)
    found = (true, nokens, short, real_tokens(lab, seeds))
    return {scale: rows.float().cpu() for scale, rows in zip(SCALES, found, strict=True)}


def replacements(
    lab: Lab, prompt: str, position: int, seeds: Sequence[int], max_new_tokens: int = 20
) -> pd.DataFrame:
    """What the model says, greedily, with the token at `position` replaced: one row a scale and seed.

    Columns: model, prompt, position, seed (none for the true token), scale (see `substitutes`), norm,
    nearest (the token that points most nearly the same way) and cosine (to it), next_token (the
    likeliest), entropy (of the next token, bits), kl (from the next-token distribution of the prompt as
    it was, bits), response. Raises ValueError as `substitutes` does.
    """
    parts = substitutes(lab, prompt, position, seeds)
    prompts = replace(lab.embed(prompt), position, torch.cat(list(parts.values())))  # (rows, tokens, width)
    responses = lab.generate(prompts, max_new_tokens)
    logits = lab.logits(prompts)  # (rows, vocab); row 0 is the prompt as it was
    told = next_token(lab, logits, logits[0])
    vectors = prompts[:, position].float()  # as the model's number format has them
    nearest = lab.space.nearest(vectors, k=1)
    return pd.DataFrame(
        {
            "model": lab.name,
            "prompt": prompt,
            "position": position,
            "seed": pd.array([None, *[*seeds] * (len(SCALES) - 1)], dtype="Int64"),
            "scale": [scale for scale, rows in parts.items() for _ in rows],
            "norm": vectors.norm(dim=-1).tolist(),
            "nearest": nearest["token"].tolist(),
            "cosine": nearest["cosine"].tolist(),
            **{name: told[name] for name in ("next_token", "entropy", "kl")},
            "response": responses,
        }
    )


def by_position(lab: Lab, prompt: str, positions: Sequence[int], seeds: Sequence[int]) -> pd.DataFrame:
    """How far each vector moves the next token, by the place it takes: one row a position, kind and seed.

    The vectors are those of `substitutes`, the same at every position. Columns: prompt, position, kind
    ("article", "token norm", "real token"), seed, norm, entropy (of the next token, bits), kl (from the
    next-token distribution of the prompt as it was, bits). Raises ValueError as `substitutes` does.
    """
    x, tables = lab.embed(prompt), []  # (1, tokens, width)
    for position in positions:
        parts = substitutes(lab, prompt, position, seeds)
        vectors = torch.cat(list(parts.values()))  # (rows, width); row 0 is the prompt as it was
        logits = lab.logits(replace(x, position, vectors))  # (rows, vocab)
        rows = {
            "prompt": prompt,
            "position": position,
            "kind": [kind for kind, some in parts.items() for _ in some],
            "seed": [None, *[*seeds] * (len(parts) - 1)],
            "norm": vectors.norm(dim=-1).tolist(),
            "entropy": entropy(logits).tolist(),
            "kl": kl(logits, logits[0]).tolist(),
        }
        tables.append(pd.DataFrame(rows)[1:].astype({"seed": int}))
    return pd.concat(tables, ignore_index=True)


def median_moves(table: pd.DataFrame) -> pd.DataFrame:
    """A `by_position` table in short: the median kl, bits; a row a prompt and kind, a column a position."""
    medians = table.pivot_table("kl", ["prompt", "kind"], "position", aggfunc="median", sort=False)
    return medians.add_prefix("position ").rename_axis(columns=None).reset_index()


def medians(table: pd.DataFrame) -> pd.DataFrame:
    """A `replacements` table by scale: rows, medians of norm, cosine, entropy and kl, different responses."""
    by_scale = table.groupby("scale", sort=False)
    found = by_scale[["norm", "cosine", "entropy", "kl"]].median()
    found.insert(0, "rows", by_scale.size())
    return found.assign(different_responses=by_scale["response"].nunique()).reset_index()


def nearness(lab: Embedder, count: int = 100) -> pd.DataFrame:
    """How near the nearest token is, for random nokens (seeds 0, 1, …) and for as many random real tokens.

    Of a real token the nearest *other* token is meant. A cosine knows no length, so a noken's scale is
    of no matter. Columns: of ("random noken", "real token"), seed, nearest, cosine; `count` rows each.
    """
    if count < 1:
        raise ValueError(f"at least 1 noken is needed to see how near they are, got {count}")
    seeds = range(count)
    found = {
        "random noken": lab.space.nearest(random_nokens(lab.width, seeds), k=1),
        # rank 1 is the token itself, or another with the very same embedding
        "real token": lab.space.nearest(real_tokens(lab, seeds), k=2).query("rank == 2"),
    }
    table = pd.concat(found, names=["of", None]).reset_index("of").rename(columns={"row": "seed"})
    return table.rename(columns={"token": "nearest"})[["of", "seed", "nearest", "cosine"]].reset_index(
        drop=True
    )
