"""Which GPU each worker gets and how many share it: set in the environment, before torch opens CUDA."""

import math
import os
from collections.abc import Mapping
from glob import glob

from nokenlab.errors import BadInput

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARE = "NOKENLAB_SHARE"  # how many processes share the memory of a device; `models/memory.py` reads it
NODES = "/dev/nvidia[0-9]*"  # one for each GPU, counted without torch


def visible(environment: Mapping[str, str] = os.environ) -> list[str]:
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


def choose(text: str | None) -> list[str]:
    """The GPUs for workers: those of `text`, such as "0,2", else all; none if NOKENLAB_DEVICE names another.

    Raises BadInput for a GPU that this machine does not have.
    """
    gpus = visible()
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


def assigned(environment: Mapping[str, str]) -> str | None:
    """The GPU that a process takes: the first it may use; None unless its environment names some."""
    return next(iter(visible(environment)), None) if VISIBLE in environment else None
