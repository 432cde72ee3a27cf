"""The step sampler walks as the decode loop does, forces, draws, feeds nokens and goes back."""

import pytest
import torch
from helpers.panels import settled, text_of

import nokenlab as nl


def test_the_sampler_walks_as_the_loop_does(tiny):
    noken = nl.random_nokens(tiny.width, 0)[0]
    prompt = nl.replace(tiny.embed("Red is the first"), 0, noken)
    panel = nl.StepSampler(tiny, "Red is the first", 0, noken)
    assert panel.widget
    for _ in range(4):
        panel._ask(("likeliest",))  # quicker than the model: none may be lost
    settled(panel)
    ids = [step.ids.item() for step in tiny.sample(prompt, 4)]
    assert [taken.number for taken in panel.path] == ids
    assert text_of(panel.text.value) == tiny.generate(prompt, 4)[0]
    panel._ask(("undo",))
    assert [taken.number for taken in settled(panel).path] == ids[:3]


def test_the_sampler_forces_draws_and_feeds(tiny):
    panel = nl.StepSampler(tiny, "Red is the first", top_k=3)
    assert panel.widget
    third = panel.offered[2]
    panel._force(2, None)
    panel._ask(("noken", 7))
    panel._ask(("drawn",))
    forced, noken, drawn = settled(panel).path
    assert (forced.number, noken.number) == (third, 7)
    noken = nl.random_nokens(tiny.width, 7, norm=tiny.space.median_norm)  # (1, width)
    fed = torch.cat([tiny.embed("Red is the first"), tiny.embed_ids(torch.tensor([[third]])), noken[None]], 1)
    probability = tiny.logits(fed).softmax(-1)[0, drawn.number].item()
    assert drawn.kind == "drawn" and drawn.probability == pytest.approx(probability, rel=1e-3)
    assert "▢" in text_of(panel.text.value) and "noken 7" in panel.text.value
    assert sum("ruled out" in bar.value for bar in panel.bars) == 7  # top-k leaves three of ten
    panel.temperature.value = 0.5
    assert len(settled(panel).path) == 3
    panel.prompt.value = ""
    assert "prompt is empty" in settled(panel).note.value
    panel.prompt.value = "Blue is"
    assert settled(panel).path == [] and "Error" not in panel.note.value
