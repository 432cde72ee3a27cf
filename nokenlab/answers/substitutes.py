"""What to put in place of a prompt's token: random nokens at several scales, and random real tokens."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nokenlab.embedder import Embedder
from nokenlab.nokens import random_nokens, replace, rescale

SCALES = ("true token", "article", "token norm", "real token")


def real_tokens(lab: Embedder, seeds: Sequence[int]) -> Tensor:
    """The embeddings of random real tokens, one per seed, (seeds, width). Row i depends on seeds[i] alone."""
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    rows = [torch.randint(len(lab.space), (), generator=generator) for generator in generators]
    return lab.space.vectors[torch.stack(rows).to(lab.device)]


def substitutes_for(lab: Embedder, prompt: str, position: int, seeds: Sequence[int]) -> dict[str, Tensor]:
    """What to put at `position` of a prompt, by scale: each (seeds, width), float32.

    "true token" (1, width) is the token itself; "article" is standard normal, with a norm of about
    sqrt(width); "token norm" has the same directions at the norm of a typical token; "real token" is the
    embedding of a random token. Raises ValueError for an empty prompt, a position outside it, and seeds that
    are invalid or repeated.
    """
    seeds = list(seeds)
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"a seed is repeated in {seeds}; give each once")
    nokens = random_nokens(lab.width, seeds)
    embeddings = lab.embed(prompt)  # (1, tokens, width)
    replace(embeddings, position, nokens)  # refuses a position outside the prompt
    vectors = {
        "true token": embeddings[0, position][None],
        "article": nokens,
        "token norm": rescale(nokens, lab.space.median_norm),
        "real token": real_tokens(lab, seeds),
    }
    return {scale: rows.float().cpu() for scale, rows in vectors.items()}
