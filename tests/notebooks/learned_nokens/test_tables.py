"""Learned nokens beside real tokens: nll as transformers has it, tokens in their place, ranks, bad input."""

import math

import pandas as pd
import pytest
import torch
from helpers.tiny_models import save_tiny

import nokenlab as nl
from nokenlab.prompt import fill
from workbook.learned_nokens import tables

LINES = ["Red: Black whippets are", "Blue: the best food", "once upon a time"]
PROMPTS, UNSEEN = ["Red is a <noken> that is", "The <noken> is"], ["White <noken> are"]


@pytest.fixture(scope="module", params=["llama", "phi"])  # with a start-of-text token, and without
def small(request, tmp_path_factory):
    return nl.load(save_tiny(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="module")
def targets():
    return tables.targets_of(LINES)


@pytest.fixture(scope="module")
def learned(small, targets):
    starts = nl.shell(small.space.centroid, range(2), small.space.median_distance)
    options = {"starts": starts, "steps": 6, "learning_rate": 0.6, "progress": False}
    texts = [target.text for target in targets]
    constraints = tables.constraints_of(small, ["free", "pinned", "PEZ"], "White")
    return {name: nl.learn(small, PROMPTS, texts, constraint=c, **options) for name, c in constraints.items()}


@pytest.fixture(scope="module")
def table(small, learned, targets):
    return tables.compared(small, learned, targets, PROMPTS, UNSEEN, ranked=5)


def by_transformers(lab, prompt, vector, text):
    """The nll of a text behind a prompt with one vector in it, by the model's own loss."""
    filled, ids = fill(lab, prompt, vector), lab.ids(text)
    x = lab.batch(torch.cat([filled, lab.embed_ids(ids)[None]], dim=1))[0]
    labels = torch.cat([torch.full((x.shape[1] - len(ids),), -100), ids])[None]
    with torch.no_grad():
        return lab.model(inputs_embeds=x, labels=labels).loss.item()


def test_targets_have_a_word_or_none(targets):
    assert targets[0] == (" Black whippets are", "Red") and targets[0].kind == tables.DEFINITION
    assert targets[2] == (" once upon a time", "") and targets[2].kind == tables.ABSURD


@pytest.mark.parametrize("lines", [[], [""], ["dog: "], ["a b", "dog: a b"]])
def test_lines_that_are_no_targets_are_refused(lines):
    with pytest.raises(ValueError, match="targets must be different texts"):
        tables.targets_of(lines)


def test_a_prompt_cannot_be_seen_and_unseen():
    tables.check_prompts(PROMPTS, UNSEEN)
    with pytest.raises(ValueError, match="unseen must be other prompts"):
        tables.check_prompts(PROMPTS, PROMPTS[1:])


def test_constraints_are_chosen_by_name(small):
    assert list(tables.constraints_of(small, ["PEZ", "near"], "Red")) == ["PEZ", "near"]
    with pytest.raises(ValueError, match=r"constraints must be of free, token norm.*'loose'"):
        tables.constraints_of(small, ["loose", "free"], "Red")
    with pytest.raises(ValueError, match="needs a word of one"):
        tables.constraints_of(small, ["pinned"], "xyzzy")


def test_one_row_per_noken_and_prompt(table, learned):
    assert len(table) == 3 * 3 * 2 * 3  # constraints, targets, starts, prompts
    assert set(table["prompt"][table["seen"]]) == set(PROMPTS)
    assert set(table["prompt"][~table["seen"]]) == set(UNSEEN)
    for name, nokens in learned.items():
        rows = table[(table["constraint"] == name) & (table["prompt"] == PROMPTS[0])]
        assert rows["target"].tolist() == nokens.table["target"].tolist()
        assert rows["norm"].tolist() == pytest.approx(nokens.vectors.norm(dim=-1).tolist())
        assert rows["steps"].tolist() == nokens.table["steps"].tolist()
        assert all(map(str.startswith, rows["said"], nokens.table["text"]))
        seen = table[(table["constraint"] == name) & table["seen"]]
        both = seen.groupby(["target", "start"], sort=False)["nll"].mean()
        assert both.tolist() == pytest.approx(nokens.table["nll"].tolist(), abs=1e-4)


def test_nll_is_that_of_transformers(small, table, learned):
    for prompt in [*PROMPTS, *UNSEEN]:
        rows = table[(table["constraint"] == "free") & (table["prompt"] == prompt)]
        for row, vector in zip(rows.itertuples(), learned["free"].vectors, strict=True):
            assert row.nll == pytest.approx(by_transformers(small, prompt, vector, row.target), abs=1e-4)


def test_real_tokens_stand_in_the_nokens_place(small, table):
    for row in table[(table["start"] == 1) & ~table["seen"]].itertuples():
        (nearest,) = small.space.ids[[small.token(int(id)) == row.nearest for id in small.space.ids]][:1]
        expected = by_transformers(small, row.prompt, small.embed_ids(nearest[None])[0], row.target)
        assert row.nll_nearest == pytest.approx(expected, abs=1e-4)
        assert row.nearest_gap == pytest.approx(row.nll_nearest - row.nll)
        if row.word:
            word = small.embed_ids(small.ids(f" {row.word}")[-1:])[0]
            expected = by_transformers(small, row.prompt, word, row.target)
            assert row.nll_word == pytest.approx(expected, abs=1e-4)
        else:
            assert math.isnan(row.nll_word) and math.isnan(row.rank)
    tokens = table[table["constraint"] == "PEZ"]  # are nearest to themselves
    assert tokens["nearest_gap"].abs().max() < 1e-4 and tokens["distance"].max() < 1e-3
    assert set(table["nearest"][table["constraint"] == "pinned"].str.strip(" ▁")) == {"White"}


def test_other_is_the_token_of_the_next_target(small, table, targets):
    texts = [target.text for target in targets]
    nearest = table.set_index(["constraint", "start", "prompt", "target"])["nearest"]
    for row in table[(table["constraint"] == "free") & ~table["seen"]].itertuples():
        after = texts[(texts.index(row.target) + 1) % 3]
        token = nearest[row.constraint, row.start, row.prompt, after]
        ids = [id for id in small.space.ids.tolist() if small.token(id) == token]
        vectors = small.embed_ids(torch.tensor(ids))
        losses = [by_transformers(small, row.prompt, vector, row.target) for vector in vectors]
        assert min(abs(row.nll_other - loss) for loss in losses) < 1e-4


def test_a_single_target_has_no_other(small, targets):
    starts = nl.shell(small.space.centroid, [0], small.space.median_distance)
    learned = {"free": nl.learn(small, PROMPTS, [targets[0].text], starts=starts, steps=1, progress=False)}
    table = tables.compared(small, learned, targets[:1], PROMPTS, [], ranked=2)
    assert table["nll_other"].isna().all() and table["nll_random"].notna().all()


def test_the_best_of_all_tokens_is_the_best(small, targets):
    texts, count = [target.text for target in targets[:2]], len(small.space)
    losses = [
        sum(tables.nll(small, p, small.space.vectors, [text] * count) for p in PROMPTS) for text in texts
    ]
    best = small.space.rows(torch.tensor(tables.best_tokens(small, PROMPTS, texts, count)))
    best_of_five = small.space.rows(torch.tensor(tables.best_tokens(small, PROMPTS, texts, 5)))
    for loss, row, of_five in zip(losses, best, best_of_five, strict=True):
        assert loss[row] == pytest.approx(loss.min().item(), abs=1e-4)
        assert loss[of_five] < loss.median()  # the gradient is better than chance


def test_ranks_are_those_of_nearness(small):
    vectors = nl.random_nokens(small.width, range(3))
    for rank in (1, 2, 7):
        near = small.space.nearest(vectors, k=rank).groupby("row").tail(1)
        assert tables.ranks(small, vectors, near["id"].tolist()) == [rank] * 3
    assert math.isnan(tables.ranks(small, vectors[:1], [tables.NO_TOKEN])[0])


def test_the_same_seed_gives_the_same_table(small, learned, targets, table):
    again = tables.compared(small, learned, targets, PROMPTS, UNSEEN, ranked=5)
    pd.testing.assert_frame_equal(again, table)
    other = tables.compared(small, learned, targets, PROMPTS, UNSEEN, ranked=5, seed=1)
    assert (other["nll_random"] != table["nll_random"]).any()
    pd.testing.assert_series_equal(other["nll"], table["nll"])


def test_histories_have_all_steps_of_all_constraints(learned, targets):
    history = tables.histories(learned, targets)
    assert list(history.columns[:3]) == ["constraint", "kind", "row"]
    for name, nokens in learned.items():
        rows = history[history["constraint"] == name]
        assert len(rows) == len(nokens.history)
        assert set(rows["row"][rows["kind"] == tables.ABSURD]) == {4, 5}
