"""From one vector to another. `INTERPOLATIONS` is the table that notebooks, panels and sweeps read."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nokenlab.errors import check_vectors, short


def lerp(a: Tensor, b: Tensor, p: float | Sequence[float] | Tensor) -> Tensor:
    """The straight line from a (p = 0) to b (p = 1), exact at both ends and wherever a equals b.

    `a` and `b` have one shape: (…, width), or (1, tokens, width) for whole prompts. A number p gives
    that shape; a list or 1-D tensor gives one row per p: (len(p), tokens, width) for prompts,
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


def slerp_about(centre: Tensor, a: Tensor, b: Tensor, p: float | Sequence[float] | Tensor) -> Tensor:
    """`slerp` about a point, `centre` (width,): the offsets from it turn and change their length evenly.

    Shapes and errors as in `slerp`. Vectors that are the same in a and b stay as they are.
    """
    c = centre.to(a.device, torch.float32)
    turned = (c + slerp(a.float() - c, b.float() - c, p)).to(a.dtype)
    return torch.where((a == b).all(dim=-1, keepdim=True), a, turned)


class Interpolation(NamedTuple):
    """A few words for people, and the function of a, b, p and the centroid of the model's tokens."""

    tip: str
    function: Callable[[Tensor, Tensor, Sequence[float], Tensor], Tensor]


INTERPOLATIONS = {
    "lerp": Interpolation("along a line", lambda a, b, p, centroid: lerp(a, b, p)),
    "slerp": Interpolation("along an arc about zero", lambda a, b, p, centroid: slerp(a, b, p)),
    "slerp about c": Interpolation(
        "along an arc about the centroid", lambda a, b, p, centroid: slerp_about(centroid, a, b, p)
    ),
}


def between(a: Tensor, b: Tensor, p: Sequence[float], interpolation: str, centroid: Tensor) -> Tensor:
    """The vectors or prompts along one of `INTERPOLATIONS`, one row per p; shapes as in `lerp`.

    `centroid` is that of the model's tokens, (width,). Raises ValueError for an unknown interpolation.
    """
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"interpolation {interpolation!r} is not one of {', '.join(INTERPOLATIONS)}")
    return INTERPOLATIONS[interpolation].function(a, b, p, centroid)


def _weights(a: Tensor, b: Tensor, p: float | Sequence[float] | Tensor) -> Tensor:
    """p as a tensor that broadcasts against a, with one leading row per p when p is a list."""
    check_vectors(a, "a")
    check_vectors(b, "b")
    if a.shape != b.shape:
        raise ValueError(f"a and b differ in shape: {tuple(a.shape)} and {tuple(b.shape)}")
    try:
        weight = torch.as_tensor(p)
        if weight.is_complex():
            raise TypeError
        weight = weight.to(a.device, torch.float32)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"p is a number or a list of numbers, got {short(p)}") from None
    if weight.dim() > 1 or weight.numel() == 0:
        raise ValueError("p is a number or a list of at least one number")
    if not torch.isfinite(weight).all():
        raise ValueError("p holds NaN or infinity; every p must be a finite number")
    if weight.dim() == 0:
        return weight
    if a.dim() == 3 and a.shape[0] != 1:
        raise ValueError(f"with a list of p, a and b are one prompt each, got {tuple(a.shape)}")
    return weight.view(-1, *[1] * (2 if a.dim() == 3 else a.dim()))
