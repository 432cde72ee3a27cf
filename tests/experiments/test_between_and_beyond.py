"""Between two words and beyond one."""

import pandas as pd
import pytest

from nokenlab import nokens
from nokenlab.experiments import between_and_beyond
from nokenlab.experiments.definitions import PROMPTS
from nokenlab.nokens import fill


def test_pairs_are_read_and_nonsense_is_refused():
    every = between_and_beyond.pairs_of(["file"])
    assert len(every) == len(set(every)) == 50 and every[0] == ("dog", "cat")
    assert between_and_beyond.pairs_of(["file"], 3) == every[:3]
    assert between_and_beyond.pairs_of(["a, b"]) == [("a", "b")]
    for bad in (["a"], ["a, a"], ["a, b, c"], ["a, "], []):
        with pytest.raises(ValueError, match="pair"):
            between_and_beyond.pairs_of(bad)


def test_all_words_of_the_file_are_one_token_of_the_default_model(lab):
    assert all(
        len(lab.ids(f" {word}")) == 1 for pair in between_and_beyond.pairs_of(["file"]) for word in pair
    )


def test_pairs_turn_from_one_end_to_the_other(tiny):
    pairs = between_and_beyond.distinct(tiny, [("dog", "cat"), ("red", "blue"), ("hat", "hat")])
    assert pairs == [("dog", "cat"), ("red", "blue")]
    table = between_and_beyond.along_pairs(tiny, pairs, PROMPTS[1], 5)
    assert len(table) == 2 * 3 * 5
    assert table[table["p"] == 0]["kl_a"].max() < 1e-4 and table[table["p"] == 1]["kl_b"].max() < 1e-4
    turned = between_and_beyond.turns(table)
    assert turned["turn"].between(0, 1).all() and (turned["crossings"] % 2 == 1).all()
    assert between_and_beyond.turn_summary(turned)["pairs"].tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="nothing between"):
        between_and_beyond.distinct(tiny, [("hat", "hat")])


def test_the_turn_is_where_one_half_is_crossed():
    columns = {
        "p": [0.0, 0.25, 0.5, 0.75, 1.0],
        "to_b": [0.0, 0.05, 0.4, 0.8, 1.0],
        "entropy": [1, 2, 3, 2, 1],
    }
    one = pd.DataFrame(columns).assign(a="a", b="b", way="lerp", nearest=["x", "x", "z", "y", "y"], kl_b=2.0)
    row = between_and_beyond.turns(one).iloc[0]
    assert row["turn"] == pytest.approx(0.5625) and row["crossings"] == 1
    assert row["width"] == pytest.approx(0.75) and row["detour"] == 2 and row["third"]


def test_a_ray_goes_from_the_centroid_through_the_token(tiny):
    rays = between_and_beyond.along_rays(tiny, ["dog", "dog"], PROMPTS[1], [0.0, 1.0, 3.0], 3)
    assert rays["scale"].tolist() == [0.0, 1.0, 3.0]
    distance = (nokens.word_vector(tiny, "dog") - tiny.space.centroid).norm().item()
    assert rays["distance"].tolist() == pytest.approx([0, distance, 3 * distance], rel=1e-3, abs=1e-5)
    assert rays["kl"][1] < 1e-4
    logits = tiny.logits(fill(tiny, PROMPTS[1], nokens.word_vector(tiny, "dog")))
    assert rays["next_token"][1] == tiny.token(logits.argmax().item())
    with pytest.raises(ValueError, match="at least one word"):
        between_and_beyond.along_rays(tiny, [], PROMPTS[1], [1.0])
