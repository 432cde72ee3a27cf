"""Whether a model can work here, by its configuration, before weights are read."""

import inspect
import warnings

from nokenlab.errors import first_line
from nokenlab.models import memory
from nokenlab.models.families import (
    CACHE_IS_WRONG,
    DECODERS_OF_OTHERS,
    FLOAT16_OVERFLOWS,
    LAYERS_THAT_WORK,
    NOT_READ_ALONE,
    USES_IDS_AGAIN,
)

MOST_LAYERS = 1000  # more are a mistake, and would take minutes to count
MELODY = "it is a MusicGen Melody, which nokenlab does not have; music_lab.load takes facebook/musicgen-small"
REASONS = {  # part of a message of transformers, and the reason it is replaced with
    "custom code": "it requires code of its own, which is never run here",
    "ignore_mismatched_sizes": "its weights have other shapes than its configuration says",
    "`model_type` key": "its config.json has no model_type: it was not written by transformers",
    "does not recognize this architecture": "transformers does not have its architecture",
    "backend tokenizer": "it has no tokenizer, or one that cannot be read",
}


def in_words(error: Exception) -> str:
    """Why a model cannot be read, in one short line."""
    for part, reason in REASONS.items():
        if part in str(error):
            return reason
    return first_line(error, 130)


def check_kind(config) -> None:
    """ValueError with the reason, for a model that nokens cannot be tried on."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING as CAUSAL
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING as MASKED

    if config.model_type == "musicgen_melody":
        raise ValueError(MELODY)
    if config.model_type.startswith("musicgen"):
        raise ValueError(
            "it makes music, not text; nokenlab.music.music_lab loads it, and notebook 06 plays it"
        )
    layers = getattr(config.get_text_config(), "num_hidden_layers", 1)
    if not 0 < layers <= MOST_LAYERS:
        raise ValueError(f"its configuration has {layers} layers; 1 to {MOST_LAYERS} are valid")
    halves = type(config).is_encoder_decoder or config.model_type in DECODERS_OF_OTHERS
    if config.is_encoder_decoder or halves:
        raise ValueError("it is an encoder-decoder; nokens need a model that goes on with its own prompt")
    if type(config) in MASKED:
        raise ValueError("it is an encoder: it fills gaps in a text and does not go on with one")
    if type(config) not in CAUSAL or config.model_type in NOT_READ_ALONE:
        raise ValueError(f"transformers cannot generate text with a {config.model_type!r} model")
    per_layer = getattr(config.get_text_config(), "hidden_size_per_layer_input", None)
    if per_layer or config.model_type in USES_IDS_AGAIN:
        raise ValueError("it looks up token ids again in every layer, and a noken has no id to look up")
    network = CAUSAL[type(config)]
    kinds = set(getattr(config.get_text_config(), "layer_types", None) or ())
    if network._is_stateful or not kinds <= LAYERS_THAT_WORK:
        kept = "more than keys and values, such as a running state or an index"
        raise ValueError(f"some of its layers keep {kept}, which padded rows would spoil")
    arguments = inspect.signature(network.forward).parameters
    if not {"inputs_embeds", "past_key_values"} <= set(arguments) or config.model_type in CACHE_IS_WRONG:
        raise ValueError("its code in transformers cannot go on from embeddings with a cache")


def check_dtype(config, dtype: str) -> None:
    """ValueError for a number format in which this model is known to overflow."""
    if dtype == "float16" and config.model_type in FLOAT16_OVERFLOWS:
        raise ValueError("its numbers overflow in float16 and turn to NaN; use bfloat16 or float32")


def check_fits(config, dtype: str, device: str, auto=None) -> None:
    """ValueError if the weights are larger than the device's memory, with what would fit instead.

    A warning if only the memory that is free now is too small. `auto` as in `memory.count`.
    """
    parameters = memory.count(config, auto)
    need, (free, total) = parameters * memory.SIZES[dtype], memory.free_and_total(device)
    if need > total:
        sizes = f"its weights take {memory.gb(need)} in {dtype}, and {_owner(device)} {memory.gb(total)}"
        raise ValueError(f"{sizes}; {_alternative(parameters)}")
    if need > free:
        available = f"{_owner(device)} {memory.gb(free)} that are free now"
        warnings.warn(f"the weights take {memory.gb(need)} in {dtype}, and {available}", stacklevel=3)


def _owner(device: str) -> str:
    return "GPUs, memory and disk together have" if device == "auto" else f"the {device} has"


def _alternative(parameters: int) -> str:
    for device in (*memory.devices(), "auto"):
        for dtype in ("float32", "bfloat16"):
            if (need := parameters * memory.SIZES[dtype]) < memory.free_and_total(device)[1]:
                return f'device="{device}" with dtype="{dtype}" would do ({memory.gb(need)})'
    return f"this machine is too small for it even in bfloat16 ({memory.gb(parameters * 2)})"
