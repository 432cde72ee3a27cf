"""Can this model work here: told from its configuration, before anything large is fetched or read."""

import inspect
import warnings

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}  # number format -> bytes
ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}  # kinds of layers that work
CACHE_IS_WRONG = ("ctrl",)  # with its cache other logits come out than without
FLOAT16_OVERFLOWS = ("phi",)  # their attention leaves float16's range and all becomes NaN


def check_kind(config) -> None:
    """ValueError with the reason, for a model that nokens cannot be tried on."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING as WRITES
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING as FILLS_GAPS

    if config.model_type.startswith("musicgen"):
        raise ValueError("it makes music, not text; nokenlab.music loads it, and notebook 06 plays it")
    if config.is_encoder_decoder:
        raise ValueError("it is an encoder-decoder; nokens need a model that goes on with its own prompt")
    if type(config) in FILLS_GAPS and not getattr(config, "is_decoder", False):
        raise ValueError("it is an encoder: it fills gaps in a text and does not go on with one")
    if type(config) not in WRITES:
        raise ValueError(f"transformers knows no way to write text with a {config.model_type!r} model")
    if getattr(config.get_text_config(), "hidden_size_per_layer_input", None):
        raise ValueError("it looks up token ids again in every layer, and a noken has no id to look up")
    network = WRITES[type(config)]
    layers = set(getattr(config.get_text_config(), "layer_types", None) or ())
    if network._is_stateful or not layers <= ATTENTION:
        raise ValueError("some of its layers keep a running state, which padded rows would spoil")
    known = inspect.signature(network.forward).parameters
    if not {"inputs_embeds", "past_key_values"} <= set(known) or config.model_type in CACHE_IS_WRONG:
        raise ValueError("its code in transformers cannot go on from embeddings with a cache")


def check_dtype(config, dtype: str) -> None:
    """ValueError for a number format in which this model is known to overflow."""
    if dtype == "float16" and config.model_type in FLOAT16_OVERFLOWS:
        raise ValueError("its numbers overflow in float16 and turn to NaN; use bfloat16 or float32")


def check_fits(config, dtype: str, device: str, auto=None) -> None:
    """ValueError when the weights are larger than the device's whole memory, with what would do instead.

    A warning when only the memory that is free just now is too small. `auto` as in `weights`.
    """
    parameters = count(config, auto)
    need, (free, total) = parameters * SIZES[dtype], memory(device)
    if need > total:
        has = f"its weights take {_gb(need)} in {dtype}, and the {device} has {_gb(total)}"
        raise ValueError(f"{has}; {_would_do(parameters)}")
    if need > free:
        warnings.warn(
            f"the weights take {_gb(need)} in {dtype}, and of the {device}'s memory {_gb(free)} are free now",
            stacklevel=3,
        )


def count(config, auto=None) -> int:
    """Parameters of a model. Its shape is built from the configuration, without numbers.

    `auto` is transformers' class for this kind of model, AutoModelForCausalLM if not given.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        network = (auto or AutoModelForCausalLM).from_config(config)
    return sum(parameter.numel() for parameter in network.parameters())


def memory(device: str) -> tuple[int, int]:
    """Bytes of a device's memory: free just now, and in all."""
    import psutil
    import torch

    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)
    machine = psutil.virtual_memory()  # an Apple GPU works in it too
    return machine.available, machine.total


def row_size(config, number: int) -> int:
    """Bytes that a row of 64 tokens takes, numbers of `number` bytes each.

    A cache for all tokens and half as much for copies of it, and four copies of the logits in float32.
    """
    config = config.get_text_config(decoder=True)
    heads, size = cache_heads(config)
    token = 2 * config.num_hidden_layers * heads * size * number  # keys and values
    return 96 * token + 16 * config.vocab_size


def cache_heads(config) -> tuple[int, int]:
    """How many heads of keys a layer's cache has, and numbers in one."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return heads, getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def devices() -> list[str]:
    """The devices of this machine, best first: some of cuda, mps, cpu."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, found in there.items() if found]


def _would_do(parameters: int) -> str:
    for device in devices():
        for dtype in ("float32", "bfloat16"):
            if (need := parameters * SIZES[dtype]) < memory(device)[1]:
                return f'device="{device}" with dtype="{dtype}" would do ({_gb(need)})'
    return f"this machine is too small for it even in bfloat16 ({_gb(parameters * 2)})"


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
