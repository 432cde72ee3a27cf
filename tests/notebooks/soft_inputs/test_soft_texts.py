"""Texts written while mixtures are fed: greedy as it is, mixtures as a loop by hand has them, repetitions."""

import pandas as pd
import pytest
import torch
from helpers.tiny_models import save_tiny

import nokenlab as nl
from workbook.soft_inputs import soft_texts as experiment
from workbook.soft_inputs import tables as soft_inputs

LENGTH = 6


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return nl.load(save_tiny("llama", tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="module")
def begun():
    return pd.DataFrame({"frame": ["one", "two"], "prefix": ["Red is a color", "White is"]})


@pytest.fixture(scope="module")
def steps(small, begun):
    return experiment.steps(small, begun, LENGTH, seed=3)


def by_hand(lab, prefix, method, seed):
    """Ids that are written while mixtures are fed, each step from the beginning."""
    draws, x, ids = soft_inputs.draws_of(lab, [seed], LENGTH), lab.embed(prefix), []
    for step in range(LENGTH):
        logits = lab.logits(x)
        ids.append(int(logits.argmax()))
        at = soft_inputs.Draws(draws.noise[:, step], draws.ids[:, step])
        x = torch.cat([x, soft_inputs.mixture(lab, method, logits, at)[None].to(x)], dim=1)
    return ids


def test_greedy_is_greedy(small, begun, steps):
    found = experiment.texts(small, steps)
    greedy = found[found["method"] == experiment.GREEDY]
    assert greedy["text"].tolist() == small.generate(begun["prefix"].tolist(), LENGTH)
    assert greedy["equal"].all() and (greedy["same"] == 1).all()


@pytest.mark.parametrize("method", ["soft", "Gumbel-softmax", "random tokens"])
def test_mixtures_are_fed_at_every_step(small, begun, steps, method):
    for seed, prefix in enumerate(begun["prefix"], 3):
        own = steps[(steps["prefix"] == prefix) & (steps["method"] == method)].sort_values("step")
        assert own["id"].tolist() == by_hand(small, prefix, method, seed)[: len(own)]
        greedy = steps[(steps["prefix"] == prefix) & (steps["method"] == experiment.GREEDY)]
        beside = greedy.set_index("step")["id"].reindex(own["step"])
        assert own["same"].tolist() == (own["id"].to_numpy() == beside.to_numpy()).tolist()


def test_texts_have_the_means_of_their_steps(small, begun, steps):
    found = experiment.texts(small, steps)
    assert len(found) == len(begun) * (1 + len(soft_inputs.METHODS))
    means = steps.groupby(experiment.KEYS)["entropy"].mean()
    for row in found.itertuples():
        assert row.entropy == pytest.approx(means[row.frame, row.prefix, row.method])


def test_runs_that_were_there_before_are_repeated():
    assert experiment.repeated([1, 2, 3, 4, 5, 6]) == 0
    assert experiment.repeated([1, 2, 3]) == 0
    assert experiment.repeated([7] * 8) == pytest.approx(4 / 5)
    assert experiment.repeated([1, 2, 3, 4, 1, 2, 3, 4]) == pytest.approx(1 / 5)
