"""What `nl.load` asks of this room: may this model be fast here, and make it so.

Without this folder nokenlab is whole, and slower: `models/loading.py` then leaves the model as it is.
"""

import warnings

from nokenlab.decode.kv_cache import PlainDecoders
from nokenlab.fast import attention, compiled_layers, cpu_linears, joined_linears
from nokenlab.fast.step_pool import StepPool
from nokenlab.models.families import TESTED_FAST, step_can_be_captured


def check(config, device: str) -> None:
    """Told from its configuration, before weights are read: what fast=True cannot do for this model here.

    ValueError where it would do nothing, a warning where it does less.
    """
    kind = device.split(":")[0]
    if kind not in ("cuda", "cpu"):
        raise ValueError(f"fast=True knows cuda and cpu, not {kind}; leave it out")
    if kind == "cuda" and config.model_type not in TESTED_FAST:
        known = ", ".join(sorted(TESTED_FAST))
        raise ValueError(
            f"fast=True was not tested with {config.model_type}, only with {known}; leave it out"
        )
    if kind == "cpu" and not step_can_be_captured(config):
        why = f"steps of {config.model_type} were not tested as traced, and run as without it"
        warnings.warn(f"fast=True: {why}; its linear layers are faster all the same", stacklevel=4)


def make_fast(network, fast: bool) -> PlainDecoders:
    """Give a network that was just loaded what makes it faster, and return what makes its decoders.

    Some of it is there without `fast`: what costs no wait and rounds nothing.
    """
    kind = network.device.type
    if kind not in ("cuda", "cpu"):
        return PlainDecoders(network)
    attention.exchange(network)
    if fast:
        joined_linears.join_linears(network)
    if fast and kind == "cuda":
        compiled_layers.compile_layers(network)
    elif fast:
        cpu_linears.pack_linears(network)
    elif kind == "cpu":
        cpu_linears.use_onednn(network)
    return StepPool(network, trace=fast, of_one=_of_one(network) if fast and kind == "cpu" else None)


def _of_one(network):
    """What makes decoders of one row where numba, an extra, is there, and OpenMP's threads for it.

    Its own begin too late: four times the work of a step.
    """
    try:
        from numba.np.ufunc import omppool  # noqa: F401

        from nokenlab.fast.llama_step import LlamaSteps
    except (ImportError, RuntimeError):  # the second where there is no folder for what it compiled
        return None
    return LlamaSteps(network)
