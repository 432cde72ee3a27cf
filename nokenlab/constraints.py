"""Where a learned noken may lie: at a norm, near a word, on tokens alone, nearest to a word you choose."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import normalize

if TYPE_CHECKING:
    from nokenlab.lab import Lab

Hold = Callable[[Tensor], Tensor]  # vectors (…, width) -> the same where they may lie


@dataclass(frozen=True)
class Constraint:
    """A rule for learned vectors, and its name for tables.

    `bind(lab)` brings vectors (…, width) to where they may lie; it raises ValueError if there is no place.
    With `only_fed` the vectors learned stay free, and what the model gets is brought there instead: gradients
    are those at that place.
    """

    name: str
    bind: Callable[[Lab], Hold]
    only_fed: bool = False


def free() -> Constraint:
    """Anywhere."""
    return Constraint("free", lambda lab: lambda vectors: vectors)


def at_norm(norm: float) -> Constraint:
    """At a length: after each step the vector is rescaled to it."""
    _check_positive(norm, "at_norm: the norm")

    def hold(vectors: Tensor) -> Tensor:
        return normalize(vectors, dim=-1) * norm

    return Constraint(f"norm {norm:.3g}", lambda lab: hold)


def near(word: str, distance: float) -> Constraint:
    """Within a Euclidean distance of a word's embedding: from outside it is drawn to the sphere's surface."""
    _check_positive(distance, f"near {word!r}: the distance")

    def bind(lab: Lab) -> Hold:
        centre = lab.space.vectors[_row(lab, word)].float()

        def hold(vectors: Tensor) -> Tensor:
            offset = vectors - centre
            return centre + offset * (distance / offset.norm(dim=-1, keepdim=True).clamp_min(distance))

        return hold

    return Constraint(f"near {word}", bind)


def on_tokens() -> Constraint:
    """On tokens alone: the model gets the nearest token, and its gradient moves the vector behind it.

    "Hard prompts made easy" (PEZ), Wen et al. 2023, arXiv 2302.03668. Nearest is by cosine.
    """

    def bind(lab: Lab) -> Hold:
        def hold(vectors: Tensor) -> Tensor:
            rows, _ = lab.space.nearest_rows(vectors)
            return lab.space.vectors[rows].float()

        return hold

    return Constraint("on tokens", bind, only_fed=True)


def pinned(word: str) -> Constraint:
    """Nearest, by cosine, to a word you choose: from outside it is drawn straight towards it, just enough."""

    def bind(lab: Lab) -> Hold:
        row, tokens = _row(lab, word), lab.space.vectors.float()
        directions = normalize(tokens, dim=-1)  # (tokens, width)
        own = directions[row] @ directions.T  # (tokens,)
        own[row] = 0
        if own.max() > 1 - 1e-6:
            twin = lab.token(int(lab.space.ids[own.argmax()]))
            raise ValueError(f"pinned: nothing is nearest to {word!r}, {twin!r} lies in the same direction")

        def hold(vectors: Tensor) -> Tensor:
            return _drawn(vectors, row, tokens[row], directions)

        return hold

    return Constraint(f"pinned to {word}", bind)


def _drawn(vectors: Tensor, row: int, token: Tensor, directions: Tensor) -> Tensor:
    """Vectors (…, width) on the straight line to a token, where it begins to be the nearest, a little inside.

    By how much another token is behind is linear along the line: (1 - t) here + t there >= 0 for all.
    """
    here, there = vectors @ directions.T, token @ directions.T  # (…, tokens), (tokens,)
    here, there = here[..., row, None] - here, there[row] - there
    there[row] = 1
    t = (-here / (there - here)).where(here < 0, 0).amax(-1, keepdim=True)  # (…, 1)
    t = ((1 + 1e-3) * t + 1e-3).clamp_max(1).where(t > 0, 0)
    return vectors + t * (token - vectors)


def _row(lab: Lab, word: str) -> int:
    """The row, in the embedding space, of a word that is one token with a space before it."""
    ids = lab.ids(f" {word}")
    if len(ids) > 1:
        pieces = ", ".join(repr(lab.token(id)) for id in ids.tolist())
        raise ValueError(f"{word!r} is {len(ids)} tokens, {pieces}; a constraint needs a word of one")
    return int(lab.space.rows(ids)[0])


def _check_positive(value: float, what: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} must be a number above 0, got {value}")
