"""The explorer without a kernel: its answers are those of the model, and two controls choose among them."""

import json
import re

import pytest
from helpers.panels import EVIL, is_escaped

import nokenlab as nl
from nokenlab.errors import LARGEST_SEED
from nokenlab.panels import markup
from nokenlab.panels.noken_explorer_grid import SEEDS, SIZES, grid, still
from nokenlab.prompt import fill

PROMPT = "Red is a color"


def test_answers_are_those_of_each_noken_alone(tiny):
    found = grid(tiny, PROMPT, 2, 3, 5)
    assert found["names"] == [f"seed {seed}" for seed in range(3, 9)] and found["sizes"] == list(SIZES)
    for seed, norms, said in zip(range(3, 9), found["norms"], found["response"], strict=True):
        noken = nl.rescale(nl.random_nokens(tiny.width, [seed]), tiny.space.median_norm)
        for size, norm, text in zip(SIZES, norms, said, strict=True):
            prompt = nl.replace(tiny.embed(PROMPT), 2, noken * size)
            assert text == tiny.generate(prompt, 5)[0]
            assert norm == pytest.approx((noken * size).norm().item(), rel=1e-4)
    tokens = tiny.tokens(PROMPT)["token"].tolist()
    assert found["before"] == "".join(tokens[:2]) and found["after"] == "".join(tokens[3:])


def test_the_last_seeds_there_are_have_a_page_too(tiny):
    found = grid(tiny, PROMPT, 2, LARGEST_SEED, 1)
    assert found["names"][-1] == f"seed {LARGEST_SEED}" and len(found["response"]) == SEEDS


def test_a_noken_with_a_name_is_the_first(tiny):
    blorp = nl.random_nokens(tiny.width, 7)[0]
    found = grid(tiny.with_nokens(blorp=blorp), "The <blorp> is a color", 1, 3, 5)
    assert found["names"][:2] == ["<blorp>", "seed 3"] and len(found["response"]) == SEEDS + 1
    for size, norm, text in zip(SIZES, found["norms"][0], found["response"][0], strict=True):
        assert text == tiny.generate(fill(tiny, "The <noken> is a color", blorp * size), 5)[0]
        assert norm == pytest.approx(size * blorp.norm().item(), rel=1e-4)


def test_the_nearest_token_is_that_of_the_seed(tiny):
    found = grid(tiny, PROMPT, 0, 0, 2)
    near = tiny.space.nearest(nl.random_nokens(tiny.width, range(SEEDS)), k=1)
    assert found["nearest"] == [markup.visible(token) for token in near["token"]]
    assert found["cosine"] == pytest.approx(near["cosine"].tolist(), abs=1e-3)


def test_the_twin_holds_the_grid_and_without_scripts_a_table(tiny):
    panel = nl.NokenExplorer(tiny, EVIL, -1, 1, 3)
    (data,) = re.findall(r'<script type="application/json">(.*?)</script>', panel.twin(), re.DOTALL)
    found = grid(tiny, EVIL, len(tiny.ids(EVIL)) - 1, 1, 3)
    assert json.loads(data) == {"grid": found, "live": False}
    assert panel.twin() == panel.twin() and panel.grid is panel.grid  # shown again, it is not answered again
    assert is_escaped(still(found | {"after": EVIL}))
    assert still(found).count("<tr>") == SEEDS + 1
