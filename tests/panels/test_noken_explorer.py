"""The noken explorer: the texts of the notebook's table, what is kept, bad input."""

import base64
import io
import re

import pandas as pd
import pytest
from helpers.panels import EVIL, settled, text_of

import nokenlab as nl
from nokenlab.panels.panel import LONGEST
from nokenlab.prompt import fill
from workbook.random_nokens import tables as random_nokens


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


def test_a_noken_with_a_name_is_the_first_to_be_seen_and_has_sizes(tiny):
    blorp = nl.random_nokens(tiny.width, 7)[0]
    panel = nl.NokenExplorer(tiny.with_nokens(blorp=blorp), "The <blorp> is a color", 1, 3, 5)
    assert panel.widget and not panel.size.disabled
    for size in (1.0, 0.5):
        panel.size.value = size
        said = tiny.generate(fill(tiny, "The <noken> is a color", blorp * size), 5)[0]
        assert text_of(settled(panel).text.value) == said


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
