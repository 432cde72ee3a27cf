"""The live lerp slider: the texts of the notebook's tables, other prompts, other ways, bad input."""

import html
import re

import pandas as pd
import pytest
from helpers.panels import EVIL, A, B, P, all_widgets, lerp_slider, settled, text_of

import nokenlab as nl
from nokenlab.experiments import lerp
from nokenlab.interpolation import WAYS
from nokenlab.panels.panel import LONGEST


@pytest.fixture
def slider(tiny):
    """A lerp slider, and its two tables."""
    return lerp_slider(tiny)


def said(panel, way: str) -> list[str]:
    """The texts on the pages of a way."""
    return [text_of(page.value) for page in panel.pages[way]]


def test_the_slider_says_at_p_what_the_table_says_at_p(slider):
    panel, sweep, leading = slider
    assert panel.widget
    for way in ("lerp", "slerp"):
        along = sweep[sweep["way"] == way]
        assert said(panel, way) == along["response"].tolist()
        for p, page in zip(P, panel.pages[way], strict=True):
            rows = leading[(leading["way"] == way) & (leading["p"] == p)]
            told = re.findall(r'nk-number">([0-9.]+)<', page.value)
            assert told == [f"{value:.3f}" for value in rows["probability"]]
            assert f"p = {p:g} ·" in page.value


def test_the_slider_needs_no_kernel(slider):
    panel, *_ = slider
    assert panel.widget
    links = [w for w in all_widgets() if type(w).__name__ == "Link"]
    ends = {(link.source[0].model_id, link.source[1], link.target[1]) for link in links}
    assert (panel.slider.model_id, "index", "selected_index") in ends
    assert (panel.way.model_id, "index", "selected_index") in ends


def test_every_way_has_a_button_and_those_not_in_the_sweep_wait(slider, tiny):
    panel, sweep, _ = slider
    assert panel.widget and panel.way.options == tuple(WAYS)
    assert panel.way.tooltips == tuple(way.tip for way in WAYS.values())
    assert all("press Blend" in page.value for page in panel.pages["slerp about c"])
    panel.way.value = "slerp about c"  # blends by itself
    about = lerp.blend(tiny, A, B, P, "slerp about c", 4)["response"].tolist()
    assert said(settled(panel), "slerp about c") == about
    assert said(panel, "lerp") + said(panel, "slerp") == sweep["response"].tolist()
    assert list(panel.views) == list(WAYS)


def test_other_prompts_are_blended_and_the_other_ways_wait(slider, tiny):
    panel, *_ = slider
    assert panel.widget
    panel.a.value, panel.b.value = "Red is the", "Blue is the"
    panel.blend()
    settled(panel)
    tables = {way: lerp.blend(tiny, "Red is the", "Blue is the", P, way, 4)["response"] for way in WAYS}
    for way in ("slerp", "slerp about c"):
        assert all("press Blend" in page.value for page in panel.pages[way])
        panel.way.value = way  # blends by itself
        settled(panel)
    for way, table in tables.items():  # the first is still there
        assert said(panel, way) == table.tolist()


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
    panel, sweep, _ = slider
    assert panel.widget
    panel.a.value, panel.b.value = a, b
    panel.blend()
    settled(panel)
    assert message in html.unescape(panel.note.value) and "Error" in panel.note.value
    assert "<script" not in panel.note.value
    assert text_of(panel.pages["lerp"][1].value) == sweep["response"].iloc[1]


def test_a_very_fine_sweep_has_no_more_pages_than_a_slider_has_places(tiny):
    p = lerp.grid(403)
    sweep = pd.DataFrame({"p": p, "way": "lerp", "response": "x"})
    panel = nl.LerpSlider(tiny, A, B, sweep, pd.DataFrame({"p": [], "way": [], "after": []}))
    assert panel.p[0] == 0 and len(panel.p) == len(panel.views["lerp"]["pages"]) == 135
