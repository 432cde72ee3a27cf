"""What `nl.load` uses of this folder: can this model be fast here, and make it so.

Without the folder nokenlab works, and is slower.
"""

import warnings
from pathlib import Path

import torch

from nokenlab.decode.kv_cache import PlainDecoders
from nokenlab.fast import attention, compiled_layers, cpu_linears, joined_linears
from nokenlab.fast.captured_step import StepPool
from nokenlab.models import gguf_weights
from nokenlab.models.families import TESTED_FAST, step_can_be_captured


def check(config, device: str) -> None:
    """ValueError where fast=True would do nothing for this model here, a warning where it does less.

    Only the configuration is needed, so weights are not read in vain.
    """
    kind = device.split(":")[0]
    if kind not in ("cuda", "cpu"):
        raise ValueError(f"fast=True knows cuda and cpu, not {kind}; leave it out")
    if kind == "cuda" and config.model_type not in TESTED_FAST:
        tested = ", ".join(sorted(TESTED_FAST))
        raise ValueError(
            f"fast=True was not tested with {config.model_type}, only with {tested}; leave it out"
        )
    if kind == "cpu" and not step_can_be_captured(config):
        warnings.warn(
            f"fast=True: steps of {config.model_type} were not tested as traced and run as without it; "
            "only its linear layers are faster",
            stacklevel=4,
        )


def make_fast(network, fast: bool) -> PlainDecoders:
    """Make a network that was just loaded faster; returns what makes its decoders.

    Without `fast` only what takes no time to prepare and rounds nothing.
    """
    kind = network.device.type
    if kind not in ("cuda", "cpu"):
        return PlainDecoders(network)
    attention.use_short_attention(network)
    if not fast:
        if kind == "cpu":
            cpu_linears.use_onednn(network)
        return StepPool(network)
    joined_linears.join_linears(network)
    if kind == "cuda":
        compiled_layers.compile_layers(network)
        return StepPool(network, trace=True)
    folder = packed_folder(network)
    matrices = {}
    if folder:
        packed = gguf_weights.read(folder).matrices
        matrices = {layer: packed[name] for name, layer in joined_linears.llama_linears(network).items()}
    cpu_linears.pack_linears(network, matrices)
    return StepPool(network, trace=True, one_row=_one_row(network, folder))


def packed_folder(network) -> Path | None:
    """The folder that has the packed weights of a network in float32, as the default model's; else None."""
    folder = Path(network.name_or_path)
    return folder if network.dtype == torch.float32 and (folder / gguf_weights.FILE).exists() else None


def _one_row(network, folder: Path | None):
    """What makes decoders of one row, from packed weights or rounded ones; None for other models.

    And None where numba, an extra, is not installed with OpenMP's threads. Its own threads start too slowly:
    four times the work of a step.
    """
    try:
        from numba.np.ufunc import omppool  # noqa: F401

        from nokenlab.fast.llama_step import LlamaSteps, can_be_rounded
    except (ImportError, RuntimeError):  # the second where there is no folder for what it compiled
        return None
    return LlamaSteps(network, folder) if folder or can_be_rounded(network) else None
