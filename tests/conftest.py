"""Fixtures: the default model, and tiny random models of the architectures named in the tests."""

import pytest
import torch
import transformers

import nokenlab as nl

TINY = {
    "llama": lambda c: transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        **c,
    ),
    "phi": lambda c: transformers.PhiConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, **c
    ),
    "gpt2": lambda c: transformers.GPT2Config(
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=128,
        vocab_size=c["vocab_size"],
        eos_token_id=2,
        bos_token_id=1,
    ),
}


@pytest.fixture(scope="session")
def lab():
    """The model that comes with nokenlab, as every notebook has it."""
    return nl.load()


def tiny_lab(kind: str, tokenizer, **changes) -> nl.Lab:
    """A random model of an architecture, with the default model's tokenizer and padding rows behind it."""
    common = {"vocab_size": len(tokenizer) + 64, "max_position_embeddings": 128, "eos_token_id": 2}
    config = TINY[kind](common)
    for name, value in changes.items():
        setattr(config, name, value)
    config.pad_token_id = None
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    return nl.Lab(model, tokenizer, f"tiny-{kind}")


@pytest.fixture(scope="session", params=sorted(TINY))
def tiny(request, lab):
    """A tiny random model of each architecture in turn."""
    return tiny_lab(request.param, lab.tokenizer)


@pytest.fixture(scope="session", params=["default", *sorted(TINY)])
def any_lab(request, lab):
    """The default model, then a tiny random one of each architecture."""
    return lab if request.param == "default" else tiny_lab(request.param, lab.tokenizer)


@pytest.fixture(scope="session")
def tiny_folder(lab, tmp_path_factory):
    """A tiny random Llama saved as a user's local folder would be."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    small = tiny_lab("llama", lab.tokenizer)
    small.model.save_pretrained(folder)
    small.tokenizer.save_pretrained(folder)
    return folder
