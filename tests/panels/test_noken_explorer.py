"""The noken explorer: the texts of the notebook's table, what is kept, bad input, and its grid for a page."""

import base64
import io
import re

import pandas as pd
import pytest
from helpers.panels import EVIL, is_escaped, page_state, settled, text_of

import nokenlab as nl
from nokenlab.errors import LARGEST_SEED
from nokenlab.panels import markup
from nokenlab.panels.noken_explorer import SEEDS, SIZES, answer_grid, still
from nokenlab.panels.panel import LONGEST
from workbook.random_nokens import tables as random_nokens

PROMPT = "Red is a color"
NAMED, FILLED = "The <blorp> is a color", "The <noken> is a color"


@pytest.fixture
def explorer(tiny):
    panel = nl.NokenExplorer(tiny, PROMPT, 0, 3, 5)
    assert panel.widget
    return panel


@pytest.fixture(scope="module")
def blorp(tiny):
    return nl.random_nokens(tiny.width, 7)[0]


def test_the_explorer_says_what_the_table_of_the_notebook_says(tiny, explorer):
    table = random_nokens.replacements(tiny, PROMPT, 0, [3, 4], 5).set_index(["scale", "seed"])["response"]
    assert text_of(explorer.text.value) == table["token norm", 3]
    explorer.size.value = 1.0000000000000002  # as a page rounds it
    assert not explorer.latest.counts
    explorer.seed.value = 4
    assert text_of(settled(explorer).text.value) == table["token norm", 4]
    for scale in ("article", "real token"):
        explorer.scale.value = scale
        assert text_of(settled(explorer).text.value) == table[scale, 4]
        assert explorer.size.disabled
    explorer.scale.value = "true token"
    assert text_of(settled(explorer).text.value) == tiny.generate(PROMPT, 5)[0]


def test_the_explorer_puts_nokens_at_a_distance_from_the_centroid(tiny):
    panel = nl.NokenExplorer(tiny, PROMPT, -1, 3, 5)
    assert panel.widget and panel.position.value == len(tiny.ids(PROMPT)) - 1
    panel.scale.value, panel.size.value = "centroid", 0.5
    row = settled(panel).complete
    distance = 0.5 * tiny.space.distances.median().item()
    noken = nl.shell(tiny.space.centroid, 3, distance)[0]
    assert (noken - tiny.space.centroid).norm().item() == pytest.approx(distance, rel=1e-4)
    filled = nl.replace(tiny.embed(PROMPT), -1, noken)
    assert row["response"] == tiny.generate(filled, 5)[0] == text_of(panel.text.value)


def test_a_named_noken_is_the_first_to_be_seen_and_has_sizes(tiny, blorp):
    lab = tiny.with_nokens(blorp=blorp)
    panel = nl.NokenExplorer(lab, NAMED, 1, 3, 5)
    assert panel.widget and not panel.size.disabled
    for size in (1.0, 0.5):
        panel.size.value = size
        text = tiny.generate(nl.fill(tiny, FILLED, blorp * size), 5)[0]
        assert text_of(settled(panel).text.value) == text
    grid = answer_grid(lab, NAMED, 1, 3, 5)
    assert grid["names"][:2] == ["<blorp>", "seed 3"] and len(grid["response"]) == SEEDS + 1
    for size, norm, text in zip(SIZES, grid["norms"][0], grid["response"][0], strict=True):
        assert text == tiny.generate(nl.fill(tiny, FILLED, blorp * size), 5)[0]
        assert norm == pytest.approx(size * blorp.norm().item(), rel=1e-4)


def test_keeping_rows_gives_a_csv(tiny):
    panel = nl.NokenExplorer(tiny, 'Red is, "a" color', max_new_tokens=3)
    assert panel.widget
    panel._keep(None)
    panel.seed.value = 1
    settled(panel)._keep(None)
    data = re.search(r'download="kept-nokens.csv" href="data:text/csv;base64,([^"]+)"', panel.table.value)[1]
    table = pd.read_csv(io.BytesIO(base64.b64decode(data)), keep_default_na=False)
    assert table["seed"].tolist() == [0, 1] and table["prompt"].tolist() == ['Red is, "a" color'] * 2
    assert table["response"].tolist() == [row["response"] for row in panel.saved]


@pytest.mark.parametrize(
    "prompt, message",
    [
        ("", "prompt is empty"),
        ("x " * 5000, f"at most {LONGEST}"),
        ("\ud83d", "Error"),
        ("The <noken> is", "&lt;noken&gt;"),
    ],
)
def test_bad_prompts_leave_the_explorer_at_work(explorer, prompt, message):
    explorer.prompt.value = prompt
    assert message in settled(explorer).note.value and "Error" in explorer.note.value
    explorer.prompt.value = EVIL
    settled(explorer)
    assert "Error" not in explorer.note.value and "<script" not in explorer.text.value
    assert text_of(explorer.text.value) == explorer.complete["response"]


def test_the_grid_has_the_answer_of_each_noken_alone(tiny):
    grid = answer_grid(tiny, PROMPT, 2, 3, 5)
    assert grid["names"] == [f"seed {seed}" for seed in range(3, 9)] and grid["sizes"] == list(SIZES)
    nokens = nl.random_nokens(tiny.width, range(3, 9), norm=tiny.space.median_norm)
    for noken, norms, texts in zip(nokens, grid["norms"], grid["response"], strict=True):
        for size, norm, text in zip(SIZES, norms, texts, strict=True):
            assert text == tiny.generate(nl.replace(tiny.embed(PROMPT), 2, noken * size), 5)[0]
            assert norm == pytest.approx((noken * size).norm().item(), rel=1e-4)
    tokens = tiny.tokens(PROMPT)["token"].tolist()
    assert grid["before"] == "".join(tokens[:2]) and grid["after"] == "".join(tokens[3:])
    nearest = tiny.space.nearest(nokens, k=1)
    assert grid["nearest"] == [markup.visible(token) for token in nearest["token"]]
    assert grid["cosine"] == pytest.approx(nearest["cosine"].tolist(), abs=1e-3)


def test_the_largest_seed_has_a_grid_too(tiny):
    grid = answer_grid(tiny, PROMPT, 2, LARGEST_SEED, 1)
    assert grid["names"][-1] == f"seed {LARGEST_SEED}" and len(grid["response"]) == SEEDS


def test_the_page_holds_the_grid_and_without_scripts_a_table(tiny):
    panel = nl.NokenExplorer(tiny, EVIL, -1, 1, 3)
    grid = answer_grid(tiny, EVIL, len(tiny.ids(EVIL)) - 1, 1, 3)
    assert page_state(panel) == {"grid": grid, "live": False}
    assert panel.grid is panel.grid  # shown again, it is not answered again
    assert is_escaped(still(grid | {"after": EVIL}))
    assert still(grid).count("<tr>") == SEEDS + 1
