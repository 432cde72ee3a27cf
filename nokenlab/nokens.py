"""Nokens as pure vector functions: make them, scale them, put them in a prompt, blend them."""

from collections.abc import Sequence

import torch
from torch import Tensor


def random_nokens(width: int, seeds: int | Sequence[int], norm: float | None = None) -> Tensor:
    """One random noken a seed, (len(seeds), width), float32 on the CPU.

    Each is standard normal, as the article's `torch.randn` has it: its norm is about sqrt(width),
    many times a token's. With `norm` each is rescaled to that length. Row i depends on seeds[i]
    alone: it is drawn on the CPU from a generator of its own, so it is the same on every device.
    """
    rows = [
        torch.randn(width, generator=torch.Generator().manual_seed(int(seed)))
        for seed in _as_list(seeds, "seeds")
    ]
    nokens = torch.stack(rows)  # (seeds, width)
    return nokens if norm is None else rescale(nokens, norm)


def rescale(vectors: Tensor, norm: float) -> Tensor:
    """The same directions at length `norm`, (…, width). A vector of length 0 has no direction."""
    lengths = vectors.norm(dim=-1, keepdim=True)
    if (lengths == 0).any():
        raise ValueError("a vector of length 0 has no direction and cannot be rescaled")
    return vectors * (norm / lengths)


def shell(centre: Tensor, seeds: int | Sequence[int], distance: float) -> Tensor:
    """Random nokens at one distance from `centre` (width,), a row a seed: (seeds, width), float32 on the CPU.

    Row i lies in the direction of `random_nokens`' row i.
    """
    return centre.float().cpu() + random_nokens(len(centre), seeds, norm=distance)


def replace(embeddings: Tensor, position: int, vectors: Tensor) -> Tensor:
    """A prompt with the token at `position` replaced, one copy a vector: (vectors, tokens, width).

    `embeddings` is one prompt, (1, tokens, width); `vectors` is (width,) or (vectors, width), finite.
    `position` counts from 0; from the end if negative. The input is not changed.
    """
    if embeddings.dim() != 3 or embeddings.shape[0] != 1:
        raise ValueError(f"wanted one prompt, (1, tokens, width), got {tuple(embeddings.shape)}")
    _, tokens, width = embeddings.shape
    if not -tokens <= position < tokens:
        raise ValueError(
            f"position {position} is outside the prompt, which has {tokens} tokens: 0 to {tokens - 1}"
        )
    vectors = torch.atleast_2d(vectors)
    if vectors.dim() != 2 or vectors.shape[1] != width:
        raise ValueError(f"this model's vectors have width {width}, got {tuple(vectors.shape)}")
    if not torch.isfinite(vectors).all():
        raise ValueError("a noken holds NaN or infinity; every value must be finite")
    replaced = embeddings.repeat(len(vectors), 1, 1)
    replaced[:, position] = vectors.to(embeddings)
    return replaced


def insert(before: Tensor, vectors: Tensor, after: Tensor | None = None) -> Tensor:
    """A prompt with a vector between two texts, one copy a vector: (vectors, tokens + 1, width).

    `before` and `after` are texts' embeddings, (1, tokens, width); without `after` the vector is the last
    thing said. `vectors` is (width,) or (vectors, width), finite.
    """
    gap = before.new_zeros(1, 1, before.shape[-1])
    parts = [before, gap] if after is None else [before, gap, after]
    return replace(torch.cat(parts, dim=1), before.shape[1], vectors)


def lerp(a: Tensor, b: Tensor, p: float | Sequence[float] | Tensor) -> Tensor:
    """The straight line from a (p = 0) to b (p = 1), exact at both ends and wherever a equals b.

    `a` and `b` have one shape: (…, width), or (1, tokens, width) for whole prompts. A number p gives
    that shape; a list or 1-D tensor gives one row a p: (len(p), tokens, width) for prompts,
    (len(p), …, width) otherwise. p may lie outside 0 to 1: that walks on beyond a or b.
    """
    weight = _weights(a, b, p)
    return torch.lerp(a.float(), b.float(), weight).to(a.dtype)


def slerp(a: Tensor, b: Tensor, p: float | Sequence[float] | Tensor) -> Tensor:
    """Along the arc from a to b: the direction turns at a constant rate, the length changes evenly.

    Each vector turns for itself. Shapes as in `lerp`. Where an arc is no better than a line (equal
    directions, or a vector of length 0) it is `lerp`; exactly opposite vectors raise ValueError,
    since no one arc joins them. Source: K. Shoemake, "Animating rotation with quaternion curves", 1985.
    """
    weight = _weights(a, b, p)
    start, end = a.double(), b.double()
    norm_a, norm_b = start.norm(dim=-1, keepdim=True), end.norm(dim=-1, keepdim=True)
    cosine = (start * end).sum(-1, keepdim=True) / (norm_a * norm_b)  # NaN where a length is 0
    if (cosine < -1 + 1e-12).any():
        raise ValueError("slerp between exactly opposite vectors: no single arc joins them; use lerp")
    angle = torch.acos(cosine.clamp(-1, 1))
    weight = weight.double()
    norm = torch.lerp(norm_a, norm_b, weight)
    arc = (
        torch.sin((1 - weight) * angle) / torch.sin(angle) * (norm / norm_a) * start
        + torch.sin(weight * angle) / torch.sin(angle) * (norm / norm_b) * end
    )
    flat = ~(torch.sin(angle) > 1e-6)  # NaN counts as flat
    return torch.where(flat, torch.lerp(start, end, weight), arc).to(a.dtype)


def _weights(a: Tensor, b: Tensor, p: float | Sequence[float] | Tensor) -> Tensor:
    """p as a tensor that broadcasts against a, with one leading row a p when p is a list."""
    if a.shape != b.shape:
        raise ValueError(f"a and b differ in shape: {tuple(a.shape)} and {tuple(b.shape)}")
    weight = torch.as_tensor(p, dtype=torch.float32, device=a.device)
    if weight.dim() > 1 or weight.numel() == 0:
        raise ValueError("p is a number or a list of at least one number")
    if not torch.isfinite(weight).all():
        raise ValueError("p holds NaN or infinity; every p must be a finite number")
    if weight.dim() == 0:
        return weight
    if a.dim() == 3 and a.shape[0] != 1:
        raise ValueError(f"with a list of p, a and b are one prompt each, got {tuple(a.shape)}")
    return weight.view(-1, *[1] * (2 if a.dim() == 3 else a.dim()))


def _as_list(values: int | Sequence[int], name: str) -> list[int]:
    values = [values] if isinstance(values, int) else list(values)
    if not values:
        raise ValueError(f"{name} is empty; give at least one")
    return values
