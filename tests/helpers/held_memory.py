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
    """MB of memory that this process holds, and that it uses.

    The C library keeps freed memory for later; for the second number it is made to return that.
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
    """Memory after each of `labs` labs was loaded, answered `rows` nokens and was deleted."""
    readings = []
    for _ in range(labs):
        lab = load()
        answer(lab, rows)
        del lab
        readings.append(held())
    return pd.DataFrame(readings, columns=["held", "in use"])


def after_each_batch(lab: nl.Lab, rows: int, batch: int) -> pd.DataFrame:
    """Memory after each `batch` of `rows` nokens that `lab` answered with one token each."""
    readings = []
    for _ in range(0, rows, batch):
        answer(lab, batch, 1)
        readings.append(held())
    return pd.DataFrame(readings, columns=["held", "in use"])
