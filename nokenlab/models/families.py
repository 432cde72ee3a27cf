"""What is special of which architecture."""

ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}  # kinds of layers that work
CACHE_IS_WRONG = ("ctrl",)  # with its cache other logits come out than without
FLOAT16_OVERFLOWS = ("phi",)  # their attention leaves float16's range and all becomes NaN


def one_kernel(config):
    """GELU by its tanh has two names in transformers; the usual one costs eight kernels, the other one."""
    for name in ("hidden_act", "activation_function"):
        if getattr(config, name, None) == "gelu_new":
            setattr(config, name, "gelu_pytorch_tanh")
    return config


# the architectures that tests/test_graphs.py compares with the plain step
TESTED = frozenset(
    {"codegen", "gemma", "gemma2", "gemma3_text", "gpt2", "gpt_neox", "gptj", "llama", "mistral", "opt"}
    | {"phi", "phi3", "qwen2", "qwen3", "starcoder2"}
)


def can_be_fixed(model) -> bool:
    """Whether the architecture is one that was tested with a cache of fixed length."""
    rope = getattr(model.config, "rope_parameters", None) or {}
    moving = rope.get("rope_type") in ("dynamic", "longrope")  # they look at the length in every step
    return model.config.model_type in TESTED and not moving
