"""What a forge is to learn, as its page says it, and the learner of that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from nokenlab import constraints
from nokenlab.answers.planes import CENTROID
from nokenlab.errors import check_seeds
from nokenlab.lab import Lab
from nokenlab.learning import Learner
from nokenlab.nokens import random_nokens
from nokenlab.panels.panel import LONGEST, check_prompt
from nokenlab.prompt import fill, word_vector

RANDOM = "random"  # a start by this name is a random noken at token norm
MOST = 1000  # steps at a time; all that were taken are drawn


@dataclass(frozen=True)
class Wish:
    """One noken to learn: with it at <noken> in `prompt` the model is to say `target`.

    start: "centroid", "random" (then by `seed`) or a word. constraint: a name of `CONSTRAINTS`; `word` and
    `distance` (in the embedding space) are for those that need them.
    """

    prompt: str
    target: str
    start: str
    seed: int
    constraint: str
    word: str
    distance: float
    steps: int


class Kind(NamedTuple):
    """A constraint: what it does, in a few words, what it needs of a wish, and how it is made."""

    tip: str
    needs: tuple[str, ...]
    make: Callable[[Lab, Wish], object]


CONSTRAINTS = {
    "free": Kind("anywhere in the embedding space", (), lambda lab, wish: None),
    "at token norm": Kind(
        "as long as a typical token", (), lambda lab, wish: constraints.at_norm(lab.space.median_norm)
    ),
    "near a word": Kind(
        "no farther from the word than that",
        ("word", "distance"),
        lambda lab, wish: constraints.near(wish.word, wish.distance),
    ),
    "on tokens": Kind("what is fed is always a real token", (), lambda lab, wish: constraints.on_tokens()),
    "pinned": Kind(
        "the nearest token is always the word", ("word",), lambda lab, wish: constraints.pinned(wish.word)
    ),
}


def check_wish(lab: Lab, wish: Wish) -> None:
    """Raise ValueError, in one line, for a wish that cannot be learned; the rest is for Learner to say."""
    check_prompt(lab, wish.prompt)
    fill(lab, wish.prompt, lab.space.centroid)
    if wish.constraint not in CONSTRAINTS:
        raise ValueError(f"constraint {wish.constraint!r} is none of {', '.join(CONSTRAINTS)}")
    needed = CONSTRAINTS[wish.constraint].needs
    if not wish.target:
        raise ValueError("there is nothing to say; write what the model is to say after the prompt")
    if (tokens := len(lab.ids(wish.target))) > LONGEST:
        raise ValueError(
            f"what is to be said has {tokens:,} tokens; a panel takes up to {LONGEST}; shorten it"
        )
    for name, text in (("start", wish.start), *[("word", wish.word)] * ("word" in needed)):
        if not text.strip():
            raise ValueError(f"the {name} is empty; write a word")
    if "distance" in needed and not (isinstance(wish.distance, int | float) and wish.distance > 0):
        raise ValueError(f"within takes a distance above 0, got {wish.distance}")
    if wish.start == RANDOM:
        check_seeds([wish.seed])
    check_steps(wish.steps)


def check_steps(steps: int) -> None:
    """Raise ValueError for a number of steps that is none."""
    if not isinstance(steps, int) or not 1 <= steps <= MOST:
        raise ValueError(f"steps is a whole number, 1 to {MOST:,}, got {steps}")


def start(lab: Lab, wish: Wish) -> Tensor:
    """Where learning starts, (width,), float32 on the CPU."""
    if wish.start == CENTROID:
        return lab.space.centroid.cpu()
    if wish.start == RANDOM:
        return random_nokens(lab.width, wish.seed, norm=lab.space.median_norm)[0]
    return word_vector(lab, wish.start.strip())


def learner(lab: Lab, wish: Wish) -> Learner:
    """The learner of a wish, which has taken no step. Raises ValueError as `check_wish` and `Learner` do."""
    check_wish(lab, wish)
    constraint = CONSTRAINTS[wish.constraint].make(lab, wish)
    with lab.lock:  # it runs what stands before the noken
        return Learner(lab, wish.prompt, [wish.target], starts=start(lab, wish)[None], constraint=constraint)
