"""Every causal class of transformers as a small random model: fields of configurations by their names.

Run as a program it writes the list of them for notebooks/docs/models.md.
"""

from pathlib import Path

import torch
import transformers
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING as CAUSAL
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING as WITH_IMAGES

from helpers.tiny_models import tiny_tokenizer
from nokenlab.models import fitness

CLASSES = {config_class.model_type: config_class for config_class in CAUSAL}
WINDOW = 8  # tokens: prompts are longer
BY_VALUE = {
    0: "pad_token_id",
    0.2: "initializer_range init_std",  # large weights, so that the next tokens are not all alike
    1: """bos_token_id n_group topk_group first_k_dense_replace num_dense_layers n_shared_experts
        num_shared_experts""",
    2: """eos_token_id num_hidden_layers n_layer n_layers num_layers decoder_layers
        num_key_value_heads num_kv_heads kv_n_heads num_experts_per_tok moe_topk moe_top_k moe_k
        sliding_window_pattern _sliding_window_pattern no_rope_layer_interval global_attn_every_n_layers""",
    4: """num_attention_heads n_head n_heads num_heads attention_heads decoder_attention_heads rotary_dim
        num_experts num_local_experts n_routed_experts moe_num_experts qk_rope_head_dim""",
    6: "v_head_dim",  # another width than that of keys
    8: "head_dim qk_nope_head_dim kv_channels global_head_dim patch_size query_pre_attn_scalar",
    WINDOW: "sliding_window attention_chunk_size window_size local_attention",
    10: "image_token_id image_token_index",
    11: "video_token_id",
    12: "audio_token_id kv_lora_rank",
    16: "q_lora_rank word_embed_proj_dim",
    32: "hidden_size d_model n_embd embed_dim image_size",
    48: """intermediate_size moe_intermediate_size ffn_dim ffn_hidden_size n_inner decoder_ffn_dim mlp_dim
        expert_ffn_hidden_size shared_intermediate_size shared_expert_intermediate_size
        dense_intermediate_size intermediate_size_mlp""",
    128: "max_position_embeddings n_positions n_ctx max_seq_len",
}
FIELDS = {name: value for value, names in BY_VALUE.items() for name in names.split()}
NO_INPUTS = {"hidden_size_per_layer_input": 0, "vocab_size_per_layer_input": 0}
START = {  # of configurations by default
    "gemma4": {"text_config": NO_INPUTS},
    "gemma4_assistant": {"text_config": NO_INPUTS},
    "gemma4_text": NO_INPUTS,
}
BY_HAND = {
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}
    },
    "dbrx": {"attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4}},
    "gemma4_text": NO_INPUTS,
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "helium": {"head_dim": 8},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "lfm2_moe": {"layer_types": ["full_attention"] * 2},
    "longcat_flash": {"zero_expert_num": 2, "head_dim": 4},
    "ministral": {"head_dim": 8},
}


def default_config(config_class):
    """The configuration that its class has by default, but for what must be set."""
    return config_class(**START.get(config_class.model_type, {}))


def small_config(config_class, vocab_size: int = 400):
    """A configuration with small layers, at least two and one of every kind that its class has by default."""
    default = default_config(config_class)
    values = default.to_dict()
    names = set(values) | set(config_class.attribute_map)
    fields = {name: value for name, value in FIELDS.items() if name in names} | {"vocab_size": vocab_size}
    for name in config_class.sub_configs:
        if (part := getattr(default, name)) is not None:
            fields[name] = small_config(type(part), vocab_size)
    if values.get("num_key_value_heads") == values.get("num_attention_heads"):  # it may have no others
        fields |= {"num_key_value_heads": 4} if "num_key_value_heads" in fields else {}
    for name in ("layer_types", "mlp_layer_types"):
        if kinds := list(dict.fromkeys(values.get(name) or ())):
            fields[name] = (kinds * 2)[:2]
    return config_class(**fields | BY_HAND.get(config_class.model_type, {}))


def of_config(config):
    """A random model of a configuration, with all parts that it is published with."""
    torch.manual_seed(0)
    network = WITH_IMAGES.get(type(config), CAUSAL[type(config)])
    return network._from_config(config).eval()


def save_small(kind: str, folder: Path) -> Path:
    """A small random model of a class and a tokenizer in `folder`, to be loaded; returns `folder`."""
    tokenizer = tiny_tokenizer()
    config = small_config(CLASSES[kind], len(tokenizer) + 30)
    of_config(config).save_pretrained(folder)
    config.save_pretrained(folder)  # a class of the text alone would write that part of it
    tokenizer.save_pretrained(folder)
    return folder


def refusal(config) -> str | None:
    """Why a model cannot work here; None if it can."""
    try:
        fitness.check_kind(config)
    except ValueError as error:
        return str(error)
    return None


def page() -> str:
    """What works and what is refused, by `model_type`, as notebooks/docs/models.md lists it."""
    reasons: dict[str | None, list[str]] = {None: []}
    for kind, config_class in sorted(CLASSES.items()):
        reason = refusal(default_config(config_class))
        reasons.setdefault(reason, []).append(f"`{kind}`")
    works = f"**{len(reasons[None])} work**: {', '.join(reasons.pop(None))}."
    refused = [f"- {reason} ({len(kinds)}): {', '.join(kinds)}" for reason, kinds in sorted(reasons.items())]
    return "\n".join([works, "", "**Refused**, with this reason:", "", *refused]) + "\n"


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    print(page())
