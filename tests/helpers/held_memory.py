"""How much memory this process holds after labs were deleted, and after many rows."""

import ctypes
import gc
import sys
from collections.abc import Callable

import pandas as pd
import psutil

import nokenlab as nl

PROMPT, TOKENS = "Red is a color that is often associated with", 4


def held() -> tuple[float, float]:
    """MB of memory that this process holds, and of these in use.

    The C library keeps some that was freed for what is asked next; it is told to give that back.
    """
    gc.collect()
    process = psutil.Process()
    before = process.memory_info().rss / 1e6
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return before, process.memory_info().rss / 1e6


def answer(lab: nl.Lab, rows: int, new_tokens: int = TOKENS) -> None:
    """Answer so many nokens at the start of PROMPT."""
    nokens = nl.random_nokens(lab.width, range(rows))
    lab.generate(nl.replace(lab.embed(PROMPT), 0, nokens), new_tokens)


def after_each_lab(load: Callable[[], nl.Lab], labs: int, rows: int) -> pd.DataFrame:
    """What is held after each of `labs` labs was loaded, answered `rows` nokens and was deleted."""
    found = []
    for _ in range(labs):
        lab = load()
        answer(lab, rows)
        del lab
        found.append(held())
    return pd.DataFrame(found, columns=["held", "in use"])


def after_each_batch(lab: nl.Lab, rows: int, batch: int) -> pd.DataFrame:
    """What is held after each `batch` of `rows` nokens that `lab` answered with one token each."""
    found = []
    for _ in range(0, rows, batch):
        answer(lab, batch, 1)
        found.append(held())
    return pd.DataFrame(found, columns=["held", "in use"])
