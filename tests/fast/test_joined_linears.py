"""Linear layers as one beside the same layers apart; NOKENLAB_TEST_DEVICE=cuda runs them on a GPU."""

import os
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_models import PADDING_ROWS, TINY, tiny_model, tiny_tokenizer
from torch.nn import Linear

import nokenlab as nl
from nokenlab.fast import joined_linears

DEVICE = os.environ.get("NOKENLAB_TEST_DEVICE", "cpu")
SEPARATE = sorted(
    {"gemma", "gemma2", "gemma3_text", "gptj", "llama", "mistral", "opt", "phi", "qwen2", "qwen3"}
)
PROMPTS = ["Red is a color that", "White whippets are", "The"]


def small(architecture) -> nl.Lab:
    """A tiny random model as transformers makes it."""
    tokenizer = tiny_tokenizer(TINY[architecture][2])
    model = tiny_model(architecture, len(tokenizer) + PADDING_ROWS)
    return nl.Lab(model.to(DEVICE), tokenizer, architecture)


def parts(model) -> int:
    return sum(isinstance(module, joined_linears.Part) for module in model.modules())


@pytest.mark.parametrize("architecture", sorted(TINY))
def test_joined_layers_give_the_same_logits(architecture):
    lab = small(architecture)
    before = lab.logits(PROMPTS)
    joined_linears.join_linears(lab.model)
    scale = before.std()
    torch.testing.assert_close(lab.logits(PROMPTS) / scale, before / scale, rtol=1e-4, atol=1e-4)
    assert not parts(lab.model) or parts(lab.model) % lab.model.config.num_hidden_layers == 0
    assert parts(lab.model) or architecture not in SEPARATE


@pytest.mark.parametrize(
    ("architecture", "each", "left"), [("llama", 5, {"o_proj", "down_proj"}), ("phi", 4, {"dense", "fc2"})]
)
def test_a_joined_model_holds_each_weight_once(architecture, each, left):
    lab = small(architecture)
    before = sum(p.numel() for p in lab.model.parameters())
    joined_linears.join_linears(lab.model)
    assert parts(lab.model) == each * lab.model.config.num_hidden_layers
    assert sum(p.numel() for p in lab.model.parameters()) == before
    linears = {name.split(".")[-1] for name, m in lab.model.named_modules() if isinstance(m, Linear)}
    assert linears == left | {"whole", "lm_head"}


def test_layers_that_are_not_alike_stay_apart():
    attention = torch.nn.Module()
    attention.config = SimpleNamespace(model_type="llama")
    attention.q_proj, attention.v_proj = Linear(8, 8), Linear(8, 8)
    attention.k_proj = Linear(8, 8, bias=False)
    joined_linears.join_linears(attention)
    assert type(attention.q_proj) is Linear


def test_what_was_computed_is_not_held_and_never_given_for_another_input():
    layers = [Linear(8, size) for size in (4, 2, 6)]
    x, y = torch.randn(2, 3, 8)
    wanted = [layer(y) for layer in layers]
    whole = joined_linears.JoinedLinears(layers)
    parts = [joined_linears.Part(whole, index) for index in range(3)]
    parts[0](x)  # and then something went wrong
    for part, output in zip(parts, wanted, strict=True):
        torch.testing.assert_close(part(y), output)
    assert whole.input is None and whole.outputs is None
