"""Nokens: draw them, rescale them, put them in place of a token. `prompt` fills texts with them."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import torch
from torch import Tensor

from nokenlab.errors import check_count, check_seeds, check_vectors, short
from nokenlab.space import EmbeddingSpace


def random_nokens(width: int, seeds: int | Sequence[int], norm: float | None = None) -> Tensor:
    """One random noken per seed, (len(seeds), width), float32 on the CPU.

    Each is standard normal, as the article's `torch.randn`: its norm is about sqrt(width), many times a
    token's. With `norm` each is rescaled to that length. Row i depends on seeds[i] alone: it is drawn on the
    CPU by its own generator, so it is the same on every device. Raises ValueError unless seeds are whole
    numbers from 0 to 2**63 - 1, at least one.
    """
    check_count(width, "width")
    seeds = check_seeds([seeds] if isinstance(seeds, int) else seeds)
    rows = [torch.randn(width, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    nokens = torch.stack(rows)  # (seeds, width)
    return nokens if norm is None else rescale(nokens, norm)


def rescale(vectors: Tensor, norm: float) -> Tensor:
    """The same directions at length `norm`, (…, width). A vector of length 0 has no direction."""
    check_vectors(vectors)
    if not isinstance(norm, Real) or not math.isfinite(norm):
        raise ValueError(f"norm must be a finite number, got {short(norm)}")
    lengths = vectors.norm(dim=-1, keepdim=True)
    if (lengths == 0).any():
        raise ValueError("a vector of length 0 has no direction and cannot be rescaled")
    return vectors * (norm / lengths)


def shell(centre: Tensor, seeds: int | Sequence[int], distance: float) -> Tensor:
    """Random nokens at one distance from `centre` (width,), one per seed: (seeds, width), float32 on the CPU.

    The direction of row i is that of row i of `random_nokens`.
    """
    check_vectors(centre, "centre")
    if centre.dim() != 1:
        raise ValueError(f"centre must be one vector, (width,), got {tuple(centre.shape)}")
    return centre.float().cpu() + random_nokens(len(centre), seeds, norm=distance)


def near_centroid(space: EmbeddingSpace, k: int, seed: int) -> Tensor:
    """Where k nokens start to be learned, (1, k, width), float32 on the CPU: a tenth of a median token's
    distance from the centroid, in directions drawn from `seed`."""
    offsets = random_nokens(k * space.width, seed).view(1, k, space.width)
    return space.centroid.cpu() + rescale(offsets, space.median_distance / 10)


def replace(embeddings: Tensor, position: int, vectors: Tensor) -> Tensor:
    """A prompt with the token at `position` replaced, one copy per vector: (vectors, tokens, width).

    `embeddings` is one prompt, (1, tokens, width); `vectors` is (width,) or (vectors, width), finite.
    `position` counts from 0; from the end if negative. The input is not changed.
    """
    _check_prompt(embeddings)
    check_vectors(vectors)
    _, tokens, width = embeddings.shape
    if not isinstance(position, Integral) or not -tokens <= position < tokens:
        prompt = f"the prompt, which has {tokens} tokens: 0 to {tokens - 1}"
        raise ValueError(f"position {short(position)} is outside {prompt}")
    vectors = torch.atleast_2d(vectors)
    if vectors.dim() != 2 or vectors.shape[1] != width or not len(vectors):
        raise ValueError(f"vectors of this model must have width {width}, got {tuple(vectors.shape)}")
    replaced = embeddings.repeat(len(vectors), 1, 1)
    replaced[:, position] = vectors.to(embeddings)
    return replaced


def insert(before: Tensor, vectors: Tensor, after: Tensor | None = None) -> Tensor:
    """A prompt with a vector between two texts, one copy per vector: (vectors, tokens + 1, width).

    `before` and `after` are texts' embeddings, (1, tokens, width); without `after` the vector comes last.
    `vectors` is (width,) or (vectors, width), finite.
    """
    for text in [before] if after is None else [before, after]:
        _check_prompt(text)
    gap = before.new_zeros(1, 1, before.shape[-1])
    parts = [before, gap] if after is None else [before, gap, after]
    return replace(torch.cat(parts, dim=1), before.shape[1], vectors)


def _check_prompt(embeddings: Tensor) -> None:
    check_vectors(embeddings, "embeddings")
    if embeddings.dim() != 3 or len(embeddings) != 1:
        raise ValueError(f"embeddings must be of one text, (1, tokens, width), got {tuple(embeddings.shape)}")
