"""Learned nokens beside real tokens: nll as transformers has it, tokens in their place, ranks, bad input."""

import math

import pandas as pd
import pytest
import torch
from helpers.tiny_models import save_tiny

import nokenlab as nl
from nokenlab.prompt import fill
from workbook.learned_nokens import tables as experiment

LINES = ["Red: Black whippets are", "Blue: the best food", "once upon a time"]
PROMPTS, UNSEEN = ["Red is a <noken> that is", "The <noken> is"], ["White <noken> are"]


@pytest.fixture(scope="module", params=["llama", "phi"])  # with a start-of-text token, and without
def small(request, tmp_path_factory):
    return nl.load(save_tiny(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="module")
def targets():
    return experiment.targets_of(LINES)


@pytest.fixture(scope="module")
def learned(small, targets):
    begin = nl.shell(small.space.centroid, range(2), small.space.median_distance)
    held = experiment.constraints_of(small, ["free", "pinned", "PEZ"], "White")
    how = {"starts": begin, "steps": 6, "learning_rate": 0.6, "progress": False}
    texts = [target.text for target in targets]
    return {name: nl.learn(small, PROMPTS, texts, constraint=one, **how) for name, one in held.items()}


@pytest.fixture(scope="module")
def table(small, learned, targets):
    return experiment.compared(small, learned, targets, PROMPTS, UNSEEN, ranked=5)


def by_transformers(lab, prompt, vector, text):
    """The nll of a text behind a prompt with one vector in it, by the model's own loss."""
    asked, ids = fill(lab, prompt, vector), lab.ids(text)
    x = lab.batch(torch.cat([asked, lab.embed_ids(ids)[None]], dim=1))[0]
    labels = torch.cat([torch.full((x.shape[1] - len(ids),), -100), ids])[None]
    with torch.no_grad():
        return lab.model(inputs_embeds=x, labels=labels).loss.item()


def test_targets_have_a_word_or_none(targets):
    assert targets[0] == (" Black whippets are", "Red") and targets[0].kind == experiment.DEFINITION
    assert targets[2] == (" once upon a time", "") and targets[2].kind == experiment.ABSURD


@pytest.mark.parametrize("lines", [[], [""], ["dog: "], ["a b", "dog: a b"]])
def test_targets_that_are_none_are_refused(lines):
    with pytest.raises(ValueError, match="targets wants texts"):
        experiment.targets_of(lines)


def test_a_prompt_cannot_be_seen_and_unseen():
    experiment.check_prompts(PROMPTS, UNSEEN)
    with pytest.raises(ValueError, match="unseen wants other prompts"):
        experiment.check_prompts(PROMPTS, PROMPTS[1:])


def test_constraints_are_chosen_by_name(small):
    assert list(experiment.constraints_of(small, ["PEZ", "near"], "Red")) == ["PEZ", "near"]
    for names in ([], ["loose"]):
        with pytest.raises(ValueError, match="constraints must be some of free, token norm"):
            experiment.constraints_of(small, names, "Red")
    with pytest.raises(ValueError, match="needs a word of one"):
        experiment.constraints_of(small, ["pinned"], "xyzzy")


def test_a_row_is_a_noken_and_a_prompt(table, learned, targets):
    assert len(table) == 3 * 3 * 2 * 3  # constraints, targets, starts, prompts
    assert set(table["prompt"][table["seen"]]) == set(PROMPTS)
    assert set(table["prompt"][~table["seen"]]) == set(UNSEEN)
    for name, some in learned.items():
        own = table[(table["constraint"] == name) & (table["prompt"] == PROMPTS[0])]
        assert own["target"].tolist() == some.table["target"].tolist()
        assert own["norm"].tolist() == pytest.approx(some.vectors.norm(dim=-1).tolist())
        assert own["steps"].tolist() == some.table["steps"].tolist()
        assert all(map(str.startswith, own["said"], some.table["text"]))
        seen = table[(table["constraint"] == name) & table["seen"]]
        both = seen.groupby(["target", "start"], sort=False)["nll"].mean()
        assert both.tolist() == pytest.approx(some.table["nll"].tolist(), abs=1e-4)


def test_nll_is_transformers(small, table, learned, targets):
    vectors = learned["free"].vectors
    for prompt in [*PROMPTS, *UNSEEN]:
        own = table[(table["constraint"] == "free") & (table["prompt"] == prompt)]
        for row, vector in zip(own.itertuples(), vectors, strict=True):
            assert row.nll == pytest.approx(by_transformers(small, prompt, vector, row.target), abs=1e-4)


def test_real_tokens_stand_in_the_nokens_place(small, table, targets):
    for row in table[(table["start"] == 1) & ~table["seen"]].itertuples():
        (nearest,) = small.space.ids[[small.token(int(id)) == row.nearest for id in small.space.ids]][:1]
        found = by_transformers(small, row.prompt, small.embed_ids(nearest[None])[0], row.target)
        assert row.nll_nearest == pytest.approx(found, abs=1e-4)
        assert row.nearest_gap == pytest.approx(row.nll_nearest - row.nll)
        if row.word:
            word = small.embed_ids(small.ids(f" {row.word}")[-1:])[0]
            assert row.nll_word == pytest.approx(
                by_transformers(small, row.prompt, word, row.target), abs=1e-4
            )
        else:
            assert math.isnan(row.nll_word) and math.isnan(row.rank)
    tokens = table[table["constraint"] == "PEZ"]  # are their own nearest
    assert tokens["nearest_gap"].abs().max() < 1e-4 and tokens["distance"].max() < 1e-3


def test_other_is_the_token_of_the_next_target(small, table, targets):
    texts = [target.text for target in targets]
    keys = ["constraint", "start", "prompt", "target"]
    nearest = table.set_index(keys)["nearest"]
    for row in table[(table["constraint"] == "free") & ~table["seen"]].itertuples():
        after = texts[(texts.index(row.target) + 1) % 3]
        token = nearest[row.constraint, row.start, row.prompt, after]
        ids = [id for id in small.space.ids.tolist() if small.token(id) == token]
        found = [
            by_transformers(small, row.prompt, small.embed_ids(torch.tensor([id]))[0], row.target)
            for id in ids
        ]
        assert min(abs(row.nll_other - one) for one in found) < 1e-4


def test_a_single_target_has_no_other(small, targets):
    begin = nl.shell(small.space.centroid, [0], small.space.median_distance)
    one = {"free": nl.learn(small, PROMPTS, [targets[0].text], starts=begin, steps=1, progress=False)}
    found = experiment.compared(small, one, targets[:1], PROMPTS, [], ranked=2)
    assert found["nll_other"].isna().all() and found["nll_random"].notna().all()


def test_pinned_nokens_are_nearest_to_the_anchor(table):
    assert set(table["nearest"][table["constraint"] == "pinned"].str.strip(" ▁")) == {"White"}


def test_the_best_of_all_tokens_is_the_best(small, targets):
    texts, count = [target.text for target in targets[:2]], len(small.space)
    every = small.space.vectors
    losses = [sum(experiment.nll(small, p, every, [text] * count) for p in PROMPTS) for text in texts]
    best = small.space.rows(torch.tensor(experiment.best_tokens(small, PROMPTS, texts, count)))
    few = small.space.rows(torch.tensor(experiment.best_tokens(small, PROMPTS, texts, 5)))
    for own, one, other in zip(losses, best, few, strict=True):
        assert own[one] == pytest.approx(own.min().item(), abs=1e-4)
        assert own[other] < own.median()  # the gradient knows something


def test_ranks_are_places_in_the_order_of_nearness(small):
    vectors = nl.random_nokens(small.width, range(3))
    for place in (1, 2, 7):
        near = small.space.nearest(vectors, k=place).groupby("row").tail(1)
        assert experiment.ranks(small, vectors, near["id"].tolist()) == [place] * 3
    assert math.isnan(experiment.ranks(small, vectors[:1], [experiment.NO_TOKEN])[0])


def test_the_same_seed_gives_the_same_table(small, learned, targets, table):
    again = experiment.compared(small, learned, targets, PROMPTS, UNSEEN, ranked=5)
    pd.testing.assert_frame_equal(again, table)
    other = experiment.compared(small, learned, targets, PROMPTS, UNSEEN, ranked=5, seed=1)
    assert (other["nll_random"] != table["nll_random"]).any()
    pd.testing.assert_series_equal(other["nll"], table["nll"])


def test_histories_have_all_steps_of_all_constraints(learned, targets):
    found = experiment.histories(learned, targets)
    assert list(found.columns[:3]) == ["constraint", "kind", "row"]
    for name, some in learned.items():
        own = found[found["constraint"] == name]
        assert len(own) == len(some.history)
        assert set(own["row"][own["kind"] == experiment.ABSURD]) == {4, 5}
