"""What is read and what is said apart: an untied head, divergences and ranks, and a walk to the centre."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.tiny_models import tiny_lab

from nokenlab import measures
from nokenlab.prompt import fill
from workbook.half_trained_tokens import read_or_said as experiment
from workbook.half_trained_tokens import tables as tokens

PROMPTS = ["The word <noken> means"]


@pytest.fixture(scope="module")
def table(tiny):
    return tokens.pairs(tiny, 6 / len(tiny.space) + 1e-9).assign(strong=[1, 0, 0, 1, 0, 0] * 2, weak=1)


@pytest.mark.parametrize("kind", ["gpt2", "phi", "gemma2"])
def test_an_untied_head_swaps_two_logits_and_leaves_the_model_alone(kind, tiny):
    lab = tiny_lab(kind, tiny.tokenizer)
    before = {name: value.clone() for name, value in lab.model.state_dict().items()}
    logits, ids = lab.logits("Red is a"), torch.tensor([7, 9])
    other = experiment.untied(lab)
    assert torch.equal(other.logits("Red is a"), logits)
    experiment.swap_rows(other, *ids.split(1))
    expected = logits.clone()
    expected[:, ids] = logits[:, ids.flip(0)]
    assert torch.allclose(other.logits("Red is a"), expected, atol=1e-5) and not torch.equal(expected, logits)
    assert torch.equal(lab.logits("Red is a"), logits)
    assert all(torch.equal(value, before[name]) for name, value in lab.model.state_dict().items())


def test_partners_are_others_and_strong_ones_come_together(table):
    partner = experiment.ring(table)
    assert sorted(partner) == list(range(6)) and (partner != np.arange(6)).all()
    assert {0: 3, 3: 0}.items() & dict(enumerate(partner)).items()
    assert (experiment.ring(table, 1) != partner).any() or (experiment.ring(table, 2) != partner).any()


def test_what_is_read_is_the_divergence_of_two_inputs(tiny, table):
    found = experiment.reads(tiny, table, PROMPTS)
    row = found[found["of"] == tokens.MATCHED].iloc[4]
    x, y = tiny.logits(fill(tiny, PROMPTS[0], tokens.vectors_of(tiny, [row["id"], row["partner"]])))
    assert row["reads_kl"] == pytest.approx(measures.kl(x[None], y).item(), rel=1e-3)
    assert len(found) == 12 and found["strong"].sum() == 2 and (found["distance"] > 0).all()


def test_ranks_are_those_behind_each_input(tiny, table):
    found = experiment.says(tiny, table, PROMPTS).iloc[2]
    glitch, healthy = (table[(table["of"] == of)]["id"].iloc[2] for of in (tokens.CANDIDATE, tokens.MATCHED))
    other = experiment.untied(tiny)
    experiment.swap_rows(other, torch.tensor([glitch]), torch.tensor([healthy]))
    x = fill(tiny, PROMPTS[0], tokens.vectors_of(tiny, [glitch, healthy]))

    def rank(lab, row, id):
        logits = lab.logits(x)[row]
        return (logits > logits[id]).sum().item() + 1

    assert (found["own_glitch"], found["own_healthy"]) == (rank(tiny, 0, glitch), rank(tiny, 1, healthy))
    assert (found["glitch_in"], found["healthy_in"]) == (rank(other, 0, glitch), rank(other, 1, healthy))


def test_all_tokens_are_one_at_the_centre_and_lost_before(tiny, table):
    walked = experiment.walk(tiny, table, PROMPTS, count=4, steps=5)
    assert len(walked) == 4 * 6 * 2 and (walked[walked["alpha"] == 0]["left"] == 1).all()
    assert (walked[walked["alpha"] == 1]["left"] < 1e-3).all()
    gone = experiment.lost(walked)
    assert len(gone) == 8 and gone["alpha_lost"].between(0.2, 1).all()
    known = tokens.told(
        table, experiment.reads(tiny, table, PROMPTS), experiment.says(tiny, table, PROMPTS), gone
    )
    assert known["alpha_lost"].notna().sum() == 4 and known["reads_kl"].notna().all()


def test_the_crossing_lies_between_two_places():
    line = {"prompt": "p", "to": "centroid", "id": 1, "token": "a"}
    walked = pd.DataFrame({"alpha": [0, 0.5, 1.0], "left": [1, 0.1, 0.0]}).assign(**line)
    assert experiment.lost(walked)["alpha_lost"].tolist() == pytest.approx([0.75])
