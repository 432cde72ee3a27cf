"""Decoder layers compiled, against the same layers as they are."""

import os
import shutil

import pytest
import torch
from tiny_models import save_tiny

import nokenlab as nl
from nokenlab import compiled, graphs

DEVICE = os.environ.get("NOKENLAB_TEST_DEVICE", "cpu")
ARCHITECTURES = sorted(graphs.TESTED) if DEVICE == "cuda" else ["llama"]  # it takes seconds for each


@pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_compiled_layers_give_the_same_logits(architecture, tmp_path):
    folder = save_tiny(architecture, tmp_path)
    prompts = [" and".join(["Red is a color that"] * (1 + row % 2)) for row in range(3)]
    found = []
    for fast in (False, True):
        lab = nl.load(folder, device=DEVICE, dtype="float32")
        if fast:
            compiled.compile_layers(lab.model)
        steps = list(lab.sample(prompts, 4, feed=lambda step, lab=lab: noken(lab, step)))
        found.append(torch.stack([step.logits for step in steps]))
    scale = found[0].std()
    torch.testing.assert_close(found[1] / scale, found[0] / scale, rtol=1e-3, atol=1e-3)


def noken(lab, step):
    """The same vectors whatever was chosen, so that a close call does not change all that follows."""
    return nl.random_nokens(lab.width, [10 * step.index + row for row in step.rows.tolist()], norm=3.0)


def test_an_architecture_that_was_not_tried_is_refused(tmp_path):
    lab = nl.load(save_tiny("bloom", tmp_path), device=DEVICE)
    with pytest.raises(ValueError, match="bloom"):
        compiled.compile_layers(lab.model)
