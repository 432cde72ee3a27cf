"""Devices and number formats, how much memory a model takes and how much there is: how many rows it holds."""

import os
import shutil
import tempfile
from collections.abc import Callable

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}  # number format -> bytes


def count(config, auto=None) -> int:
    """Parameters of a model. Its shape is built from the configuration, without numbers.

    `auto` is transformers' class for this kind of model, AutoModelForCausalLM if not given.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        network = (auto or AutoModelForCausalLM).from_config(config)
    return sum(parameter.numel() for parameter in network.parameters())


def free_and_total(device: str) -> tuple[int, int]:
    """Bytes of a device's memory: free just now, and in all; of "auto" the sum of GPUs, memory and disk.

    Where NOKENLAB_SHARE says how many processes share it, as a sweep tells its workers: the part of one.
    """
    import psutil
    import torch

    if device == "auto":
        gpus = [free_and_total(f"cuda:{number}") for number in range(torch.cuda.device_count())]
        disk = shutil.disk_usage(tempfile.gettempdir())
        free, total = zip(*gpus, free_and_total("cpu"), (disk.free, disk.total), strict=True)
        return sum(free), sum(total)
    if device.startswith("cuda"):
        free, total = torch.cuda.mem_get_info(device)
    else:
        machine = psutil.virtual_memory()  # an Apple GPU works in it too
        free, total = machine.available, machine.total
    share = total // sharers()
    return min(free, share), share


def sharers() -> int:
    """How many processes share the memory of this one's device."""
    return int(os.environ.get("NOKENLAB_SHARE") or 1)


def row_size(config, number: int) -> int:
    """Bytes that a row of 64 tokens takes, numbers of `number` bytes each.

    A cache for all tokens and half as much for copies of it, and four copies of the logits in float32.
    """
    config = config.get_text_config(decoder=True)
    heads, size = cache_heads(config)
    token = 2 * config.num_hidden_layers * heads * size * number  # keys and values
    return 96 * token + 16 * config.vocab_size


def rows_at_once(network, device: str, row: int) -> int:
    """How many rows of `row` bytes memory holds beside a model, up to 1,024 on a GPU, else 128.

    `device` is where it runs; of a model on several, the one with the least room decides.
    """
    held = {device: 0}
    for weights in [*network.parameters(), *network.buffers()]:
        if weights.device.type != "meta":  # those lie elsewhere until they are needed
            held[str(weights.device)] = held.get(str(weights.device), 0) + weights.nbytes
    room = min(free_and_total(place)[1] - size for place, size in held.items())
    rows = 1024 if device.startswith("cuda") else 128
    while rows > 1 and rows * row > 0.75 * room:
        rows //= 2
    return rows


def in_batches(run: Callable[[slice], object], rows: int, size: int, forget: Callable | None = None) -> list:
    """`run` for `size` rows at a time, results in order; half as many at once whenever memory ends.

    `forget` is called then: it lets go of what is kept for rows to come.
    """
    import torch

    size = -(-rows // -(-rows // size))  # batches of one size, or nearly: they find a captured step kept
    done, start = [], 0
    while start < rows:
        try:
            done.append(run(slice(start, start + size)))
            start += size
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size = size // 2
            if forget:
                forget()
            torch.cuda.empty_cache()
    return done


def cache_heads(config) -> tuple[int, int]:
    """How many heads of keys a layer's cache has, and numbers in one."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return heads, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def devices() -> list[str]:
    """The devices of this machine, best first: some of cuda, mps, cpu."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, found in there.items() if found]


def gb(size: int) -> str:
    """Bytes in words: 5.6 GB."""
    return f"{size / 1e9:.1f} GB"


def choose_device(device) -> str:
    """The device a person asked for, by name or as torch's, else NOKENLAB_DEVICE, else the first there is.

    "auto" is for a model larger than one device. Raises ValueError for one that is not there.
    """
    there = devices()
    device = str(device or os.environ.get("NOKENLAB_DEVICE") or there[0])
    if device.split(":")[0] not in (*there, "auto"):
        raise ValueError(f"device {device!r} is not on this machine; it has {', '.join(there)} and auto")
    return device


def choose_dtype(dtype, device: str) -> str:
    """The number format a person asked for, by name or as torch's, else NOKENLAB_DTYPE, else the usual one.

    Raises ValueError for one that is not known.
    """
    best = devices()[0] if device == "auto" else device
    usual = "float32" if best == "cpu" else "bfloat16"
    dtype = str(dtype or os.environ.get("NOKENLAB_DTYPE") or usual).removeprefix("torch.")
    if dtype not in SIZES:
        raise ValueError(f"dtype {dtype!r} is not one of {', '.join(SIZES)}")
    return dtype
