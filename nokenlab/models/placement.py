"""A model larger than one GPU: `device="auto"` lets accelerate spread its layers, and here is where they lie.

accelerate fills the GPUs first, then the machine's memory, then its disk; what does not lie on a GPU is
brought there for each step.
"""

import re
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable
from itertools import groupby


def read_spread(read: Callable, **options):
    """`from_pretrained` of a model, its layers where there is room; says where on the standard error output.

    What lies on disk is in a temporary folder, which goes with the network or at the end of the process.
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
    """Whether a network lies in more than one place, or on disk."""
    places = set(_places(network).values())
    return len(places) > 1 or "disk" in places


def device(network) -> str:
    """Where a network runs: its prompts go there, and its embeddings come from there.

    That is the first GPU that it has, else the CPU. A spread network's own `device` may be "meta": such
    weights lie elsewhere until they are needed.
    """
    if not is_spread(network):
        return str(network.device)
    return next((place for place in _places(network).values() if place not in ("cpu", "disk")), "cpu")


def in_words(network) -> str:
    """Which layers lie where: "embed_tokens, layers 0 to 11 on cuda:0; layers 12 to 23, norm on cpu"."""
    parts = []
    for place, names in groupby(_places(network).items(), key=lambda item: item[1]):
        parts.append(f"{', '.join(_runs([name for name, _ in names]))} on {place}")
    return "; ".join(parts)


def _places(network) -> dict[str, str]:
    """Module -> "cuda:0", "cpu" or "disk", as accelerate has decided, in the order of the layers."""
    places = getattr(network, "hf_device_map", None) or {"": network.device}
    return {name: f"cuda:{place}" if isinstance(place, int) else str(place) for name, place in places.items()}


def _runs(names: list[str]) -> list[str]:
    """Modules in short: layers that follow one another as one, others by their last name."""
    found: list[str] = []
    first = None
    for before, name, after in zip([None, *names], names, [*names[1:], None], strict=False):
        kind, number = _numbered(name)
        if number is None:
            found.append(kind)
            continue
        if before is None or _numbered(before) != (kind, number - 1):
            first = number
        if after is None or _numbered(after) != (kind, number + 1):
            found.append(f"{kind} {number}" if first == number else f"{kind} {first} to {number}")
    return found


def _numbered(name: str) -> tuple[str, int | None]:
    """A module's last name, and its number where it is one of many: "model.layers.3" is layers, 3."""
    if match := re.fullmatch(r"(?:.*\.)?([^.]+)\.(\d+)", name):
        return match[1], int(match[2])
    return name.rpartition(".")[2] or "all of it", None
