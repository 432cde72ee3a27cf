"""Half-trained tokens: candidates with their matches, asked for in three prompts."""

import pandas as pd
import pytest

from nokenlab.prompt import NOKEN
from workbook.embedding_space import tables as embedding_space
from workbook.half_trained_tokens import tables


def test_a_pair_is_alike_in_space_and_decile(any_lab):
    table = tables.pairs(any_lab, 6, seed=3)
    candidates, partners = (table[table["of"] == of] for of in (tables.CANDIDATE, tables.MATCHED))
    near = embedding_space.glitch_candidates(any_lab, 6)
    assert candidates["id"].tolist() == near["id"].tolist() and table["id"].is_unique
    assert candidates["indicator"].tolist() == pytest.approx(near["distance"].tolist())
    for name in ("pair", "space", "decile", "rank"):
        assert candidates[name].tolist() == partners[name].tolist()
    assert partners["indicator"].min() >= candidates["indicator"].max()


@pytest.mark.parametrize("trials, nokens", [(2, [5, 1, 5]), (8, [17, 1, 20])])
def test_the_prompts_grow_with_the_trials(trials, nokens):
    assert [prompt.count(NOKEN) for prompt in tables.verify_prompts(trials)] == nokens


def test_words_are_said_and_the_first_candidates_are_not(lab):
    prompts = tables.verify_prompts(2)
    verified = tables.verify(lab, tables.pairs(lab, 4), prompts)
    sides = verified.groupby("of")["max_prob"]
    assert sides.max()["candidate"] < tables.STRONG and sides.min()["matched token"] > tables.WEAK
    assert verified["strong"].tolist() == verified["weak"].tolist() == [1] * 4 + [0] * 4
    id = int(verified["id"].iloc[-1])
    texts = [prompt.replace(NOKEN, lab.token(id)) for prompt in prompts]
    most = lab.logits(texts).softmax(-1)[:, id].max().item()
    assert verified["max_prob"].iloc[-1] == pytest.approx(most, rel=0.05)


def test_precision_is_the_share_of_the_first():
    rows = {"of": ["candidate"] * 3, "rank": [3, 1, 2], "strong": [0, 1, 0], "weak": [0, 1, 1]}
    shares = tables.precision(pd.DataFrame(rows))
    assert shares["rank"].tolist() == [1, 2, 3]
    assert shares["strong"].tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert shares["weak"].tolist() == pytest.approx([1, 1, 2 / 3])
