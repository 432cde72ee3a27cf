"""Sampling by hand: tables of steps, the usual processors, nokens fed on a trigger."""

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


def test_a_step_table_says_what_generate_says(tiny, prompts):
    table = tables.step_table(tiny, prompts, SEEDS, 6)
    assert tables.responses(table, tiny).tolist() == tiny.generate(prompts, 6)
    assert table["seed"].unique().tolist() == SEEDS  # in the order given
    assert all(group["step"].tolist() == list(range(len(group))) for _, group in table.groupby("seed"))
    assert (table["rank"] == 1).all() and not table["fed"].any()


def test_probability_and_entropy_are_the_models_own(tiny, prompts):
    table = tables.step_table(tiny, prompts, SEEDS, 1, draws=[1, 2, 3], processors=[TopKLogitsWarper(3)])
    logits = tiny.logits(prompts)
    own = logits.softmax(-1)[range(3), table["id"].tolist()]
    assert table["probability"].tolist() == pytest.approx(own.tolist(), rel=1e-4)
    assert table["entropy"].tolist() == pytest.approx(nl.entropy(logits).tolist(), rel=1e-4)
    assert (table["rank"] <= 3).all()
    first = repr(tiny.token(logits[0].argmax().item()))
    assert table["top_5"].iloc[0].startswith(first) and table["top_5"].iloc[0].count(" · ") >= 4


def test_the_articles_sampling_is_greedy(tiny, prompts):
    warpers = [TopKLogitsWarper(1), TemperatureLogitsWarper(0.01)]
    article = tables.step_table(tiny, prompts, SEEDS, 6, draws=[1, 2, 3], processors=warpers)
    assert article["id"].tolist() == tables.step_table(tiny, prompts, SEEDS, 6)["id"].tolist()


def test_draws_belong_to_their_rows(tiny, prompts):
    options = {"processors": steps.processors(tiny, 1.0, 50)}
    table = tables.step_table(tiny, prompts, SEEDS, 5, draws=[11, 12, 13], **options)
    alone = tables.step_table(tiny, prompts[1:2], [1], 5, draws=[12], **options)
    assert table[table["seed"] == 1]["id"].tolist() == alone["id"].tolist()
    other = tables.step_table(tiny, prompts, SEEDS, 5, draws=[21, 22, 23], **options)
    assert table["id"].tolist() != other["id"].tolist()


def test_the_end_is_forbidden_only_as_long_as_asked(tiny, prompts, monkeypatch):
    first = tables.step_table(tiny, prompts, SEEDS, 1)["id"].iloc[0].item()
    monkeypatch.setattr(tiny.model.generation_config, "eos_token_id", first)
    ended = tables.step_table(tiny, prompts, SEEDS, 6)
    assert (ended["seed"] == SEEDS[0]).sum() == 1
    assert tables.responses(ended, tiny).loc[SEEDS[0]] == ""
    held = tables.step_table(tiny, prompts, SEEDS, 6, processors=steps.processors(tiny, 1.0, 5, 4))
    assert not (held[held["step"] < 4]["id"] == first).any()


def test_a_fed_noken_changes_only_what_follows_it(tiny, prompts):
    plain = tables.step_table(tiny, prompts, SEEDS, 6)
    trigger = plain["token"].iloc[2]  # seen by the first row at step 2 at the latest
    noken = nl.random_nokens(tiny.width, 5)[0]
    fed = tables.step_table(tiny, prompts, SEEDS, 6, feed=tables.feed_on(tiny, trigger, noken))
    assert fed["fed"].tolist() == (fed["token"] == trigger).tolist()
    for seed in SEEDS:
        a, b = plain[plain["seed"] == seed], fed[fed["seed"] == seed]
        fired = b[b["fed"]]["step"].min()
        same = len(b) if fired != fired else fired + 1
        assert a["id"].tolist()[:same] == b["id"].tolist()[:same]
    changes = tables.what_feeding_changed(plain, fed, tiny)
    assert list(changes.columns) == ["seed", "fired", "at_step", "changed", "plain", "with_noken"]
    assert changes["fired"].sum() == fed["fed"].sum() > 0
    assert (changes["changed"] == (changes["plain"] != changes["with_noken"])).all()


def test_choices_are_the_models_and_the_processors(tiny):
    rules = steps.processors(tiny, 0.5, 3)
    step = next(tiny.sample("Red is", 1, processors=rules))
    table = steps.choices(tiny, step, 5)
    assert list(table.columns) == ["rank", "token", "id", "probability", "chance"]
    assert table["probability"].tolist() == pytest.approx(step.probabilities[0].topk(5).values.tolist())
    assert table["chance"].sum() == pytest.approx(1) and (table["chance"] == 0).sum() == 2


def test_feeding_a_tokens_own_embedding_changes_nothing(tiny, prompts):
    plain = tables.step_table(tiny, prompts, SEEDS, 6)
    token, id = plain["token"].iloc[0], plain["id"].iloc[0].item()
    own = tiny.model.get_input_embeddings()(torch.tensor(id)).detach()
    fed = tables.step_table(tiny, prompts, SEEDS, 6, feed=tables.feed_on(tiny, token, own))
    assert fed.equals(plain)


def test_a_trigger_that_never_comes_out_changes_nothing(tiny, prompts):
    plain = tables.step_table(tiny, prompts, SEEDS, 4)
    feed = tables.feed_on(tiny, "no such token", nl.random_nokens(tiny.width, 5)[0])
    fed = tables.step_table(tiny, prompts, SEEDS, 4, feed=feed)
    assert fed.equals(plain)
    changes = tables.what_feeding_changed(plain, fed, tiny)
    assert not changes["changed"].any() and not changes["fired"].any() and changes["at_step"].isna().all()
