"""Reading and saying separately: an untied head, divergences and ranks, and tokens moved to the centre."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.tiny_models import tiny_lab

from nokenlab import measures
from nokenlab.prompt import fill
from workbook.half_trained_tokens import read_or_said, tables

PROMPTS = ["The word <noken> means"]


@pytest.fixture(scope="module")
def table(tiny):
    return tables.pairs(tiny, 6).assign(strong=[1, 0, 0, 1, 0, 0] * 2, weak=1)


@pytest.mark.parametrize("kind", ["gpt2", "phi", "gemma2"])
def test_an_untied_head_swaps_two_logits_and_leaves_the_model_alone(kind, tiny):
    lab = tiny_lab(kind, tiny.tokenizer)
    before = {name: value.clone() for name, value in lab.model.state_dict().items()}
    logits, ids = lab.logits("Red is a"), torch.tensor([7, 9])
    other = read_or_said.untied(lab)
    assert torch.equal(other.logits("Red is a"), logits)
    read_or_said.swap_rows(other, *ids.split(1))
    expected = logits.clone()
    expected[:, ids] = logits[:, ids.flip(0)]
    assert torch.allclose(other.logits("Red is a"), expected, atol=1e-5) and not torch.equal(expected, logits)
    assert torch.equal(lab.logits("Red is a"), logits)
    assert all(torch.equal(value, before[name]) for name, value in lab.model.state_dict().items())


def test_partners_are_others_and_strong_ones_are_together(table):
    partner = read_or_said.partners(table)
    assert sorted(partner) == list(range(6)) and (partner != np.arange(6)).all()
    assert {0: 3, 3: 0}.items() & dict(enumerate(partner)).items()
    assert any((read_or_said.partners(table, seed) != partner).any() for seed in (1, 2))


def test_what_is_read_is_the_divergence_of_two_inputs(tiny, table, monkeypatch):
    reads = read_or_said.reads(tiny, table, PROMPTS)
    monkeypatch.setattr(read_or_said, "ROWS", 2)  # as many tokens at once
    batches = read_or_said.reads(tiny, table, PROMPTS)
    assert batches["reads_kl"].tolist() == pytest.approx(reads["reads_kl"].tolist(), rel=1e-3)
    row = reads[reads["of"] == tables.MATCHED].iloc[4]
    vectors = tiny.embed_ids(torch.tensor([row["id"], row["partner"]]))
    x, y = tiny.logits(fill(tiny, PROMPTS[0], vectors))
    assert row["reads_kl"] == pytest.approx(measures.kl(x[None], y).item(), rel=1e-3)
    assert len(reads) == 12 and reads["strong"].sum() == 2 and (reads["distance"] > 0).all()


def test_ranks_are_those_behind_each_input(tiny, table):
    row = read_or_said.says(tiny, table, PROMPTS).iloc[2]
    glitch, healthy = (table[table["of"] == of]["id"].iloc[2] for of in (tables.CANDIDATE, tables.MATCHED))
    other = read_or_said.untied(tiny)
    read_or_said.swap_rows(other, torch.tensor([glitch]), torch.tensor([healthy]))
    x = fill(tiny, PROMPTS[0], tiny.embed_ids(torch.tensor([glitch, healthy])))

    def rank(lab, row, id):
        logits = lab.logits(x)[row]
        return (logits > logits[id]).sum().item() + 1

    assert (row["own_glitch"], row["own_healthy"]) == (rank(tiny, 0, glitch), rank(tiny, 1, healthy))
    assert (row["glitch_in"], row["healthy_in"]) == (rank(other, 0, glitch), rank(other, 1, healthy))


def test_all_tokens_are_the_same_at_the_centre_and_lost_before(tiny, table):
    walked = read_or_said.walk(tiny, table, PROMPTS, count=4, steps=5)
    assert len(walked) == 4 * 6 * 2 and (walked[walked["alpha"] == 0]["left"] == 1).all()
    assert (walked[walked["alpha"] == 1]["left"] < 1e-3).all()
    lost = read_or_said.lost(walked)
    assert len(lost) == 8 and lost["alpha_lost"].between(0.2, 1).all()
    reads, says = (f(tiny, table, PROMPTS) for f in (read_or_said.reads, read_or_said.says))
    summary = tables.summary(table, reads, says, lost)
    assert summary["alpha_lost"].notna().sum() == 4 and summary["reads_kl"].notna().all()
    ranks = [*says["healthy_in"], *says["other_healthy"]]
    assert summary["says_rank"].tolist() == ranks


def test_the_crossing_lies_between_two_alphas():
    line = {"prompt": "p", "to": "centroid", "id": 1, "token": "a"}
    walked = pd.DataFrame({"alpha": [0, 0.5, 1.0], "left": [1, 0.1, 0.0]}).assign(**line)
    assert read_or_said.lost(walked)["alpha_lost"].tolist() == pytest.approx([0.75])
