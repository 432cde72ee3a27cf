"""What is counted about definitions under noise, on tables made by hand."""

import numpy as np
import pandas as pd
import pytest
from helpers.noise import noise_table

from nokenlab.experiments.semantic_decay_counts import (
    EXPLANATIONS,
    by_family,
    crossing,
    explained,
    halves,
    only_turned,
    shares,
)


def test_the_crossing_is_on_the_logarithm_and_says_what_it_cannot_know():
    assert crossing([1.0, 100.0], [0.0, 1.0], 0.5) == pytest.approx(10)
    assert crossing([1.0, 10.0, 100.0], [0.0, 0.5, 1.0], 0.5) == pytest.approx(10)
    assert crossing([1.0, 10.0, 100.0], [0.2, 0.8, 0.1], 0.5) == pytest.approx(10**0.5)
    assert crossing([1.0, 10.0], [0.0, 0.4], 0.5) == float("inf")
    assert crossing([1.0, 10.0], [0.6, 0.4], 0.5) == 0


def test_shares_and_halves_count():
    table = noise_table({"a": [4, 2, 0], "b": [4, 4, 4], "z": [1, 0, 0]})
    words = shares(table).query("family == 'word'")
    assert words["rows"].tolist() == [8] * 3 and words["kept"].tolist() == [1, 0.75, 0.5]
    assert (words["low"] < words["kept"]).all() and words["high"].tolist()[0] == 1
    borne = halves(table).set_index("subject")
    assert borne["half"].tolist() == pytest.approx([10, float("inf"), 0])
    assert borne["half_first"].tolist() == [float("inf")] * 3
    assert borne["moved"].tolist() == pytest.approx([10] * 3)  # kl is magnitude / 100, so 0.1 bit at 10
    subjects = pd.DataFrame({"subject": ["a", "b", "z"], "family": ["word", "word", "r = 1"], "norm": 10.0})
    subjects = subjects.assign(nearest=1.0, distance=2.0)
    families = by_family(borne.reset_index(), subjects)
    assert families["subjects"].tolist() == [2, 1] and families["half"].tolist() == [float("inf"), 0]
    assert families["degrees"].tolist() == pytest.approx([45, 45])


def test_only_turned_is_the_ratio_of_the_means_with_an_interval_over_subjects():
    table = noise_table({"a": [4, 2, 0], "b": [4, 4, 4], "y": [1, 0, 0], "z": [1, 0, 0]})
    turned = only_turned(table)
    assert turned["subjects"].tolist() == ["words"] * 3 + ["nokens"] * 3
    assert turned[["share", "low", "high"]].to_numpy().ravel().tolist() == pytest.approx([2.0] * 18)
    table.loc[table["subject"] == "a", "kl_turned"] = 0.0  # b alone keeps its 2, a has 0: 1 on the whole
    words = only_turned(table)[:3]
    assert words["share"].tolist() == pytest.approx([1.0] * 3)
    assert words["low"].tolist() == [0.0] * 3 and words["high"].tolist() == pytest.approx([2.0] * 3)
    one = only_turned(noise_table({"a": [4, 2, 0]}))
    assert one["share"].tolist() == pytest.approx([2.0] * 3) and one[["low", "high"]].isna().all(axis=None)


def test_what_a_subject_bears_is_set_against_each_explanation():
    names = list("abcde")
    subjects = pd.DataFrame({"subject": names, "family": "word", "norm": 1.0, "nearest": range(5)})
    subjects = subjects.assign(distance=[-n for n in range(5)], sure=[1, 0, 4, 3, 2])
    borne = pd.DataFrame({"subject": names, "family": "word", "half": [0, 1, 2, 3, np.inf], "moved": 1.0})
    found = explained(borne, subjects).set_index(["of", "explanation"])
    assert len(found) == 2 * len(EXPLANATIONS) and (found["count"] == 5).all()
    assert found["rho"]["half", "nearest"] == pytest.approx(1)
    assert found["rho"]["half", "distance"] == pytest.approx(-1)
    assert np.isnan(found["rho"]["half", "norm"]) and found.loc["moved"]["rho"].isna().all()  # nothing varies


def test_without_words_nokens_alone_are_counted():
    table = noise_table({name: [4, 2, 0] for name in "wxyz"})
    subjects = pd.DataFrame({"subject": list("wxyz"), "family": "r = 1"}).assign(
        **dict.fromkeys(EXPLANATIONS, 1.0)
    )
    assert only_turned(table)["subjects"].unique().tolist() == ["nokens"]
    assert explained(halves(table), subjects)["subjects"].unique().tolist() == ["nokens"]
