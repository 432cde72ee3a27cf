"""The reader of states without a browser: its table, reading live, sliding, its page, bad input."""

import html
import json

import pytest
from helpers.panels import EVIL, page_state, settled
from helpers.tiny_models import tiny_lab

import nokenlab as nl
from nokenlab.interpolation import between
from nokenlab.panels.state_reader import MOST_TOKENS, READINGS
from nokenlab.readout.patching import read_logits, read_texts
from nokenlab.spelling import spelled_token

PROMPT, ASKED = "White whippets are", "Red is Red; <noken> is"
SAME, RAW, SCALED = READINGS


@pytest.fixture
def panel(tiny):
    panel = nl.StateReader(tiny, PROMPT, ASKED, 3)
    assert panel.widget
    return settled(panel)


def answer_to(panel, **change) -> dict:
    """The answer once the browser has sent another selection."""
    panel.face.set_state({"selection": panel.face.selection | change})
    answer = settled(panel).face.answer
    assert answer["selection"] == panel.face.selection and not answer["running"], panel.note["text"]
    return answer


def text_of(lab, state, layer=None) -> str:
    return read_texts(lab, state[None], ASKED, layer, 3)[0]


def test_a_cell_has_what_its_state_says_first(panel, tiny):
    states = tiny.states(PROMPT)
    depth, tokens, _ = states.shape
    assert panel.view["layers"] == depth and len(panel.view["tokens"]) == tokens
    for layer in range(depth):
        best = nl.leading(tiny, read_logits(tiny, states[layer], ASKED, layer), 1)
        cells = slice(layer * tokens, (layer + 1) * tokens)
        row = [first for first, *_ in panel.cells["leading"][cells]]
        assert panel.cells["text"][cells] == best["token"].tolist()
        assert [token for token, _ in row] == [spelled_token(token) for token in best["token"]]
        assert [p for _, p in row] == pytest.approx(best["probability"].tolist(), abs=1e-4)
    assert panel.cells["norm"] == pytest.approx(states.float().norm(dim=-1).flatten().tolist(), rel=1e-4)


def test_each_reading_of_a_state(panel, tiny):
    state = tiny.states(PROMPT)[1, 0]
    scaled = nl.rescale(state, tiny.space.median_norm)
    for reading, put, layer in [(RAW, state, None), (SCALED, scaled, None), (SAME, state, 1)]:
        answer = answer_to(panel, **{"reading": reading, "from": [1, 0]})
        assert answer["text"] == text_of(tiny, put, layer) and answer["into"] == layer
        assert answer["norm"] == pytest.approx(put.norm().item(), rel=1e-4)
        assert panel.face.cells["reading"] == reading  # the table is made anew
        assert panel.face.cells["leading"][len(panel.view["tokens"])][0][0] == answer["leading"][0][0]


def test_between_two_states_and_at_both_ends(panel, tiny):
    states, ends = tiny.states(PROMPT), {"from": [0, 0], "to": [2, 1]}
    a, b = states[0, 0], states[2, 1]
    assert answer_to(panel, **ends, p=0)["text"] == text_of(tiny, a, 0)
    assert answer_to(panel, p=1)["text"] == text_of(tiny, b, 2)
    for name in ("lerp", "slerp"):
        (state,) = between(a, b, [0.3], name, tiny.space.centroid)
        answer = answer_to(panel, p=0.3, interpolation=name)
        assert answer["into"] == 1 and answer["text"] == text_of(tiny, state, 1)
        assert answer["norm"] == pytest.approx(state.norm().item(), rel=1e-4)


def test_another_sentence_has_its_own_table_and_what_is_chosen_is_in_it(panel, tiny):
    answer_to(panel, **{"reading": RAW, "from": [2, 1]})
    panel.hear({"sentence": "Red"})
    settled(panel)
    states = tiny.states("Red")
    assert panel.face.view["tokens"] == ["Red"] and panel.face.view["sentence"] == "Red"
    assert len(panel.face.cells["leading"]) == len(states) and panel.face.cells["reading"] == RAW
    assert panel.face.selection["from"] == [len(states) // 2, 0]
    assert panel.face.answer["text"] == text_of(tiny, states[len(states) // 2, 0])
    panel.hear({"sentence": "word " * 300})
    settled(panel)
    assert "at most" in panel.note["text"] and panel.face.view["tokens"] == ["Red"]


def test_what_the_prompt_says_anyway_and_tokens_as_far_as_random_vectors_are_told(panel, tiny):
    last = panel.view["layers"] - 1  # nothing reads a state that is put there
    assert {first for (first, _), *_ in panel.cells["leading"][last * len(panel.view["tokens"]) :]} == {
        panel.view["unpatched"]
    }
    assert answer_to(panel, **{"reading": RAW, "from": [0, 0]})["nearest"][0][1] == pytest.approx(1, abs=1e-4)
    panel.floor = 1.1
    assert answer_to(panel, **{"reading": RAW, "from": [0, 1]})["nearest"] == []


def test_where_embeddings_are_narrower_there_is_one_reading(lab):
    small = tiny_lab("opt", lab.tokenizer)
    panel = nl.StateReader(small, "Red is", ASKED, 2)
    assert panel.widget and [reading["name"] for reading in panel.view["readings"]] == [SAME]
    answer = settled(panel).face.answer
    assert (
        answer["nearest"] == []
        and answer["text"] == read_texts(small, small.states("Red is")[1, -1:], ASKED, 1, 2)[0]
    )


def test_the_page_without_a_kernel_has_the_same_table_escaped(tiny):
    panel = nl.StateReader(tiny, "<b>&", f"{EVIL} <noken> is")
    page = panel.twin()
    assert page_state(panel)["cells"] == json.loads(json.dumps(panel.cells))
    assert "&lt;script&gt;" in page and "<b>" not in page
    assert all(html.escape(f"{i} {token}") in page for i, token in enumerate(panel.view["tokens"]))


@pytest.mark.parametrize(
    "prompt, asked, message",
    [
        ("", ASKED, "empty"),
        ("word " * 300, ASKED, f"at most {MOST_TOKENS}"),
        (PROMPT, "Red is Red", "<noken>"),
        (PROMPT, "word " * 300 + ASKED, "128"),
    ],
)
def test_bad_input_is_said_at_once(tiny, prompt, asked, message):
    with pytest.raises(ValueError, match=message):
        nl.StateReader(tiny, prompt, asked)
