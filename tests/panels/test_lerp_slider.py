"""The lerp slider without a browser: its views of the tables, its page, other prompts, bad input."""

import json

import pandas as pd
import pytest
import torch
from helpers.panels import EVIL, A, B, P, is_escaped, lerp_slider, page_state, settled

import nokenlab as nl
from nokenlab.answers import blends
from nokenlab.interpolation import INTERPOLATIONS
from nokenlab.panels.lerp_slider import still, view
from nokenlab.panels.panel import LONGEST

NOTHING = pd.DataFrame({"p": [], "way": [], "after": [], "token": [], "probability": []})
C, D = "Red is the", "Blue is the"


@pytest.fixture
def slider(tiny):
    """A lerp slider that is shown, and its two tables."""
    panel, *tables = lerp_slider(tiny)
    assert panel.widget
    return panel, *tables


def texts(view: dict) -> list[str]:
    """The answers of a view, for each p."""
    return view["response"]


def send(panel, **content) -> None:
    """Send what the page sends, and wait until it is done."""
    panel.face._handle_custom_msg({"pad": "", **content}, [])
    settled(panel)


def sweep_of(p: list[float], responses: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"p": p, "way": "lerp", "response": responses})


def test_rows_may_come_in_any_order_and_be_but_one(tiny):
    rows = sweep_of([0, 0.1, 0.5, 0.9, 1.0], ["x", "y", "y", "x", "x"])
    shown = view(tiny, (A, B), rows, NOTHING)
    assert texts(shown) == rows["response"].tolist()
    assert view(tiny, (A, B), rows.iloc[[2, 0, 1, 4, 3]], NOTHING) == shown
    alone = view(tiny, (A, B), rows.head(1), NOTHING)
    assert texts(alone) == ["x"] and alone["leading"] is None


def test_the_text_that_both_prompts_share_is_shown(tiny):
    shown = view(tiny, (A, B), sweep_of([0, 1], ["x", "y"]), NOTHING)
    tokens = [tiny.tokens(prompt)["token"].tolist() for prompt in (A, B)]
    same = [a if a == b else "▢" for a, b in zip(*tokens, strict=True)]
    assert shown["before"] == "".join(same) and "▢" in same


def test_without_scripts_there_is_a_table_and_its_texts_are_escaped(tiny):
    table = still({"lerp": view(tiny, (A, B), sweep_of([0, 1], [EVIL, EVIL]), NOTHING)})
    assert is_escaped(table) and "0 to 1" in table and A in table


def test_the_live_slider_and_the_page_have_the_texts_of_the_tables(slider):
    panel, sweep, leading = slider
    state = page_state(panel)
    assert state["views"] == json.loads(json.dumps(panel.face.views))
    for name in ("lerp", "slerp"):
        shown, rows = panel.face.views[name], leading[leading["way"] == name]
        assert texts(shown) == sweep.loc[sweep["way"] == name, "response"].tolist()
        assert shown["p"] == P and shown["prompts"] == [A, B]
        assert shown["leading"]["after"] == rows["after"].iloc[0]
        for p, probabilities in zip(P, shown["leading"]["probability"], strict=True):
            assert probabilities == rows.loc[rows["p"] == p, "probability"].tolist()


def test_every_interpolation_has_a_button_and_those_not_in_the_sweep_wait(slider, tiny):
    panel, sweep, _ = slider
    assert panel.face.ways == [{"name": name, "tip": kind.tip} for name, kind in INTERPOLATIONS.items()]
    assert list(panel.face.views) == ["lerp", "slerp"] and panel.face.way == "lerp"
    send(panel, blend=[A, B], way="slerp about c")  # as a click on its button does
    views = panel.face.views
    about = blends.blend(tiny, A, B, P, "slerp about c", 4)["response"].tolist()
    assert texts(views["slerp about c"]) == about
    assert texts(views["lerp"]) + texts(views["slerp"]) == sweep["response"].tolist()


def test_other_prompts_are_blended_and_the_other_interpolations_wait(slider, tiny):
    panel, *_ = slider
    for count, name in enumerate(INTERPOLATIONS, start=1):
        send(panel, blend=[C, D], way=name)
        assert len(panel.face.views) == count  # those of the prompts before are gone
        assert panel.face.views[name]["prompts"] == [C, D]
    for name in INTERPOLATIONS:
        assert texts(panel.face.views[name]) == blends.blend(tiny, C, D, P, name, 4)["response"].tolist()
    assert panel.face.progress == [0, 0] and "4 blends answered" in panel.note["text"]


def test_a_blend_is_counted_and_can_be_stopped(slider):
    panel, *_ = slider
    seen = []
    panel.face.observe(lambda change: seen.append(change["new"]), "progress")
    send(panel, blend=[C, D], way="lerp")
    done = [done for done, of in seen if of]
    assert done == list(range(len(done))) and len(done) > 2 and seen[-1] == [0, 0]
    before = panel.face.views
    panel.face.observe(lambda change: change["new"][0] == 1 and panel.stop(), "progress")
    send(panel, blend=[A, B], way="lerp")
    assert panel.face.views == before and "stopped" in panel.note["text"]


@pytest.mark.parametrize(
    "a, b, message",
    [
        ("", B, "prompt is empty"),
        ("Whippets are very quick dogs", B, "same number of tokens"),
        ("🙂", "a", "same number of tokens"),
        (EVIL, B, "same number of tokens"),
        ("word " * 2000, B, f"at most {LONGEST}"),
        (A, A, "nothing to blend"),
        ("The <noken> is", B, "<noken>"),
    ],
)
def test_bad_prompts_leave_the_slider_as_it_was(slider, a, b, message):
    panel, *_ = slider
    before = panel.face.views
    send(panel, blend=[a, b], way="lerp")
    assert message in panel.note["text"] and panel.note["wrong"]
    assert panel.face.views is before and panel.face.progress == [0, 0]


def test_a_very_fine_sweep_is_thinned(tiny):
    p = blends.grid(403)
    panel = nl.LerpSlider(tiny, A, B, sweep_of(p, ["x"] * 403), NOTHING)
    assert panel.p[0] == 0 and len(panel.p) == len(panel.views["lerp"]["response"]) == 135


def test_unequal_prompts_are_shown_under_each_other_and_can_be_padded(slider, tiny):
    panel, *_ = slider
    short, long = "Red is the", "Blue is the very first"
    send(panel, blend=[long, short], way="lerp")
    assert [len(tokens) for tokens in panel.face.unequal] == [len(tiny.ids(long)), len(tiny.ids(short))]
    for pad, vector in (("centroid", tiny.space.centroid), ("last", tiny.embed(short)[0, -1])):
        send(panel, blend=[long, short], way="lerp", pad=pad)
        assert panel.face.unequal == [] and panel.face.views["lerp"]["prompts"] == [long, short + "<pad>" * 2]
        missing = vector.expand(1, 2, -1)
        ends = torch.cat([tiny.embed(short), missing.to(tiny.dtype)], dim=1)
        assert texts(panel.face.views["lerp"])[-1] == tiny.generate(ends, 4)[0]
