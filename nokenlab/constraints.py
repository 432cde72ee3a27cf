"""Where a learned noken may lie: at a norm, near a word, on tokens alone, nearest to a word you choose."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor
from torch.nn.functional import normalize

from nokenlab.embedder import Embedder

Constrain = Callable[[Tensor], Tensor]  # vectors (…, width) -> the same, moved to where they may lie


@dataclass(frozen=True)
class Constraint:
    """A rule for learned vectors, and its name for tables.

    `bind(lab)` returns the function that moves vectors (…, width) to where they may lie; it raises ValueError
    if there is no such place. With `only_fed` the learned vectors stay free, and only what the model gets is
    moved: gradients are those at that place.
    """

    name: str
    bind: Callable[[Embedder], Constrain]
    only_fed: bool = False


def free() -> Constraint:
    """Anywhere."""
    return Constraint("free", lambda lab: lambda vectors: vectors)


def at_norm(norm: float) -> Constraint:
    """At a length: after each step the vector is rescaled to it."""
    _check_positive(norm, "at_norm: the norm")

    def constrain(vectors: Tensor) -> Tensor:
        return normalize(vectors, dim=-1) * norm

    return Constraint(f"norm {norm:.3g}", lambda lab: constrain)


def near(word: str, distance: float) -> Constraint:
    """Within a Euclidean distance of a word's embedding: from outside it is moved to the sphere's surface."""
    _check_positive(distance, f"near {word!r}: the distance")

    def bind(lab: Embedder) -> Constrain:
        centre = lab.space.vectors[_row(lab, word)].float()

        def constrain(vectors: Tensor) -> Tensor:
            offset = vectors - centre
            return centre + offset * (distance / offset.norm(dim=-1, keepdim=True).clamp_min(distance))

        return constrain

    return Constraint(f"near {word}", bind)


def on_tokens() -> Constraint:
    """On tokens alone: the model gets the nearest token, and its gradient moves the free vector.

    "Hard prompts made easy" (PEZ), Wen et al. 2023, arXiv 2302.03668. Nearest is by cosine.
    """

    def bind(lab: Embedder) -> Constrain:
        def constrain(vectors: Tensor) -> Tensor:
            rows, _ = lab.space.nearest_rows(vectors)
            return lab.space.vectors[rows].float()

        return constrain

    return Constraint("on tokens", bind, only_fed=True)


def pinned(word: str) -> Constraint:
    """Nearest, by cosine, to a word you choose: from outside it is moved straight towards it, just enough."""

    def bind(lab: Embedder) -> Constrain:
        row, tokens = _row(lab, word), lab.space.vectors.float()
        directions = normalize(tokens, dim=-1)  # (tokens, width)
        cosines = directions[row] @ directions.T  # (tokens,)
        cosines[row] = 0
        if cosines.max() > 1 - 1e-6:
            twin = lab.token(int(lab.space.ids[cosines.argmax()]))
            raise ValueError(f"pinned: nothing is nearest to {word!r}, {twin!r} lies in the same direction")

        def constrain(vectors: Tensor) -> Tensor:
            return _moved_to(vectors, row, tokens[row], directions)

        return constrain

    return Constraint(f"pinned to {word}", bind)


class Kind(NamedTuple):
    """A kind of constraint: its label and what it does, for people; what it needs; how it is made."""

    label: str
    tip: str
    needs: tuple[str, ...]  # of "word" and "distance"
    make: Callable[[Embedder, str, float], Constraint]


KINDS = {
    "free": Kind("free", "anywhere in the embedding space", (), lambda *_: free()),
    "token norm": Kind(
        "at token norm", "as long as a typical token", (), lambda lab, *_: at_norm(lab.space.median_norm)
    ),
    "near": Kind(
        "near a word", "no farther away than that", ("word", "distance"), lambda _, *args: near(*args)
    ),
    "PEZ": Kind("on tokens", "what is fed is always a real token", (), lambda *_: on_tokens()),
    "pinned": Kind(
        "pinned", "the nearest token is always the word", ("word",), lambda lab, word, _: pinned(word)
    ),
}


def _moved_to(vectors: Tensor, row: int, token: Tensor, directions: Tensor) -> Tensor:
    """Vectors (…, width) moved straight towards a token until it is the nearest, and a little further.

    How far another token is behind, in products with directions, is linear along the line:
    (1 - t) start + t end >= 0 for all tokens.
    """
    start, end = vectors @ directions.T, token @ directions.T  # (…, tokens), (tokens,)
    start, end = start[..., row, None] - start, end[row] - end
    end[row] = 1
    t = (-start / (end - start)).where(start < 0, 0).amax(-1, keepdim=True)  # (…, 1)
    t = ((1 + 1e-3) * t + 1e-3).clamp_max(1).where(t > 0, 0)
    return vectors + t * (token - vectors)


def _row(lab: Embedder, word: str) -> int:
    """The row, in the embedding space, of a word that is one token with a space before it."""
    ids = lab.ids_behind(f" {word}")
    if len(ids) > 1:
        pieces = ", ".join(repr(lab.token(id)) for id in ids.tolist())
        raise ValueError(f"{word!r} is {len(ids)} tokens, {pieces}; a constraint needs a word of one")
    return int(lab.space.rows(ids)[0])


def _check_positive(value: float, what: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} must be a number above 0, got {value}")
