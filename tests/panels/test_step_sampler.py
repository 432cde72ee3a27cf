"""The step sampler walks as the decode loop does, forces, draws, feeds nokens and goes back."""

import pytest
import torch
from helpers.panels import EVIL, is_escaped, page_state, settled

import nokenlab as nl


@pytest.fixture
def sampler(tiny):
    panel = nl.StepSampler(tiny, "Red is the first", top_k=3)
    assert panel.widget
    return panel


def send(panel, **content):
    panel.face._handle_custom_msg(content, [])
    return panel


def numbers(panel) -> list[int]:
    return [taken.number for taken in settled(panel).text.path]


def test_the_sampler_walks_as_the_loop_does(tiny):
    noken = nl.random_nokens(tiny.width, 0)[0]
    prompt = nl.replace(tiny.embed("Red is the first"), 0, noken)
    panel = nl.StepSampler(tiny, "Red is the first", 0, noken)
    assert panel.widget
    for _ in range(4):
        send(panel, take=["likeliest", None])  # quicker than the model: none may be lost
    ids = [step.ids.item() for step in tiny.sample(prompt, 4)]
    assert numbers(panel) == ids
    assert panel.face.shown["text"] == tiny.generate(prompt, 4)[0]
    assert numbers(send(panel, undo=True)) == ids[:3]
    assert numbers(send(panel, back=1)) == ids[:1]
    assert numbers(send(panel, undo=True)) == ids[:3]  # what was left by going back comes back too


def test_the_sampler_forces_draws_and_feeds(tiny, sampler):
    panel = sampler
    third = panel.face.shown["choices"][2][3]
    for step in (["forced", third], ["noken", 7], ["drawn", None]):
        send(panel, take=step)
    forced, noken, drawn = settled(panel).text.path
    assert (forced.number, noken.number) == (third, 7)
    noken = nl.random_nokens(tiny.width, 7, norm=tiny.space.median_norm)  # (1, width)
    fed = torch.cat([tiny.embed("Red is the first"), tiny.embed_ids(torch.tensor([[third]])), noken[None]], 1)
    probability = tiny.logits(fed).softmax(-1)[0, drawn.number].item()
    assert drawn.kind == "drawn" and drawn.probability == pytest.approx(probability, rel=1e-3)
    shown = panel.face.shown
    assert "▢" in shown["text"] and shown["path"][1] == ["▢", "noken 7"]
    chances = [chance for _, _, chance, _ in shown["choices"]]
    assert chances.count(0) == 7 and sum(chances) == pytest.approx(1)  # top-k leaves three of ten
    settled(send(panel, set={"temperature": 0.5}))
    assert len(numbers(panel)) == 3 and panel.face.shown["choices"][0][2] > chances[0]


def test_undo_goes_back_over_an_edit_and_an_error_leaves_what_was_there(sampler):
    send(sampler, take=["likeliest", None])
    send(sampler, take=["likeliest", None])
    before = numbers(sampler)
    for prompt, message in (("", "prompt is empty"), ("The <noken> is", "<noken>")):
        assert numbers(send(sampler, prompt=prompt)) == before
        assert message in sampler.note["text"] and sampler.note["wrong"]
    assert numbers(send(sampler, prompt="Blue is")) == [] and not sampler.note["wrong"]
    assert numbers(send(sampler, undo=True)) == before
    assert sampler.face.shown["prompt"] == "Red is the first"


def test_a_new_draw_draws_anew_and_the_same_seed_the_same(sampler):
    def draws() -> list[int]:
        drawn = []
        for _ in range(8):
            drawn += numbers(send(sampler, take=["drawn", None]))
            settled(send(sampler, undo=True))
        return drawn

    settled(send(sampler, set={"temperature": 3.0, "top_k": 100}))
    first = draws()
    assert len(set(first)) > 1 and draws() != first
    settled(send(sampler, set={"seed": 0}))
    assert draws() == first


def test_the_page_has_the_choices_and_without_scripts_a_table(tiny):
    panel = nl.StepSampler(tiny, EVIL)
    assert len(page_state(panel)["shown"]["choices"]) == 10 and is_escaped(panel.still())
