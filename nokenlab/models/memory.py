"""Devices and number formats, how much memory there is and a model takes: how many rows run at once."""

import os
import shutil
import tempfile
from collections.abc import Callable

from nokenlab.errors import RowFailed

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}  # number format -> bytes


def count(config, auto=None) -> int:
    """Number of parameters of a model, from its configuration, without making them.

    `auto` is transformers' class for this kind of model, AutoModelForCausalLM if not given.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        network = (auto or AutoModelForCausalLM).from_config(config)
    return sum(parameter.numel() for parameter in network.parameters())


def free_and_total(device: str) -> tuple[int, int]:
    """Bytes of a device's memory, free and total; of "auto" the sum of GPUs, memory and disk.

    The total is divided by NOKENLAB_SHARE, the number of processes that share it, which a sweep sets.
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
    """Bytes of memory for a row of 64 tokens, with numbers of `number` bytes.

    A cache for all tokens and half as much for copies of it, and four copies of the logits in float32.
    """
    config = config.get_text_config(decoder=True)
    layers = [config] * config.num_hidden_layers
    if getattr(config, "is_heterogeneous", False):
        layers = config.per_layer_config
    token = 2 * number * sum(heads * size for heads, size in map(cache_heads, layers))  # keys and values
    return 96 * token + 16 * config.vocab_size


def rows_at_once(network, device: str, row: int) -> int:
    """How many rows of `row` bytes memory holds beside a model, up to 1,024 on a GPU, else 128.

    `device` is where it runs; of a model on several devices, the one with the least room decides.
    """
    used = {device: 0}
    for weights in [*network.parameters(), *network.buffers()]:
        if weights.device.type != "meta":  # those are elsewhere until they are needed
            used[str(weights.device)] = used.get(str(weights.device), 0) + weights.nbytes
    room = min(free_and_total(name)[1] - size for name, size in used.items())
    rows = 1024 if device.startswith("cuda") else 128
    while rows > 1 and rows * row > 0.75 * room:
        rows //= 2
    return rows


def in_batches(run: Callable[[slice], object], rows: int, size: int, forget: Callable | None = None) -> list:
    """`run` for `size` rows at a time, results in order; half as many at once whenever memory runs out.

    Then `forget` is called too, which frees what is kept for later rows.
    The row of a RowFailed is counted among all.
    """
    import torch

    size = -(-rows // -(-rows // size))  # batches of about one size can use the same captured step
    results, start = [], 0
    while start < rows:
        try:
            results.append(run(slice(start, start + size)))
            start += size
        except RowFailed as error:
            raise RowFailed(start + error.row, error.reason) from None
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            size = size // 2
            if forget:
                forget()
            torch.cuda.empty_cache()
    return results


def cache_heads(config) -> tuple[int, int]:
    """How many heads of keys a layer's cache has, and the size of one: of its values, if these are larger."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    sizes = [getattr(config, name, None) or 0 for name in ("head_dim", "qk_head_dim", "v_head_dim")]
    return heads, max(sizes) or config.hidden_size // config.num_attention_heads


def devices() -> list[str]:
    """The devices of this machine, best first: some of cuda, mps, cpu."""
    import torch

    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name in available if available[name]]


def gb(size: int) -> str:
    """Bytes in words: 5.6 GB."""
    return f"{size / 1e9:.1f} GB"


def choose_device(device) -> str:
    """The name of `device` (a name or torch's own), else NOKENLAB_DEVICE, else the best of this machine.

    "auto" is for a model larger than one device. ValueError for one that this machine does not have.
    """
    available = devices()
    device = str(device or os.environ.get("NOKENLAB_DEVICE") or available[0])
    if device.split(":")[0] not in (*available, "auto"):
        raise ValueError(f"device {device!r} is not on this machine; it has {', '.join(available)} and auto")
    return device


def choose_dtype(dtype, device: str) -> str:
    """The name of `dtype` (a name or torch's own), else NOKENLAB_DTYPE, else float32 on a CPU, else bfloat16.

    ValueError for one that is not in SIZES.
    """
    best = devices()[0] if device == "auto" else device
    default = "float32" if best == "cpu" else "bfloat16"
    dtype = str(dtype or os.environ.get("NOKENLAB_DTYPE") or default).removeprefix("torch.")
    if dtype not in SIZES:
        raise ValueError(f"dtype {dtype!r} is not one of {', '.join(SIZES)}")
    return dtype
