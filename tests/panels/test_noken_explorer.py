"""The noken explorer: the texts of the notebook's table, what is kept, bad input, and its grid for a page."""

import pytest
from helpers.panels import EVIL, is_escaped, page_state, settled

import nokenlab as nl
from nokenlab.errors import LARGEST_SEED
from nokenlab.panels.noken_explorer import SEEDS, SIZES, answer_grid, still
from nokenlab.panels.panel import LONGEST, follow
from nokenlab.runs.results import OUTPUT
from nokenlab.spelling import spelled_token
from workbook.random_nokens import tables as random_nokens

PROMPT = "Red is a color"
NAMED, FILLED = "The <blorp> is a color", "The <noken> is a color"


@pytest.fixture
def explorer(tiny):
    panel = nl.NokenExplorer(tiny, PROMPT, 0, 3, 5)
    assert panel.widget
    return settled(panel)


@pytest.fixture(scope="module")
def blorp(tiny):
    return nl.random_nokens(tiny.width, 7)[0]


def send(panel, **content):
    """Send what the face sends; the panel, without waiting."""
    panel.face._handle_custom_msg(content, [])
    return panel


def text(panel, **choice) -> str:
    """What the model says after a choice."""
    return settled(send(panel, choose=choice)).face.answer["text"]


def test_the_explorer_says_what_the_table_of_the_notebook_says(tiny, explorer):
    table = random_nokens.replacements(tiny, PROMPT, 0, [3, 4], 5).set_index(["scale", "seed"])["response"]
    assert explorer.face.answer["text"] == table["token norm", 3]
    assert explorer.face.answer["plain"] == tiny.generate(PROMPT, 5)[0]
    assert text(explorer, seed=4) == table["token norm", 4]
    for scale in ("article", "real token"):
        assert text(explorer, scale=scale) == table[scale, 4]
    assert text(explorer, scale="true token") == tiny.generate(PROMPT, 5)[0]


def test_the_explorer_puts_nokens_at_a_distance_from_the_centroid(tiny):
    panel = nl.NokenExplorer(tiny, PROMPT, -1, 3, 5)
    assert panel.widget and panel.choice.position == len(tiny.ids(PROMPT)) - 1
    response = text(panel, scale="centroid", size=0.5)
    distance = 0.5 * tiny.space.distances.median().item()
    noken = nl.shell(tiny.space.centroid, 3, distance)[0]
    assert panel.face.answer["distance"] == pytest.approx(distance, rel=1e-4)
    assert response == tiny.generate(nl.replace(tiny.embed(PROMPT), -1, noken), 5)[0]


def test_a_named_noken_is_the_first_to_be_seen_and_has_sizes(tiny, blorp):
    lab = tiny.with_nokens(blorp=blorp)
    panel = nl.NokenExplorer(lab, NAMED, 1, 3, 5)
    assert panel.widget
    for size in (1.0, 0.5):
        assert text(panel, size=size) == tiny.generate(nl.fill(tiny, FILLED, blorp * size), 5)[0]
    grid = answer_grid(lab, NAMED, 1, 3, 5)
    assert grid["names"][:2] == ["<blorp>", "seed 3"] and len(grid["response"]) == SEEDS + 1
    for size, norm, response in zip(SIZES, grid["norms"][0], grid["response"][0], strict=True):
        assert response == tiny.generate(nl.fill(tiny, FILLED, blorp * size), 5)[0]
        assert norm == pytest.approx(size * blorp.norm().item(), rel=1e-4)


def test_of_two_changes_right_behind_each_other_none_is_lost(tiny, explorer):
    settled(send(explorer, choose={"position": 2}))
    for prompt, position in (("Blue whales eat", 1), ("Hi", 0)):  # the noken stays as far from the end
        send(explorer, choose={"prompt": prompt})
        settled(send(explorer, choose={"seed": 3}))
        assert explorer.face.tokens == [spelled_token(token) for token in tiny.tokens(prompt)["token"]]
        noken = nl.random_nokens(tiny.width, 3, norm=tiny.space.median_norm)[0]
        filled = nl.replace(tiny.embed(prompt), explorer.choice.position, noken)
        assert explorer.choice.position == position
        assert explorer.face.answer["text"] == tiny.generate(filled, 5)[0]
        assert not explorer.note["wrong"] and not explorer.face.errors


def test_the_noken_stays_on_its_token_when_the_prompt_is_edited():
    assert follow([1, 2, 3], [1, 2, 3, 4], 1) == 1  # something is added behind it
    assert follow([1, 2, 3], [9, 9, 1, 2, 3], 1) == 3  # … or before it
    assert follow([1, 2, 3], [7], 2) == 0


def test_what_is_kept_is_the_choice_as_it_was_though_the_next_comes_right_behind(tiny, explorer):
    send(explorer, choose={"seed": 5})
    send(explorer, keep=True)
    settled(send(explorer, choose={"seed": 6}))
    settled(send(explorer, keep=True))
    table = random_nokens.replacements(tiny, PROMPT, 0, [5, 6], 5).set_index(["scale", "seed"])["response"]
    assert [row["seed"] for row in explorer.face.kept] == [5, 6]
    assert [row["response"] for row in explorer.face.kept] == table["token norm"].tolist()


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("prompt", "", "prompt is empty"),
        ("prompt", "x " * 5000, f"at most {LONGEST}"),
        ("prompt", "\ud83d", "not valid UTF-8"),
        ("prompt", "The <noken> is", "<noken>"),
        ("seed", -1, "from 0 to"),
        ("seed", None, "whole numbers"),
    ],
)
def test_an_error_is_at_its_field_and_goes_when_the_field_is_right(tiny, explorer, field, value, message):
    answer = explorer.face.answer
    settled(send(explorer, choose={field: value}))
    assert message in explorer.face.errors[field] and explorer.face.answer == answer
    settled(send(explorer, choose={"size": 2.0}))  # another field leaves it where it is
    assert list(explorer.face.errors) == [field]
    settled(send(explorer, choose={field: {"prompt": EVIL, "seed": 123456}[field]}))
    assert not explorer.face.errors and getattr(explorer.choice, field) in (EVIL, 123456)


def test_the_grid_has_the_answer_of_each_noken_alone(tiny):
    grid = answer_grid(tiny, PROMPT, 2, 3, 5)
    assert grid["names"] == [f"seed {seed}" for seed in range(3, 9)] and grid["sizes"] == list(SIZES)
    nokens = nl.random_nokens(tiny.width, range(3, 9), norm=tiny.space.median_norm)
    for noken, norms, texts in zip(nokens, grid["norms"], grid["response"], strict=True):
        for size, norm, response in zip(SIZES, norms, texts, strict=True):
            assert response == tiny.generate(nl.replace(tiny.embed(PROMPT), 2, noken * size), 5)[0]
            assert norm == pytest.approx((noken * size).norm().item(), rel=1e-4)
    tokens = tiny.tokens(PROMPT)["token"].tolist()
    assert grid["before"] == "".join(tokens[:2]) and grid["after"] == "".join(tokens[3:])
    nearest = tiny.space.nearest(nokens, k=1)
    assert [token for token, _ in grid["nearest"]] == [spelled_token(token) for token in nearest["token"]]
    assert [cosine for _, cosine in grid["nearest"]] == pytest.approx(nearest["cosine"].tolist(), abs=1e-3)


def test_the_largest_seed_has_a_grid_too(tiny):
    grid = answer_grid(tiny, PROMPT, 2, LARGEST_SEED, 1)
    assert grid["names"][-1] == f"seed {LARGEST_SEED}" and len(grid["response"]) == SEEDS


def test_the_page_of_a_run_holds_the_grid_and_without_scripts_a_table(tiny, monkeypatch):
    first = nl.NokenExplorer(tiny, EVIL, -1, 1, 3)
    assert page_state(first)["grid"]["names"] == ["seed 1"]  # no waiting for the others where a kernel is
    monkeypatch.setenv(OUTPUT, "somewhere")
    panel = nl.NokenExplorer(tiny, EVIL, -1, 1, 3)
    grid = answer_grid(tiny, EVIL, len(tiny.ids(EVIL)) - 1, 1, 3)
    assert page_state(panel) == {"grid": grid, "live": False}
    assert panel.grid is panel.grid  # shown again, it is not answered again
    assert is_escaped(still(grid | {"after": EVIL}))
    assert still(grid).count("<tr>") == SEEDS + 1
