"""`load`: a model by name, from wherever it lies, as a Lab. It alone joins a Lab with `nokenlab/fast`."""

import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from nokenlab.errors import short
from nokenlab.models import default_model, fitness, hub, memory, placement
from nokenlab.models import integrity as whole
from nokenlab.models.families import with_quick_gelu

if TYPE_CHECKING:
    import torch

    from nokenlab.lab import Lab


def load(
    model: str | os.PathLike | None = None,
    *,
    revision: str | None = None,
    device: "str | torch.device | None" = None,
    dtype: "str | torch.dtype | None" = None,
    fast: bool = False,
) -> "Lab":
    """Load a language model as a `Lab`.

    model: None or "default" for the model that comes with nokenlab; else a local folder, or an id on
    the model hub ("microsoft/phi-2"), at `revision` if given. device: "cuda", "mps" or "cpu"; by
    default the first of them that is there. "auto" is for a model larger than one GPU: its layers are spread
    over all GPUs, memory and disk, which is slow and without `fast`, and a line on the standard error output
    says which lie where. dtype: "float32", "bfloat16" or "float16", or torch's own; by
    default float32 on a CPU and bfloat16 on a GPU. NOKENLAB_DEVICE and NOKENLAB_DTYPE in the environment
    change these defaults, for whole runs. fast: wait a little for more speed. On a GPU layers are compiled,
    some seconds with each new shape of batch, for long sweeps. On a CPU weights are held a second time,
    laid out anew, and few rows use weights of 4 bits where that is what the weights are, as in the default
    model, else of 16: for live sliders (`nokenlab/fast/`).
    Only safetensors weights are read and no code from a hub is run. Raises ValueError, in one line, when
    there is no such model or device, or when it cannot work here; what the configuration tells is checked
    before the weights are fetched.
    """
    from transformers import AutoModelForCausalLM

    from nokenlab.lab import Lab

    where, name = hub.locate(model)
    device = memory.choose_device(device)
    check = partial(_check, device=device, fast=fast)
    network, *rest = read(AutoModelForCausalLM, check, where, name, revision, device, dtype)
    return Lab(network, *rest, decoders=_decoders(network, fast))


def read(auto, check: Callable, where: Path | str, name: str, revision, device, dtype) -> tuple:
    """Network, tokenizer, name and revision of a model that lies at `where`, a folder or a hub id.

    `auto` is transformers' class that reads it, and `check(config)` raises ValueError, before weights are
    read, for a model that will not do. The rest as in `load`.
    """
    from transformers import AutoConfig, AutoTokenizer

    device = memory.choose_device(device)
    dtype = memory.choose_dtype(dtype, device)
    if model := _ahead.pop((auto, where, device, dtype), None):
        check(model[0].config)
        return model
    source = hub.NO_CODE | ({} if isinstance(where, Path) else hub.on_hub(where, revision))
    _quiet()
    try:
        if isinstance(where, Path):
            hub.check_files(path.name for path in where.iterdir())
        config = AutoConfig.from_pretrained(where, **source)
        check(config)
        fitness.check_dtype(config, dtype)
        fitness.check_fits(config, dtype, device, auto)
        tokenizer = AutoTokenizer.from_pretrained(where, **source)
        options = {"config": with_quick_gelu(config), "dtype": dtype, "use_safetensors": True} | source
        if device == "auto":
            network = placement.read_spread(partial(_whole, auto, where), **options)
        else:
            network = _whole(auto, where, device_map=device, **options)
    except Exception as error:  # of whatever kind: files of a stranger are read here
        raise ValueError(f"cannot load the model {short(name, 40)}: {fitness.in_words(error)}") from error
    network.requires_grad_(False)  # gradients are for nokens; those of weights are as large as the model
    return network, tokenizer, name, source.get("revision") or hub.revision_of(where)


_ahead: dict[tuple, tuple] = {}  # what `read_ahead` read, until it is asked for


def read_ahead() -> None:
    """Read the default model now, for the first `load` of it in each process that is forked from this one.

    No thread is started, so that forking is safe. Nothing is read where it would go to a GPU, or where it
    does not lie on this machine yet.
    """
    import torch
    from transformers import AutoModelForCausalLM

    where, dtype = default_model.home(), memory.choose_dtype(None, "cpu")
    if memory.choose_device(None) != "cpu" or not whole.is_whole(where):
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    os.environ["HF_DEACTIVATE_ASYNC_LOAD"] = "1"
    try:
        model = read(AutoModelForCausalLM, fitness.check_kind, where, default_model.NAME, None, "cpu", dtype)
    finally:
        del os.environ["HF_DEACTIVATE_ASYNC_LOAD"]
        torch.set_num_threads(threads)
    _ahead[AutoModelForCausalLM, where, "cpu", dtype] = model


def _whole(auto, where: Path | str, **options):
    """`from_pretrained`; ValueError where weights are left out, which would be random then."""
    network, about = auto.from_pretrained(where, output_loading_info=True, **options)
    if missing := sorted(about["missing_keys"]):
        raise ValueError(f"{len(missing)} of its weights are not in its files, such as {missing[0]}")
    return network


def _check(config, device: str, fast: bool) -> None:
    fitness.check_kind(config)
    if fast and not _fast_is_there():
        raise ValueError("fast=True needs the folder nokenlab/fast, which is not there")
    if fast:
        from nokenlab.fast import setup

        setup.check(config, device)


def _decoders(network, fast: bool):
    """What runs the network step by step: quicker than transformers' own way where nokenlab/fast is there."""
    if not _fast_is_there() or placement.is_spread(network):
        return None
    from nokenlab.fast import setup

    return setup.make_fast(network, fast)


def _fast_is_there() -> bool:
    return find_spec("nokenlab.fast.setup") is not None if find_spec("nokenlab.fast") else False


def _quiet() -> None:
    """Keep transformers' progress bars out of notebooks; its errors still come."""
    from transformers.utils import logging

    logging.disable_progress_bar()
