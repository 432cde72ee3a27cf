"""The live lerp slider: the texts of the notebook's tables, other prompts, other ways, bad input."""

import html

import pandas as pd
import pytest
from helpers.panels import EVIL, A, B, P, lerp_slider, settled

import nokenlab as nl
from nokenlab.answers import blends as lerp
from nokenlab.interpolation import INTERPOLATIONS
from nokenlab.panels.panel import LONGEST


@pytest.fixture
def slider(tiny):
    """A lerp slider that is shown, and its two tables."""
    panel, *tables = lerp_slider(tiny)
    assert panel.widget
    return panel, *tables


def said(panel, way: str) -> list[str]:
    """The texts that the face has for the places of a way."""
    view = panel.face.views[way]
    return [view["plateaus"][number]["response"] for number in view["of"]]


def wish(panel, **content) -> None:
    """Send what the page sends, and wait until it is done."""
    panel.face._handle_custom_msg(content, [])
    settled(panel)


def test_the_slider_says_at_p_what_the_table_says_at_p(slider):
    panel, sweep, leading = slider
    for way in ("lerp", "slerp"):
        view, rows = panel.face.views[way], leading[leading["way"] == way]
        assert said(panel, way) == sweep.loc[sweep["way"] == way, "response"].tolist()
        assert view["p"] == P and view["prompts"] == [A, B]
        assert view["leading"]["after"] == rows["after"].iloc[0]
        for p, probability in zip(P, view["leading"]["probability"], strict=True):
            assert probability == rows.loc[rows["p"] == p, "probability"].tolist()


def test_every_way_has_a_button_and_those_not_in_the_sweep_wait(slider, tiny):
    panel, sweep, _ = slider
    assert panel.face.ways == [{"name": name, "tip": way.tip} for name, way in INTERPOLATIONS.items()]
    assert list(panel.face.views) == ["lerp", "slerp"] and panel.face.way == "lerp"
    wish(panel, blend=[A, B], way="slerp about c")  # as a click on its button does
    about = lerp.blend(tiny, A, B, P, "slerp about c", 4)["response"].tolist()
    assert said(panel, "slerp about c") == about
    assert said(panel, "lerp") + said(panel, "slerp") == sweep["response"].tolist()


def test_other_prompts_are_blended_and_the_other_ways_wait(slider, tiny):
    panel, *_ = slider
    for done, way in enumerate(INTERPOLATIONS, start=1):
        wish(panel, blend=["Red is the", "Blue is the"], way=way)
        assert len(panel.face.views) == done  # those of the prompts before are gone
        assert panel.face.views[way]["prompts"] == ["Red is the", "Blue is the"]
    for way in INTERPOLATIONS:
        assert (
            said(panel, way) == lerp.blend(tiny, "Red is the", "Blue is the", P, way, 4)["response"].tolist()
        )
    assert panel.face.progress == [0, 0] and "4 blends answered" in panel.note.value


def test_a_blend_is_counted_and_can_be_stopped(slider):
    panel, *_ = slider
    seen = []
    panel.face.observe(lambda change: seen.append(change["new"]), "progress")
    wish(panel, blend=["Red is the", "Blue is the"], way="lerp")
    done = [done for done, of in seen if of]
    assert done == list(range(len(done))) and len(done) > 2 and seen[-1] == [0, 0]
    before = panel.face.views
    panel.face.observe(lambda change: change["new"][0] == 1 and panel.stop(), "progress")
    wish(panel, blend=[A, B], way="lerp")
    assert panel.face.views == before and "stopped" in panel.note.value


@pytest.mark.parametrize(
    "a, b, message",
    [
        ("", B, "prompt is empty"),
        ("Whippets are very quick dogs", B, "same number of tokens"),
        ("🙂", "a", "same number of tokens"),
        (EVIL, B, "same number of tokens"),
        ("word " * 2000, B, f"up to {LONGEST}"),
        (A, A, "nothing to blend"),
    ],
)
def test_bad_prompts_leave_the_slider_as_it_was(slider, a, b, message):
    panel, *_ = slider
    before = panel.face.views
    wish(panel, blend=[a, b], way="lerp")
    assert message in html.unescape(panel.note.value) and "Error" in panel.note.value
    assert "<script" not in panel.note.value
    assert panel.face.views is before and panel.face.progress == [0, 0]


def test_a_very_fine_sweep_has_no_more_pages_than_a_slider_has_places(tiny):
    p = lerp.grid(403)
    sweep = pd.DataFrame({"p": p, "way": "lerp", "response": "x"})
    panel = nl.LerpSlider(tiny, A, B, sweep, pd.DataFrame({"p": [], "way": [], "after": []}))
    assert panel.p[0] == 0 and len(panel.p) == len(panel.views["lerp"]["of"]) == 135
