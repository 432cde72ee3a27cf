"""`load`: a model by name, from the hub or a folder, as a Lab. It alone joins a Lab with `nokenlab/fast`."""

import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from nokenlab.errors import short
from nokenlab.lab import Lab
from nokenlab.models import fitness, formats, hub, integrity, memory, packaged, placement
from nokenlab.models.families import with_quick_gelu

_ahead: dict[tuple, tuple] = {}  # what `read_ahead` read, until `read` takes it


def load(
    model: str | os.PathLike | None = None,
    *,
    revision: str | None = None,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    fast: bool = False,
) -> Lab:
    """Load a language model as a `Lab`.

    model: None or "default" for the model that comes with nokenlab; "gemma-3-270m", once it was fetched; else
    a local folder, a GGUF file, or an id on the model hub ("microsoft/phi-2"), at `revision` if given.
    device: "cuda", "mps" or "cpu"; the default is the first of them that this machine has. "auto" is for a
    model larger than one GPU: its layers are spread over all GPUs, memory and disk, which is slow and without
    `fast`, and a line on the standard error output says where each layer is.
    dtype: "float32", "bfloat16" or "float16", or torch's own; the default is float32 on a CPU and bfloat16 on
    a GPU. NOKENLAB_DEVICE and NOKENLAB_DTYPE in the environment change both defaults.
    fast: wait a little for more speed. On a GPU layers are compiled, some seconds for each new batch shape,
    for long sweeps. On a CPU a second copy of the weights is laid out for speed, for live sliders, and few
    rows use weights of 4 bits where the model has such weights, as the default model, else of 16.
    Only safetensors weights are read, and no code from a hub is run. Raises ValueError, in one line, when
    there is no such model or device, or when it cannot work here; the configuration is checked before the
    weights are fetched.
    """
    where, name = hub.locate(model)
    device = memory.choose_device(device)
    check = partial(_check, device=device, fast=fast)
    network, *rest = read(AutoModelForCausalLM, check, where, name, revision, device, dtype)
    return Lab(network, *rest, decoders=_decoders(network, fast))


def read(auto, check: Callable, where: Path | str, name: str, revision, device, dtype) -> tuple:
    """Network, tokenizer, name and revision of a model at `where`, a folder or a hub id.

    `auto` is transformers' class that reads it, and `check(config)` raises ValueError, before weights are
    read, for a model that cannot be used. The rest as in `load`.
    """
    device = memory.choose_device(device)
    dtype = memory.choose_dtype(dtype, device)
    if model := _ahead.pop((auto, where, device, dtype), None):
        check(model[0].config)
        return model
    source = hub.source(where, revision)
    logging.disable_progress_bar()  # transformers' bars, not its errors
    try:
        if isinstance(where, Path):
            formats.check_folder(where)
        config = AutoConfig.from_pretrained(where, **source)
        check(config)
        fitness.check_dtype(config, dtype)
        fitness.check_fits(config, dtype, device, auto)
        tokenizer = AutoTokenizer.from_pretrained(where, **source)
        options = {"config": with_quick_gelu(config), "dtype": dtype, "use_safetensors": True} | source
        if device == "auto":
            network = placement.read_spread(partial(integrity.read_complete, auto, where), **options)
        else:
            network = integrity.read_complete(auto, where, device_map=device, **options)
    except Exception as error:  # any kind: the files may be anyone's
        raise ValueError(f"cannot load the model {short(name, 40)}: {fitness.in_words(error)}") from error
    network.requires_grad_(False)  # gradients are for nokens; those of weights are as large as the model
    return network, tokenizer, name, source.get("revision") or hub.revision_of(where)


def read_ahead() -> None:
    """Read the default model now, for the first `load` of it in each process that is forked from this one.

    No thread is started, so that forking is safe. Nothing is read if the model would go to a GPU, or is not
    on this machine yet.
    """
    where, dtype = packaged.home(packaged.DEFAULT), memory.choose_dtype(None, "cpu")
    if memory.choose_device(None) != "cpu" or not integrity.is_valid(where):
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    os.environ["HF_DEACTIVATE_ASYNC_LOAD"] = "1"
    try:
        model = read(
            AutoModelForCausalLM, fitness.check_kind, where, packaged.DEFAULT.name, None, "cpu", dtype
        )
    finally:
        del os.environ["HF_DEACTIVATE_ASYNC_LOAD"]
        torch.set_num_threads(threads)
    _ahead[AutoModelForCausalLM, where, "cpu", dtype] = model


def _check(config, device: str, fast: bool) -> None:
    fitness.check_kind(config)
    if not fast:
        return
    if not _has_fast():
        raise ValueError("fast=True needs the folder nokenlab/fast, which is not there")
    from nokenlab.fast import setup

    setup.check(config, device)


def _decoders(network, fast: bool):
    """What runs the network step by step, from nokenlab/fast; None for the plain decoders of `Lab`."""
    if not _has_fast() or placement.is_spread(network):
        return None
    from nokenlab.fast import setup

    return setup.make_fast(network, fast)


def _has_fast() -> bool:
    return find_spec("nokenlab.fast") is not None and find_spec("nokenlab.fast.setup") is not None
