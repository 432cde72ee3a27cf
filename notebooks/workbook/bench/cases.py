"""What the bench asks: prompts of so many tokens with a noken in them, and how many tokens are answered."""

from dataclasses import dataclass

from torch import Tensor

import nokenlab as nl

PROMPT = "Red is a color that is often associated with"


@dataclass(frozen=True)
class Case:
    """Tokens of the prompt, whatever the tokenizer makes of it; where its noken is; how many new tokens."""

    tokens: int
    place: int
    new: int
    sizes: tuple[int, ...]  # of batches


CASES = {"short": Case(9, 0, 20, (1, 10, 32, 128, 512)), "long": Case(126, 5, 100, (1, 10, 32))}


def work(rows: int, new: int) -> int:
    """How long so many new tokens of each row take, roughly: a step of one row as long as 16 more."""
    return (rows + 16) * new


def nokens_in_prompt(lab: nl.Lab, count: int, case: Case) -> Tensor:
    """The prompt with a noken of its own in each row: (count, tokens, width)."""
    prompt = lab.embed(" ".join([PROMPT] * case.tokens))[:, : case.tokens]
    nokens = nl.random_nokens(lab.width, range(count), norm=lab.space.median_norm)
    return nl.replace(prompt, case.place, nokens)
