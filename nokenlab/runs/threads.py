"""How many threads a notebook gets, and how many notebooks run at a time."""

import os
from pathlib import Path

import psutil

AT_ONCE = 4  # notebooks at a time, and the parts that the cores are divided into
MEMORY = 3e9  # bytes that a notebook with a small model may take


def default_threads() -> int:
    """Threads of each notebook: OMP_NUM_THREADS, else a quarter of this machine's cores, at least one.

    The same for any number of workers: the last digits of a table may depend on it.
    """
    variable = os.environ.get("OMP_NUM_THREADS", "")
    if variable.isdecimal() and int(variable) > 0:
        return int(variable)
    return max(_cores() // AT_ONCE, 1)


def workers_here(plan: dict[Path, dict]) -> int:
    """How many of the notebooks of `plan` to run at a time: as cores and free memory allow.

    1 if the command names a model, whose size is unknown.
    """
    if any("model" in given for given in plan.values()):
        return 1
    fit_in_memory = int(psutil.virtual_memory().available // MEMORY)
    return max(min(len(plan), AT_ONCE, _cores() // default_threads(), fit_in_memory), 1)


def in_words(plan: dict[Path, dict], workers: int) -> str:
    """What is going to be run, and with what, in one line."""
    free = psutil.virtual_memory().available / 1e9
    machine = f"{_cores()} cores, {free:.0f} GB of memory free"
    at_once = min(workers, len(plan))
    return f"notebooks: {len(plan)}, at a time: {at_once}, threads of each: {default_threads()} ({machine})"


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
