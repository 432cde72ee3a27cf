"""The contrast of a mixture: less the centroid's, its partners, the gate and what bends."""

import pytest
import torch
from helpers.tiny_models import save_tiny

import nokenlab as nl
from nokenlab.prompt import fill, word_vector
from workbook.continuity import tables as experiment
from workbook.continuity.tables import Contrast

ASKED = [
    Contrast("The <noken> is", "Red", "White", "a", "the"),
    Contrast("The best <noken> are", "Black", "Blue", "of", "to"),
    Contrast("The best <noken> are", "Black", "Green", "of", "to"),
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return nl.load(save_tiny("llama", tmp_path_factory.mktemp("llama")))


@pytest.fixture(scope="module")
def found(small):
    return experiment.compared(small, ASKED, points=5)


def test_our_own_are_fifty_and_begin_with_each_prompt(small):
    every = experiment.contrasts_of()
    assert len(every) == 50 == len({(one.a, one.b) for one in every})
    assert len({one.prompt for one in experiment.contrasts_of(6)}) == 6
    with pytest.raises(ValueError, match="contrasts wants at least 2"):
        experiment.contrasts_of(1)
    with pytest.raises(ValueError, match="contrasts of at least two prompts"):
        experiment.compared(small, ASKED[1:])


def test_the_contrast_is_less_the_centroids(small):
    one, vector = ASKED[0], word_vector(small, "Red")
    ids = [int(small.ids(word)[0]) for word in (" a", " the")]
    both = torch.stack([vector, small.space.centroid.cpu()])
    log_p = small.logits(fill(small, one.prompt, both)).log_softmax(-1)[:, ids]
    wanted = (log_p[0, 0] - log_p[0, 1]) - (log_p[1, 0] - log_p[1, 1])
    assert experiment.contrast(small, one, vector[None]).item() == pytest.approx(wanted.item(), abs=1e-4)


def test_ways_begin_and_end_at_the_words(small, found):
    ways, table = found
    assert len(table) == 3 * 2 * 2 and len(ways) == 5 * len(table)
    for one, some in zip(ASKED, [ways[ways["pair"] == f"{one.a}, {one.b}"] for one in ASKED], strict=True):
        related = some[(some["of"] == "related") & (some["way"] == "lerp")]["contrast"]
        ends = torch.stack([word_vector(small, one.a), word_vector(small, one.b)])
        wanted = experiment.contrast(small, one, ends).tolist()
        assert related.iloc[[0, -1]].tolist() == pytest.approx(wanted, abs=1e-4)


def test_an_unrelated_partner_is_another_prompts_and_ends_nearest(small, found):
    one, row = ASKED[0], found[1][found[1]["of"] == "unrelated"].iloc[0]
    ends = torch.stack([word_vector(small, word) for word in ("White", "Blue", "Green")])
    own, *others = experiment.contrast(small, one, ends).tolist()
    nearest = min(others, key=lambda value: abs(value - own))
    assert row["b"] == ("Blue", "Green")[others.index(nearest)]


def test_the_gate_wants_both_partners(found):
    for _, some in found[1].groupby("pair"):
        passes = (some["at_a"] > 0).all() and (some["at_b"] < 0).all()
        assert set(some["gate"]) == {passes}


def test_deviation_is_what_bends_off_the_line(found):
    ways, table = found
    row = table.iloc[0]
    one = ways[(ways["pair"] == row["pair"]) & (ways["of"] == row["of"]) & (ways["way"] == row["way"])]
    straight = row["at_a"] + (row["at_b"] - row["at_a"]) * one["p"]
    bent = ((one["contrast"] - straight) ** 2).mean() ** 0.5 / abs(row["at_a"] - row["at_b"])
    assert row["deviation"] == pytest.approx(bent, abs=1e-5)
