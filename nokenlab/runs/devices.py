"""Which GPU a worker has, and how many workers share it: told in the environment, before torch opens CUDA."""

import os
from glob import glob

from nokenlab.errors import BadInput

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARE = "NOKENLAB_SHARE"  # how many processes share the memory of a device; `models/memory.py` reads it
NODES = "/dev/nvidia[0-9]*"  # one a GPU, counted without torch


def visible() -> list[str]:
    """The GPUs of NVIDIA that this process may use, as CUDA_VISIBLE_DEVICES names them, else numbered."""
    given = os.environ.get(VISIBLE)
    if given is None:
        return [str(number) for number in range(len(glob(NODES)))]
    names = [name.strip() for name in given.split(",")]
    end = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
    return names[:end]  # CUDA too takes those before the first that is none


def choose(text: str | None) -> list[str]:
    """The GPUs for workers: those of `text`, such as "0,2", else all there are.

    Where NOKENLAB_DEVICE names another device, none. Raises BadInput for a GPU that is not there.
    """
    there = visible()
    if text is None:
        return there if os.environ.get("NOKENLAB_DEVICE", "cuda") in ("", "cuda") else []
    wanted = [name.strip() for name in text.split(",")]
    for name in wanted:
        if name not in there:
            has = f"there are {', '.join(there)}" if there else "there are none"
            raise BadInput(f"--devices wants GPUs of this machine such as 0,1; got {name!r}, and {has}")
        if wanted.count(name) > 1:
            raise BadInput(f"--devices names {name} twice")
    return wanted


def places(workers: int, devices: list[str]) -> list[dict[str, str]]:
    """The environment of each worker: its GPU in turn, and how many share a device, the same for all."""
    share = str(-(-workers // max(len(devices), 1)))
    own = [{VISIBLE: devices[worker % len(devices)]} if devices else {} for worker in range(workers)]
    return [{SHARE: share} | one for one in own]


def own() -> str | None:
    """The GPU of this process: the first it may use, where its environment says so."""
    return next(iter(visible()), None) if VISIBLE in os.environ else None
