"""What is special about which architecture, by `model_type` of a configuration.

What needs no line here: Gemma multiplies embeddings inside its embedding module, whose output is used
(`space.py`); Phi-2 and GPT-J have more rows than tokens, and only the rows of tokens are used; Llama's
start-of-text token comes from the tokenizer (`Embedder.start_ids`).
"""

LAYERS_THAT_WORK = {"full_attention", "sliding_attention", "chunked_attention"}  # others keep a running state
CACHE_IS_WRONG = ("ctrl", "git", "moshi")  # their logits with a cache differ from those without
DECODERS_OF_OTHERS = ("bert-generation", "trocr")  # one half of an encoder-decoder
NOT_READ_ALONE = ("emu3",)  # transformers reads its language model with its images' alone
USES_IDS_AGAIN = ("blt", "gemma3n", "gemma3n_text")  # not only for embeddings
FLOAT16_OVERFLOWS = ("phi",)  # their attention leaves float16's range and all becomes NaN

# those that tests/fast/ compares with the plain step: captured and traced steps, compiled layers
TESTED_FAST = frozenset(
    {"codegen", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "gptj", "llama", "mistral", "opt"}
    | {"phi", "phi3", "qwen2", "qwen3", "starcoder2"}
)

# linear layers of one module that have the same input, in the order in which they are called
SAME_INPUT = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
PHI_SAME_INPUT = (("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.fc1"),)  # of one layer


def step_can_be_captured(config) -> bool:
    """Whether the architecture was tested with a cache of fixed length, and does not depend on the length."""
    changing = {rope.get("rope_type") for rope in _ropes(config)} & {"dynamic", "longrope"}
    return config.model_type in TESTED_FAST and not changing


def rope_switch(config) -> int | None:
    """The tokens after which rotary factors are others, for the tokens before too; None if they stay.

    Keys in a cache would have the old ones, and a short row of a batch those of the longest.
    """
    switches = [
        rope["original_max_position_embeddings"]
        for rope in _ropes(config)
        if rope.get("rope_type") == "longrope"
    ]
    return min(switches, default=None)


def _ropes(config) -> list[dict]:
    """The rotary settings of a configuration: one, or one for each kind of layer."""
    rope = getattr(config, "rope_parameters", None) or {}
    return [part for part in rope.values() if isinstance(part, dict)] or [rope]


def same_input(config) -> tuple[tuple[str, ...], ...]:
    """Names of linear layers that have the same input, one group each. In Phi the MLP is one of them."""
    return PHI_SAME_INPUT if config.model_type == "phi" else SAME_INPUT


def with_quick_gelu(config):
    """The configuration with GELU's tanh form under the name that is one GPU kernel.

    transformers has two names for that function; the one in models' files, "gelu_new", takes eight kernels.
    """
    for name in ("hidden_act", "activation_function"):
        if getattr(config, name, None) == "gelu_new":
            setattr(config, name, "gelu_pytorch_tanh")
    return config
