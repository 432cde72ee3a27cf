"""States read out: the prompt's own change nothing, rows stand alone, hooks go."""

import pytest
import torch

from nokenlab.decode.hidden_states import layers
from nokenlab.readout import patching

TEXT = "White whippets are"
PROMPT = "Red is <noken> is"


def hooks(lab) -> int:
    return sum(len(x._forward_pre_hooks) + len(x._forward_hooks) for x in layers(lab.model))


def test_another_state_changes_what_is_read_from_its_layer_on(tiny):
    states = tiny.states(TEXT)  # (layers + 1, tokens, width)
    for layer in range(len(states)):
        logits = patching.read_logits(tiny, states[layer], PROMPT[:-3], layer)  # the noken is last
        assert len(logits) == states.shape[1] and (logits[0] - logits[1]).abs().max() > 1e-4
    assert hooks(tiny) == 0


def test_what_leaves_the_last_layer_is_read_by_the_head_alone(tiny):
    logits = patching.read_logits(tiny, tiny.states(TEXT)[-1, -1:], "Red is <noken>", len(layers(tiny.model)))
    torch.testing.assert_close(logits, tiny.logits(TEXT), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("layer", [None, 0, 1, 2])
def test_a_row_says_the_same_alone_and_among_others(tiny, layer):
    states = tiny.states(TEXT)[1]
    together = patching.read_texts(tiny, states, PROMPT, layer, 3)
    assert together == [patching.read_texts(tiny, row[None], PROMPT, layer, 3)[0] for row in states]
    logits = patching.read_logits(tiny, states, PROMPT, layer)
    torch.testing.assert_close(logits[:1], patching.read_logits(tiny, states[:1], PROMPT, layer))
    steps = list(patching.read_out(tiny, states[:1], PROMPT, layer, 3))
    torch.testing.assert_close(steps[0].logits, logits[:1])


def test_each_row_may_have_a_layer_of_its_own(tiny):
    states, layer = tiny.states(TEXT)[:, 1], [0, 1, 2]
    together = patching.read_logits(tiny, states, PROMPT, layer)
    alone = [patching.read_logits(tiny, states[i][None], PROMPT, i) for i in layer]
    torch.testing.assert_close(together, torch.cat(alone))
    assert patching.read_texts(tiny, states, PROMPT, layer, 2) == [
        patching.read_texts(tiny, states[i][None], PROMPT, i, 2)[0] for i in layer
    ]


def test_an_embedding_says_what_its_word_says(tiny):
    embedding = tiny.embed(TEXT)[0, -1:]
    texts = patching.read_texts(tiny, embedding, "Red is <noken>", max_new_tokens=3)
    assert texts == tiny.generate(torch.cat([tiny.embed("Red is"), embedding[None]], dim=1), 3)


def test_hooks_go_when_a_run_is_left_or_fails(tiny):
    steps = patching.read_out(tiny, tiny.states(TEXT)[1], PROMPT, 1, 3)
    next(steps)
    steps.close()
    with pytest.raises(ZeroDivisionError), patching.patched(tiny.model, 1, 0, torch.zeros(1, tiny.width)):
        1 / 0  # noqa: B018
    assert hooks(tiny) == 0


@pytest.mark.parametrize(
    "prompt, layer, message",
    [
        ("Red is", 1, "<noken>"),
        (PROMPT, 9, "from 0 to 2, got 9"),
        (PROMPT, 1.5, "whole number"),
        (PROMPT, [1], "one for each"),
    ],
)
def test_a_bad_prompt_or_layer(tiny, prompt, layer, message):
    with pytest.raises(ValueError, match=message):
        patching.read_texts(tiny, tiny.states(TEXT)[1], prompt, layer)


@pytest.mark.parametrize("layer", [None, 1])
def test_bad_states(tiny, layer):
    for states, message in {
        torch.zeros(1, 3): r"width|\(rows, 32\), got \(1, 3\)",
        torch.full((1, tiny.width), torch.nan): "finite",
    }.items():
        with pytest.raises(ValueError, match=message):
            patching.read_texts(tiny, states, PROMPT, layer)
