"""`load`: a model by name, from wherever it lies, as a Lab."""

import os
from collections.abc import Callable
from pathlib import Path

from nokenlab.errors import first_line
from nokenlab.models import fitness, memory
from nokenlab.models.families import one_kernel
from nokenlab.models.hub import check_files, locate, on_hub, revision_of


def load(
    model: str | os.PathLike | None = None,
    *,
    revision: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    fast: bool = False,
):
    """Load a language model as a `Lab`.

    model: None or "default" for the model that comes with nokenlab; else a local folder, or an id on
    the model hub ("microsoft/phi-2"), at `revision` if given. device: "cuda", "mps" or "cpu"; by
    default the first of them that is there. dtype: "float32", "bfloat16" or "float16"; by default float32
    on a CPU and bfloat16 on a GPU. NOKENLAB_DEVICE and NOKENLAB_DTYPE in the environment change these
    defaults, for whole runs. fast: wait a little for more speed. On a GPU layers are compiled, some seconds
    with each new shape of batch, for long sweeps. On a CPU weights are held a second time, laid out anew, and
    few rows use weights of 4 bits where that is what the weights are, as in the default model, else of 16:
    for live sliders (`compiled.py`, `joined.py`, `linears.py`).
    Only safetensors weights are read and no code from a hub is run. Raises ValueError, in one line, when
    there is no such model or device, or when it cannot work here; what the configuration tells is checked
    before the weights are fetched.
    """
    from transformers import AutoModelForCausalLM

    from nokenlab.lab import Lab

    where, name = locate(model)
    lab = Lab(*read(AutoModelForCausalLM, fitness.check_kind, where, name, revision, device, dtype))
    _speed_up(lab.model, fast)
    return lab


def read(auto, check_kind: Callable, where: Path | str, name: str, revision, device, dtype) -> tuple:
    """Network, tokenizer, name and revision of a model that lies at `where`, a folder or a hub id.

    `auto` is transformers' class that reads it, and `check_kind(config)` raises ValueError for a model of
    the wrong kind. The rest as in `load`.
    """
    from transformers import AutoConfig, AutoTokenizer

    device = memory.choose_device(device)
    dtype = _dtype(dtype, device)
    source = {} if isinstance(where, Path) else on_hub(where, revision)
    _quiet()
    try:
        if isinstance(where, Path):
            check_files(path.name for path in where.iterdir())
        config = AutoConfig.from_pretrained(where, **source)
        check_kind(config)
        fitness.check_dtype(config, dtype)
        fitness.check_fits(config, dtype, device, auto)
        tokenizer = AutoTokenizer.from_pretrained(where, **source)
        options = {"dtype": dtype, "use_safetensors": True, "device_map": device}
        network = auto.from_pretrained(where, config=one_kernel(config), **options, **source)
    except Exception as error:  # of whatever kind: files of a stranger are read here
        raise ValueError(f"cannot load the model {name!r}: {first_line(error)}") from error
    return network, tokenizer, name, source.get("revision") or revision_of(where)


def _speed_up(network, fast: bool) -> None:
    from nokenlab.fast import attention, compiled_layers, cpu_linears, joined_linears, step_pool

    on_gpu, on_cpu = network.device.type == "cuda", network.device.type == "cpu"
    if on_gpu or on_cpu:
        attention.use(network)
    if fast and (on_gpu or on_cpu):
        joined_linears.join_linears(network)
    if fast and on_gpu:
        compiled_layers.compile_layers(network)
    if fast and on_cpu:
        cpu_linears.pack_linears(network)
        step_pool.trace(network)
    elif on_cpu:
        cpu_linears.use_onednn(network)


def _dtype(dtype: str | None, device: str) -> str:
    known = memory.SIZES
    dtype = dtype or os.environ.get("NOKENLAB_DTYPE") or ("float32" if device == "cpu" else "bfloat16")
    if dtype not in known:
        raise ValueError(f"dtype {dtype!r} is not one of {', '.join(known)}")
    return dtype


def _quiet() -> None:
    """Keep transformers' progress bars out of notebooks; its errors still come."""
    from transformers.utils import logging

    logging.disable_progress_bar()
