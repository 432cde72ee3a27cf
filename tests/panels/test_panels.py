"""The panels without a browser: the same numbers as the notebooks' tables, bad input, what is kept."""

import base64
import html
import io
import re

import pandas as pd
import pytest
import torch
from helpers.panels import EVIL, A, B, P, all_widgets, lerp_slider, settled, text_of

import nokenlab as nl
from nokenlab.experiments import lerp, random_nokens
from nokenlab.panels.panel import LONGEST
from nokenlab.panels.token_view import SHOWN


@pytest.fixture
def slider(tiny):
    """A lerp slider, and its two tables."""
    return lerp_slider(tiny)


def test_the_slider_says_at_p_what_the_table_says_at_p(slider):
    panel, sweep, leading = slider
    assert panel.widget
    for way in ("lerp", "slerp"):
        along = sweep[sweep["way"] == way]
        assert [text_of(page.value) for page in panel.pages[way]] == along["response"].tolist()
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


def test_other_prompts_are_blended_and_the_other_method_waits(slider, tiny):
    panel, *_ = slider
    assert panel.widget
    panel.a.value, panel.b.value = "Red is the", "Blue is the"
    panel.blend()
    settled(panel)
    table = lerp.blend(tiny, "Red is the", "Blue is the", P, "lerp", 4)
    assert [text_of(page.value) for page in panel.pages["lerp"]] == table["response"].tolist()
    assert all("press Blend" in page.value for page in panel.pages["slerp"])
    panel.way.value = "slerp"  # blends by itself
    settled(panel)
    table = lerp.blend(tiny, "Red is the", "Blue is the", P, "slerp", 4)
    assert [text_of(page.value) for page in panel.pages["slerp"]] == table["response"].tolist()
    assert [text_of(page.value) for page in panel.pages["lerp"]]  # still there


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


def test_the_explorer_says_what_the_table_of_the_notebook_says(tiny):
    prompt = "Red is a color"
    panel = nl.NokenExplorer(tiny, prompt, 0, 3, 5)
    assert panel.widget
    table = random_nokens.replacements(tiny, prompt, 0, [3, 4], 5).set_index(["scale", "seed"])
    assert text_of(panel.text.value) == table.loc[("token norm", 3), "response"]
    panel.seed.value = 4
    assert text_of(settled(panel).text.value) == table.loc[("token norm", 4), "response"]
    for scale in ("article", "real token"):
        panel.scale.value = scale
        assert text_of(settled(panel).text.value) == table.loc[(scale, 4), "response"]
        assert panel.size.disabled
    panel.scale.value = "true token"
    assert text_of(settled(panel).text.value) == tiny.generate(prompt, 5)[0]


def test_the_explorer_puts_nokens_at_a_distance_from_the_centroid(tiny):
    panel = nl.NokenExplorer(tiny, "Red is a color", -1, 3, 5)
    assert panel.widget and panel.position.value == len(tiny.ids("Red is a color")) - 1
    panel.scale.value, panel.size.value = "centroid", 0.5
    row = settled(panel).whole
    distance = 0.5 * tiny.space.distances.median().item()
    noken = nl.shell(tiny.space.centroid, 3, distance)[0]
    assert (noken - tiny.space.centroid).norm().item() == pytest.approx(distance, rel=1e-4)
    prompt = nl.replace(tiny.embed("Red is a color"), -1, noken)
    assert row["response"] == tiny.generate(prompt, 5)[0] == text_of(panel.text.value)


def test_what_a_page_rounds_is_no_move(tiny):
    panel = nl.NokenExplorer(tiny, "Red is a color", max_new_tokens=3)
    assert panel.widget
    panel.size.value = 1.0000000000000002
    assert not panel.latest.counts


def test_keeping_rows_gives_a_csv(tiny):
    panel = nl.NokenExplorer(tiny, 'Red is, "a" color', max_new_tokens=3)
    assert panel.widget
    panel._keep(None)
    panel.seed.value = 1
    settled(panel)._keep(None)
    data = re.search(r'download="kept-nokens.csv" href="data:text/csv;base64,([^"]+)"', panel.table.value)[1]
    table = pd.read_csv(io.BytesIO(base64.b64decode(data)), keep_default_na=False)
    assert table["seed"].tolist() == [0, 1] and table["prompt"].tolist() == ['Red is, "a" color'] * 2
    assert table["response"].tolist() == [row["response"] for row in panel.kept]


@pytest.mark.parametrize(
    "prompt, message", [("", "prompt is empty"), ("x " * 5000, f"up to {LONGEST}"), ("\ud83d", "Error")]
)
def test_bad_prompts_leave_the_explorer_at_work(tiny, prompt, message):
    panel = nl.NokenExplorer(tiny, "Red is a color", max_new_tokens=3)
    assert panel.widget
    panel.prompt.value = prompt
    assert message in settled(panel).note.value
    panel.prompt.value = EVIL
    settled(panel)
    assert "Error" not in panel.note.value and "<script" not in panel.text.value
    assert text_of(panel.text.value) == panel.whole["response"]


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
    own = tiny.logits(fed).softmax(-1)[0, drawn.number].item()
    assert drawn.how == "drawn" and drawn.probability == pytest.approx(own, rel=1e-3)
    assert "▢" in text_of(panel.text.value) and "noken 7" in panel.text.value
    assert sum("ruled out" in bar.value for bar in panel.bars) == 7  # top-k leaves three of ten
    panel.temperature.value = 0.5
    assert len(settled(panel).path) == 3
    panel.prompt.value = ""
    assert "prompt is empty" in settled(panel).note.value
    panel.prompt.value = "Blue is"
    assert settled(panel).path == [] and "Error" not in panel.note.value


def test_tokens_as_typed(tiny):
    panel = nl.TokenView(tiny)
    assert panel.widget
    panel.text.value = EVIL + " 🙂"
    assert "<script" not in settled(panel).tokens.value
    assert panel.tokens.value.count("<small>") == len(tiny.tokens(EVIL + " 🙂"))
    panel.text.value = ""
    assert "prompt is empty" in settled(panel).note.value and not panel.tokens.value
    panel.text.value = "word " * 2000
    settled(panel)
    assert f"the first {SHOWN} of {len(tiny.tokens('word ' * 2000)):,}" in panel.tokens.value
    assert panel.tokens.value.count("<small>") == SHOWN and not panel.note.value
