"""What runs get of this machine: threads, runs at a time, and GPUs, set in the environment of each kernel."""

import math
import os
from collections.abc import Mapping
from glob import glob
from pathlib import Path

import psutil

from nokenlab.errors import BadInput

AT_ONCE = 4  # notebooks at a time, and the parts that the cores are divided into
MEMORY = 3e9  # bytes that a notebook with a small model may take
VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARE = "NOKENLAB_SHARE"  # how many processes share the memory of a device; `models/memory.py` reads it
NODES = "/dev/nvidia[0-9]*"  # one for each GPU, counted without torch


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


def visible_gpus(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The NVIDIA GPUs that a process may use, as named in its CUDA_VISIBLE_DEVICES, else numbered."""
    variable = environment.get(VISIBLE)
    if variable is None:
        return [str(number) for number in range(len(glob(NODES)))]
    names = []
    for name in variable.split(","):
        if name.strip() in ("", "-1"):  # CUDA too ignores what follows the first invalid one
            break
        names.append(name.strip())
    return names


def chosen_gpus(text: str | None) -> list[str]:
    """The GPUs for workers: those of `text`, such as "0,2", else all; none if NOKENLAB_DEVICE names another.

    Raises BadInput for a GPU that this machine does not have.
    """
    gpus = visible_gpus()
    if text is None:
        return gpus if os.environ.get("NOKENLAB_DEVICE", "cuda") in ("", "cuda") else []
    chosen = [name.strip() for name in text.split(",")]
    for name in chosen:
        if name not in gpus:
            available = f"there are {', '.join(gpus)}" if gpus else "there are none"
            raise BadInput(f"--devices requires GPUs of this machine such as 0,1; got {name!r}; {available}")
        if chosen.count(name) > 1:
            raise BadInput(f"--devices names {name} twice")
    return chosen


def environments(workers: int, gpus: list[str]) -> list[dict[str, str]]:
    """The variables of each worker: its GPU, in turn, and how many share a device, the same for all."""
    share = {SHARE: str(math.ceil(workers / max(len(gpus), 1)))}
    if not gpus:
        return [share] * workers
    return [share | {VISIBLE: gpus[worker % len(gpus)]} for worker in range(workers)]


def assigned_gpu(environment: Mapping[str, str]) -> str | None:
    """The GPU that a process takes: the first it may use; None unless its environment names some."""
    return next(iter(visible_gpus(environment)), None) if VISIBLE in environment else None
