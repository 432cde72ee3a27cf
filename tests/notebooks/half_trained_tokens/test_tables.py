"""Half-trained tokens: candidates with their matches, asked for in three ways."""

import pandas as pd
import pytest
import torch

from nokenlab.prompt import NOKEN, fill
from workbook.embedding_space import tables as embedding_space
from workbook.half_trained_tokens import tables as experiment


def test_a_pair_is_alike_in_space_and_decile(any_lab):
    table = experiment.pairs(any_lab, 6 / len(any_lab.space) + 1e-9, seed=3)
    candidates, partners = (table[table["of"] == of] for of in (experiment.CANDIDATE, experiment.MATCHED))
    near = embedding_space.glitch_candidates(any_lab, 6)
    assert candidates["id"].tolist() == near["id"].tolist() and table["id"].is_unique
    assert candidates["indicator"].tolist() == pytest.approx(near["distance"].tolist())
    for name in ("pair", "space", "decile", "rank"):
        assert candidates[name].tolist() == partners[name].tolist()
    assert partners["indicator"].min() >= candidates["indicator"].max()
    assert len(experiment.pairs(any_lab, 1e-9)) == 4  # two pairs at least


def test_a_vector_stands_wherever_the_prompt_says_so(tiny):
    vectors = experiment.vectors_of(tiny, [5, 7])
    twice = experiment.fill_all(tiny, f"Red{NOKEN}{NOKEN} is", vectors)
    assert torch.equal(twice[:, len(tiny.ids("Red"))], vectors)
    assert torch.equal(twice[:, len(tiny.ids("Red")) + 1], vectors)
    once = f"Red{NOKEN} is"
    assert torch.equal(experiment.fill_all(tiny, once, vectors), fill(tiny, once, vectors))


def test_the_ways_of_asking_grow_with_the_trials():
    few, many = experiment.verify_prompts(2), experiment.verify_prompts(8)
    assert [prompt.count(NOKEN) for prompt in few] == [5, 1, 5]
    assert [prompt.count(NOKEN) for prompt in many] == [17, 1, 20]


def test_words_are_said_and_the_first_candidates_are_not(lab):
    table = experiment.pairs(lab, 4 / len(lab.space) + 1e-9)
    prompts = experiment.verify_prompts(2)
    known = experiment.verified(lab, table, prompts)
    sides = known.groupby("of")["max_prob"]
    assert sides.max()["candidate"] < experiment.STRONG and sides.min()["matched token"] > experiment.WEAK
    assert known["strong"].tolist() == known["weak"].tolist() == [1] * 4 + [0] * 4
    id = known["id"].iloc[-1]
    logits = [lab.logits(experiment.fill_all(lab, p, experiment.vectors_of(lab, [id]))) for p in prompts]
    most = max(row.softmax(-1)[0, id].item() for row in logits)
    assert known["max_prob"].iloc[-1] == pytest.approx(most, rel=0.05)


def test_precision_is_the_share_of_the_first():
    rows = {"of": ["candidate"] * 3, "rank": [3, 1, 2], "strong": [0, 1, 0], "weak": [0, 1, 1]}
    found = experiment.precision(pd.DataFrame(rows))
    assert found["rank"].tolist() == [1, 2, 3]
    assert found["strong"].tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert found["weak"].tolist() == pytest.approx([1, 1, 2 / 3])
