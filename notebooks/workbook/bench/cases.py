"""The prompts of the bench: so many tokens with a noken among them, and how many tokens are generated."""

from dataclasses import dataclass

from torch import Tensor

import nokenlab as nl

PROMPT = "Red is a color that is often associated with"


@dataclass(frozen=True)
class Case:
    """Tokens of the prompt, by any tokenizer; position of its noken; new tokens; sizes of batches."""

    tokens: int
    position: int
    new_tokens: int
    sizes: tuple[int, ...]


CASES = {"short": Case(9, 0, 20, (1, 10, 32, 128, 512)), "long": Case(126, 5, 100, (1, 10, 32))}


def nokens_in_prompt(lab: nl.Lab, count: int, case: Case) -> Tensor:
    """The prompt with another noken in each row: (count, tokens, width)."""
    prompt = lab.embed(" ".join([PROMPT] * case.tokens))[:, : case.tokens]
    nokens = nl.random_nokens(lab.width, range(count), norm=lab.space.median_norm)
    return nl.replace(prompt, case.position, nokens)
