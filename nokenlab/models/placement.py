"""A model larger than one GPU: `device="auto"` lets accelerate spread its layers over devices.

accelerate fills the GPUs first, then the machine's memory, then its disk. Weights that are not on a GPU are
copied there for each step.
"""

import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable
from itertools import groupby


def read_spread(read: Callable, **options):
    """`from_pretrained` of a model, spread over devices; prints which layers are where to standard error.

    Weights on disk are in a temporary folder, which is removed with the network or at the end of the process.
    """
    folder = tempfile.mkdtemp(prefix="nokenlab-")
    try:
        network = read(**options, device_map="auto", offload_folder=folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(network, shutil.rmtree, folder, True)
    print(f'device="auto": {in_words(network)}', file=sys.stderr)
    return network


def is_spread(network) -> bool:
    """Whether a network is on more than one device, or on disk."""
    devices = set(_devices(network).values())
    return len(devices) > 1 or "disk" in devices


def device(network) -> str:
    """Where a network runs, with its prompts and embeddings: its first GPU, else the CPU.

    A spread network's own `device` may be "meta", for weights that are elsewhere until they are needed.
    """
    if not is_spread(network):
        return str(network.device)
    gpus = [device for device in _devices(network).values() if device not in ("cpu", "disk")]
    return gpus[0] if gpus else "cpu"


def in_words(network) -> str:
    """Which layers are where: "embed_tokens, layers 0 to 11 on cuda:0; layers 12 to 23, norm on cpu"."""
    parts = []
    for device, modules in groupby(_devices(network).items(), key=lambda module: module[1]):
        names = [_kind_and_number(name) for name, _ in modules]
        parts.append(f"{', '.join(_ranges(names))} on {device}")
    return "; ".join(parts)


def _devices(network) -> dict[str, str]:
    """Module -> "cuda:0", "cpu" or "disk", as accelerate has decided, in the order of the layers."""
    devices = getattr(network, "hf_device_map", None) or {"": network.device}
    return {
        name: f"cuda:{device}" if isinstance(device, int) else str(device) for name, device in devices.items()
    }


def _ranges(names: list[tuple[str, int | None]]) -> list[str]:
    """Modules in short: layers that follow one another as one, others by their name."""
    ranges = []
    for kind, layers in groupby(names, key=lambda name: name[0]):
        numbers = [number for _, number in layers]
        if numbers[0] is None:
            ranges += [kind] * len(numbers)
        elif len(numbers) == 1:
            ranges.append(f"{kind} {numbers[0]}")
        else:
            ranges.append(f"{kind} {numbers[0]} to {numbers[-1]}")
    return ranges


def _kind_and_number(name: str) -> tuple[str, int | None]:
    """A module's last name, and its number where it is one of many: "model.layers.3" is layers, 3."""
    if match := re.fullmatch(r"(?:.*\.)?([^.]+)\.(\d+)", name):
        return match[1], int(match[2])
    return name.rpartition(".")[2] or "all of it", None
