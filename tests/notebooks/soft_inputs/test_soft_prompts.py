"""Random vectors before tasks: how they are drawn, pass@k, entropy and answers as the model gives them."""

import itertools
import math

import pandas as pd
import pytest
import torch

from nokenlab.measures import entropy
from workbook.soft_inputs import soft_prompts
from workbook.soft_inputs.soft_prompts import ALONE, FRONT, TOKENS, VECTORS, Condition


@pytest.fixture(scope="module")
def tasks(small):
    """Two tasks: a tiny model's own likeliest next token is right, and a token that never is."""
    best = int(small.logits(FRONT + "Red is")[0].argmax())
    rows = [("one", "Red is", small.token(best).strip()), ("two", "White is", "Red")]
    return pd.DataFrame(rows, columns=["frame", "task", "answer"])


@pytest.fixture(scope="module")
def table(small, tasks):
    return soft_prompts.answer_tasks(small, tasks, samples=8, ks=[1, 3], temperatures=[1.0, 3.0])


def test_tasks_are_those_of_the_frames():
    tasks = soft_prompts.read_tasks(["capital", "past"])
    assert len(tasks) == 50 and tasks["task"].is_unique
    assert tasks["task"][0] == "The capital of France is" and tasks["answer"][0] == "Paris"
    assert not tasks["task"].str.contains("{", regex=False).any()
    with pytest.raises(ValueError, match=r"'sums' is not a frame of .*, which has opposite"):
        soft_prompts.read_tasks(["sums"])


def test_a_task_suits_by_the_probability_of_its_complete_answer(small, monkeypatch):
    task = soft_prompts.read_tasks(["capital"]).head(1)
    ids = small.ids(" Paris")
    x = torch.cat([small.embed(FRONT), small.embed(task["task"][0]), small.embed(" Paris")], dim=1)
    with torch.no_grad():
        logits = small.model(inputs_embeds=small.batch(x)[0]).logits  # (1, tokens, vocab)
    log_p = logits[0, -len(ids) - 1 : -1].log_softmax(-1)
    p = log_p[range(len(ids)), ids].sum().exp().item()
    monkeypatch.setattr(soft_prompts, "LIKELY", (0.9 * p, 1.1 * p))
    assert soft_prompts.likely_tasks(small, task, 5).equals(task)
    monkeypatch.setattr(soft_prompts, "LIKELY", (1.1 * p, 1))
    with pytest.raises(ValueError, match="suits this model"):
        soft_prompts.likely_tasks(small, task, 5)


def test_vectors_have_the_mean_and_variance_of_the_tables_entries(small):
    drawn = soft_prompts.draw_vectors(small, VECTORS, 16, range(50))
    entries = small.space.vectors
    assert drawn.shape == (50, 16, small.width)
    assert drawn.std().item() == pytest.approx(entries.std().item(), rel=0.05)
    assert drawn.mean().item() == pytest.approx(entries.mean().item(), abs=0.05 * entries.std().item())
    assert torch.equal(soft_prompts.draw_vectors(small, VECTORS, 16, [7])[0], drawn[7])


def test_tokens_are_tokens(small):
    drawn = soft_prompts.draw_vectors(small, TOKENS, 2, range(3)).flatten(0, 1)
    assert small.space.nearest(drawn, k=1)["distance"].max() < 1e-5
    assert len({tuple(row) for row in drawn.tolist()}) > 1


def test_a_task_comes_after_a_newline_and_its_vectors(small):
    x = soft_prompts.prompts(small, "Red is", Condition(VECTORS, 2, 1.0), [4, 5])
    drawn = soft_prompts.draw_vectors(small, VECTORS, 2, [5]).to(x)
    assert torch.equal(x[1:], torch.cat([small.embed(FRONT), drawn, small.embed("Red is")], dim=1))
    alone = soft_prompts.prompts(small, "Red is", Condition(ALONE, 0, 1.0), [4, 5])
    assert torch.equal(alone, torch.cat([small.embed(FRONT), small.embed("Red is")], dim=1).expand(2, -1, -1))


def test_a_row_is_a_task_in_one_condition(small, table):
    assert len(table) == 2 * (2 + 2 * 2)
    assert table["pass_8"].tolist() == (table["right"] > 0).astype(float).tolist()
    assert table["pass_1"].tolist() == pytest.approx((table["right"] / 8).tolist())
    assert table["pass_64"].isna().all()
    for number, rows in enumerate(table.groupby("task", sort=False)):
        seeds = range(8 * number, 8 * number + 8)
        for row in rows[1].itertuples():
            x = soft_prompts.prompts(small, row.task, Condition(row.kind, row.k, 1.0), seeds)
            expected = entropy(small.logits(x) / row.temperature).mean().item()
            assert row.entropy == pytest.approx(expected, abs=1e-3)


def test_right_is_counted_by_the_answers_tokens(small, table):
    row = table[(table["kind"] == ALONE) & (table["temperature"] == 1)].iloc[1]
    answer = small.ids(f" {row['answer']}").tolist()
    x = soft_prompts.prompts(small, row["task"], Condition(ALONE, 0, 1.0), range(8))
    ids = torch.full((8, len(answer)), -1)
    for step in small.sample(x, len(answer), seeds=range(8 + 16, 16 + 16)):
        ids[step.rows, step.index] = step.ids
    assert row["right"] == sum(sample == answer for sample in ids.tolist())


def test_pass_at_k_is_the_share_of_subsets_with_a_right_one():
    marks = [1, 1, 0, 0, 0, 0]
    for k in (1, 2, 3, 5, 6):
        subsets = list(itertools.combinations(marks, k))
        assert soft_prompts.pass_at(k, 6, 2) == pytest.approx(sum(map(any, subsets)) / len(subsets))
    assert math.isnan(soft_prompts.pass_at(7, 6, 2))
