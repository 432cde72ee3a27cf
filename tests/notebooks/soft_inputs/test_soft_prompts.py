"""Random vectors before tasks: how they are drawn, pass@k, entropy and answers as the model gives them."""

import itertools
import math

import pandas as pd
import pytest
import torch
from helpers.tiny_models import save_tiny

import nokenlab as nl
from nokenlab.measures import entropy
from workbook.soft_inputs import soft_prompts as experiment


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return nl.load(save_tiny("llama", tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="module")
def asked(small):
    """Two tasks: a tiny model's own likeliest next token is right, and a token that never is."""
    best = int(small.logits(experiment.FRONT + "Red is")[0].argmax())
    rows = [("one", "Red is", small.token(best).strip()), ("two", "White is", "Red")]
    return pd.DataFrame(rows, columns=["frame", "task", "answer"])


@pytest.fixture(scope="module")
def table(small, asked):
    return experiment.answered(small, asked, samples=8, ks=[1, 3], temperatures=[1.0, 3.0])


def test_tasks_are_of_frames():
    found = experiment.tasks_of(["capital", "past"], 25)
    assert len(found) == 50 and found["task"].is_unique
    assert (
        "The capital of France is" in set(found["task"])
        and not found["task"].str.contains("{", regex=False).any()
    )
    for frames, count, said in ((["sums"], 1, "task_frames wants"), (["past"], 26, "tasks must be 1 to 25")):
        with pytest.raises(ValueError, match=said):
            experiment.tasks_of(frames, count)


def test_vectors_have_the_mean_and_variance_of_the_tables_entries(small):
    drawn = experiment.vectors_before(small, experiment.VECTORS, 16, range(50))
    entries = small.space.vectors
    assert drawn.shape == (50, 16, small.width)
    assert drawn.std().item() == pytest.approx(entries.std().item(), rel=0.05)
    assert drawn.mean().item() == pytest.approx(entries.mean().item(), abs=0.05 * entries.std().item())
    again = experiment.vectors_before(small, experiment.VECTORS, 16, [7])
    assert torch.equal(again[0], drawn[7])


def test_tokens_are_tokens(small):
    drawn = experiment.vectors_before(small, experiment.TOKENS, 2, range(3)).flatten(0, 1)
    nearest = small.space.nearest(drawn, k=1)
    assert nearest["distance"].max() < 1e-5
    assert len({tuple(row) for row in drawn.tolist()}) > 1


def test_a_task_stands_behind_a_newline_and_its_vectors(small):
    before = experiment.Before(experiment.VECTORS, 2, 1.0)
    x = experiment.prompts(small, "Red is", before, [4, 5])
    front, own = small.embed(experiment.FRONT), small.embed("Red is")
    assert torch.equal(x[1:2, : front.shape[1]], front) and torch.equal(x[1:2, -own.shape[1] :], own)
    assert x.shape[1] == front.shape[1] + 2 + own.shape[1]
    alone = experiment.prompts(small, "Red is", experiment.Before(experiment.ALONE, 0, 1.0), [4, 5])
    assert torch.equal(alone[0], alone[1]) and alone.shape[1] == x.shape[1] - 2


def test_a_row_is_a_task_and_what_stands_before_it(small, asked, table):
    assert len(table) == 2 * (2 + 2 * 2)
    assert table["pass_8"].tolist() == (table["right"] > 0).astype(float).tolist()
    assert table["pass_1"].tolist() == pytest.approx((table["right"] / 8).tolist())
    assert table["pass_64"].isna().all()
    for row in table[table["kind"] == experiment.ALONE].itertuples():
        logits = small.logits(torch.cat([small.embed(experiment.FRONT), small.embed(row.task)], dim=1))
        assert row.entropy == pytest.approx(entropy(logits / row.temperature).item(), abs=1e-3)
    vectors = table[(table["kind"] == experiment.VECTORS) & (table["k"] == 3)]
    for number, row in enumerate(vectors.itertuples()):
        seeds = range(8 * number, 8 * number + 8)
        x = experiment.prompts(small, row.task, experiment.Before(row.kind, 3, 1.0), seeds)
        assert row.entropy == pytest.approx(entropy(small.logits(x)).mean().item(), abs=1e-3)


def test_right_is_counted_by_the_answers_tokens(small, asked, table):
    first = table[(table["kind"] == experiment.ALONE) & (table["temperature"] == 1)].iloc[1]
    answer = small.ids(f" {first['answer']}").tolist()
    draws = range(8 + 16, 16 + 16)
    x = experiment.prompts(small, first["task"], experiment.Before(experiment.ALONE, 0, 1.0), range(8))
    ids = torch.full((8, len(answer)), -1)
    for step in small.sample(x, len(answer), seeds=draws):
        ids[step.rows, step.index] = step.ids
    assert first["right"] == sum(row == answer for row in ids.tolist())


def test_pass_at_k_is_the_share_of_subsets_with_a_right_one():
    marks = [1, 1, 0, 0, 0, 0]
    for k in (1, 2, 3, 5, 6):
        subsets = list(itertools.combinations(marks, k))
        assert experiment.pass_at(k, 6, 2) == pytest.approx(sum(map(any, subsets)) / len(subsets))
    assert math.isnan(experiment.pass_at(7, 6, 2))
