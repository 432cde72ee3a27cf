"""Decoder layers compiled, against the same layers as they are."""

import os
from functools import partial

import pytest
import torch
from helpers.tiny_models import save_tiny

import nokenlab as nl
from nokenlab.fast import captured_step, compiled_layers
from nokenlab.fast.captured_step import StepPool
from nokenlab.models import families

DEVICE = os.environ.get("NOKENLAB_TEST_DEVICE", "cpu")
ARCHITECTURES = sorted(families.TESTED_FAST) if DEVICE == "cuda" else ["llama", "gemma3_text"]


@pytest.fixture(autouse=True)
def graphs_alone(monkeypatch):
    """Without a GPU graphs are made but not compiled to C++, which takes half a minute and has no user."""
    if DEVICE == "cpu":
        monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_compiled_layers_give_the_same_logits(architecture, tmp_path):
    folder = save_tiny(architecture, tmp_path)
    prompts = [" and".join(["Red is a color that"] * (1 + row % 2)) for row in range(3)]
    found = []
    for fast in (False, True):
        lab = nl.load(folder, device=DEVICE, dtype="float32")
        if fast:
            compiled_layers.compile_layers(lab.model)
        steps = list(lab.sample(prompts, 4, feed=lambda step, lab=lab: noken(lab, step)))
        found.append(torch.stack([step.logits for step in steps]))
    scale = found[0].std()
    torch.testing.assert_close(found[1] / scale, found[0] / scale, rtol=1e-3, atol=1e-3)


def test_a_step_is_compiled_for_its_rows_and_a_prompt_once_for_all(tmp_path, monkeypatch):
    lab = nl.load(save_tiny("phi", tmp_path), device=DEVICE, dtype="float32")
    compiled_layers.compile_layers(lab.model)
    lab.decoders = StepPool(lab.model, trace=True)  # as on a GPU, but neither traced nor captured
    monkeypatch.setattr(captured_step, "traced", lambda function, *inputs: function)
    torch._dynamo.reset()
    graphs_made, found = torch._dynamo.utils.counters["stats"], []
    for rows, text in ((2, "Red is"), (3, "Red is a"), (5, "White whippets are"), (5, "Red is a color that")):
        before = graphs_made["unique_graphs"]
        list(lab.sample(nl.replace(lab.embed(text), 0, nl.random_nokens(lab.width, range(rows))), 3))
        found.append(graphs_made["unique_graphs"] - before)
    assert found[0] > 0 and found[2:] == [1, 0], found


def noken(lab, step):
    """The same vectors whatever was chosen, so that a close call does not change all that follows."""
    return nl.random_nokens(lab.width, [10 * step.index + row for row in step.rows.tolist()], norm=3.0)
