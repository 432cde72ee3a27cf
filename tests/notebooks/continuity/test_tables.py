"""The contrast of a mixture: less the centroid's, its partners, the gate and its deviation."""

import pytest
import torch

from nokenlab.prompt import fill, word_vector
from workbook.continuity import tables
from workbook.continuity.tables import Contrast

PAIRS = [
    Contrast("The <noken> is", "Red", "White", "a", "the"),
    Contrast("The best <noken> are", "Black", "Blue", "of", "to"),
    Contrast("The best <noken> are", "Black", "Green", "of", "to"),
]


@pytest.fixture(scope="module")
def compared(small):
    return tables.compare(small, PAIRS, points=5)


def test_our_own_are_fifty_and_begin_with_each_prompt(small):
    pairs = tables.read_contrasts()
    assert len(pairs) == 50 == len({(pair.a, pair.b) for pair in pairs})
    assert len({pair.prompt for pair in tables.read_contrasts(6)}) == 6
    with pytest.raises(ValueError, match="contrasts must be at least 2"):
        tables.read_contrasts(1)
    with pytest.raises(ValueError, match="contrasts must have at least two prompts"):
        tables.compare(small, PAIRS[1:])


def test_the_contrast_is_less_the_centroids(small):
    vector = word_vector(small, "Red")
    ids = [int(small.ids(word)[0]) for word in (" a", " the")]
    both = torch.stack([vector, small.space.centroid.cpu()])
    log_p = small.logits(fill(small, PAIRS[0].prompt, both)).log_softmax(-1)[:, ids]
    expected = (log_p[0, 0] - log_p[0, 1]) - (log_p[1, 0] - log_p[1, 1])
    assert tables.contrast(small, PAIRS[0], vector[None]).item() == pytest.approx(expected.item(), abs=1e-4)


def test_curves_begin_and_end_at_the_words(small, compared):
    points, table = compared
    assert len(table) == 3 * 2 * 2 and len(points) == 5 * len(table)
    related = points[(points["of"] == "related") & (points["way"] == "lerp")]
    for pair in PAIRS:
        curve = related[related["pair"] == f"{pair.a}, {pair.b}"]["contrast"]
        ends = torch.stack([word_vector(small, pair.a), word_vector(small, pair.b)])
        expected = tables.contrast(small, pair, ends).tolist()
        assert curve.iloc[[0, -1]].tolist() == pytest.approx(expected, abs=1e-4)


def test_an_unrelated_partner_is_another_prompts_and_ends_nearest(small, compared):
    row = compared[1][compared[1]["of"] == "unrelated"].iloc[0]
    ends = torch.stack([word_vector(small, word) for word in ("White", "Blue", "Green")])
    white, *others = tables.contrast(small, PAIRS[0], ends).tolist()
    nearest = min(others, key=lambda value: abs(value - white))
    assert row["b"] == ("Blue", "Green")[others.index(nearest)]


def test_the_gate_requires_both_partners(compared):
    for _, rows in compared[1].groupby("pair"):
        passes = (rows["at_a"] > 0).all() and (rows["at_b"] < 0).all()
        assert set(rows["gate"]) == {passes}


def test_deviation_is_the_distance_from_the_line(compared):
    points, table = compared
    row = table.iloc[0]
    keys = ["pair", "of", "way"]
    curve = points[(points[keys] == row[keys]).all(axis=1)]
    straight = row["at_a"] + (row["at_b"] - row["at_a"]) * curve["p"]
    bend = ((curve["contrast"] - straight) ** 2).mean() ** 0.5 / abs(row["at_a"] - row["at_b"])
    assert row["deviation"] == pytest.approx(bend, abs=1e-5)
