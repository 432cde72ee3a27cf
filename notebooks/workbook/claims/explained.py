"""How much of what differs from pair to pair a prediction explains, and how sure that is. Needs no torch."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def share(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """1 - Σw(y - predicted)² / Σw·y², of pairs: y and predicted (pairs,), weight (…, pairs) -> (…).

    1 is all, 0 no more than to say 0 of each pair, less than 0 worse than that. It is R² about 0 and not
    about the mean: a value whose sign turns with its pair has no mean of its own.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - (weight @ (y - predicted) ** 2) / (weight @ y**2)


def by_words(a: Sequence, b: Sequence, draws: int = 2000, seed: int = 0) -> tuple[int, np.ndarray]:
    """How many words pairs are of, and how often each pair is there when *words* are drawn anew.

    a and b are the words of each pair. The weights are (draws, pairs): how often its first word came, times
    how often its second. Pairs that share a word are so no two facts. Source: T. Snijders and S. Borgatti,
    "Non-parametric standard errors and tests for network statistics", 1999.
    """
    words = sorted({*a, *b})
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(words), np.full(len(words), 1 / len(words)), size=draws)  # (draws, words)
    first, second = (pd.Index(words).get_indexer(side) for side in (a, b))
    return len(words), times[:, first] * times[:, second]


def interval(values: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of draws (draws,), those without a value left out; NaN where none has one."""
    found = values[np.isfinite(values)]
    return tuple(np.quantile(found, [0.025, 0.975])) if len(found) else (float("nan"), float("nan"))
