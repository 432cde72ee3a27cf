"""Sampling step by step: tables of steps, the usual processors, nokens fed on a trigger."""

from functools import partial

import pytest
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper

import nokenlab as nl
from nokenlab.answers import steps
from workbook.manual_sampling import tables

SEEDS = [3, 1, 7]


@pytest.fixture
def prompts(tiny):
    return nl.replace(tiny.embed("Red is the first"), 0, nl.random_nokens(tiny.width, SEEDS))


@pytest.fixture
def step_table(tiny, prompts):
    return partial(tables.step_table, tiny, prompts, SEEDS)


def test_a_step_table_says_what_generate_says(tiny, prompts, step_table):
    table = step_table(6)
    assert tables.responses(table, tiny).tolist() == tiny.generate(prompts, 6)
    assert table["seed"].unique().tolist() == SEEDS  # in the order given
    assert all(rows["step"].tolist() == list(range(len(rows))) for _, rows in table.groupby("seed"))
    assert (table["rank"] == 1).all() and not table["fed"].any()


def test_probability_and_entropy_are_the_models_own(tiny, prompts, step_table):
    table = step_table(1, draws=[1, 2, 3], processors=[TopKLogitsWarper(3)])
    logits = tiny.logits(prompts)
    probabilities = logits.softmax(-1)[range(3), table["id"].tolist()]
    assert table["probability"].tolist() == pytest.approx(probabilities.tolist(), rel=1e-4)
    assert table["entropy"].tolist() == pytest.approx(nl.entropy(logits).tolist(), rel=1e-4)
    assert (table["rank"] <= 3).all()
    first = repr(tiny.token(logits[0].argmax().item()))
    assert table["top_5"].iloc[0].startswith(first) and table["top_5"].iloc[0].count(" · ") >= 4


def test_the_articles_sampling_is_greedy(step_table):
    warpers = [TopKLogitsWarper(1), TemperatureLogitsWarper(0.01)]
    article = step_table(6, draws=[1, 2, 3], processors=warpers)
    assert article["id"].tolist() == step_table(6)["id"].tolist()


def test_draws_belong_to_their_rows(tiny, prompts, step_table):
    processors = steps.processors(tiny, 1.0, 50)
    table = step_table(5, draws=[11, 12, 13], processors=processors)
    alone = tables.step_table(tiny, prompts[1:2], [1], 5, draws=[12], processors=processors)
    assert table[table["seed"] == 1]["id"].tolist() == alone["id"].tolist()
    assert table["id"].tolist() != step_table(5, draws=[21, 22, 23], processors=processors)["id"].tolist()


def test_the_end_is_forbidden_only_for_min_new_tokens(tiny, step_table, monkeypatch):
    first = step_table(1)["id"].iloc[0].item()
    monkeypatch.setattr(tiny.model.generation_config, "eos_token_id", first)
    ended = step_table(6)
    assert (ended["seed"] == SEEDS[0]).sum() == 1
    assert tables.responses(ended, tiny).loc[SEEDS[0]] == ""
    table = step_table(6, processors=steps.processors(tiny, 1.0, 5, 4))
    assert not (table[table["step"] < 4]["id"] == first).any()


def test_a_fed_noken_changes_only_what_follows_it(tiny, step_table):
    plain = step_table(6)
    trigger = plain["token"].iloc[2]  # seen by the first row at step 2 at the latest
    fed = step_table(6, feed=tables.feed_on(tiny, trigger, nl.random_nokens(tiny.width, 5)[0]))
    assert fed["fed"].tolist() == (fed["token"] == trigger).tolist()
    for seed in SEEDS:
        a, b = plain[plain["seed"] == seed], fed[fed["seed"] == seed]
        same = b["fed"].tolist().index(True) + 1 if b["fed"].any() else len(b)
        assert a["id"].tolist()[:same] == b["id"].tolist()[:same]
    changes = tables.what_feeding_changed(plain, fed, tiny)
    assert " ".join(changes.columns) == "seed fired at_step changed plain with_noken"
    assert changes["fired"].sum() == fed["fed"].sum() > 0
    assert (changes["changed"] == (changes["plain"] != changes["with_noken"])).all()


def test_choices_are_the_models_and_the_processors(tiny):
    step = next(tiny.sample("Red is", 1, processors=steps.processors(tiny, 0.5, 3)))
    table = steps.choices(tiny, step, 5)
    assert " ".join(table.columns) == "rank token id probability chance"
    assert table["probability"].tolist() == pytest.approx(step.probabilities[0].topk(5).values.tolist())
    assert table["chance"].sum() == pytest.approx(1) and (table["chance"] == 0).sum() == 2


def test_a_tokens_own_embedding_and_a_trigger_that_never_comes_out_change_nothing(tiny, step_table):
    plain = step_table(6)
    token, embedding = plain["token"].iloc[0], tiny.embed_ids(torch.tensor(plain["id"].iloc[0]))
    assert step_table(6, feed=tables.feed_on(tiny, token, embedding)).equals(plain)
    fed = step_table(6, feed=tables.feed_on(tiny, "no such token", nl.random_nokens(tiny.width, 5)[0]))
    assert fed.equals(plain)
    changes = tables.what_feeding_changed(plain, fed, tiny)
    assert not changes["changed"].any() and not changes["fired"].any() and changes["at_step"].isna().all()
