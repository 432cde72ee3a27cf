"""What is counted about definitions under noise, on tables made by hand."""

import numpy as np
import pandas as pd
import pytest
from helpers.noise import noise_table

from workbook.claims import claims
from workbook.semantic_decay.counts import (
    EXPLANATIONS,
    against_words,
    alike,
    by_family,
    crossing,
    explained,
    halves,
    matching,
    shares,
    turned_or_longer,
)


def test_the_crossing_is_on_the_logarithm_and_says_what_it_cannot_know():
    assert crossing([1.0, 100.0], [0.0, 1.0], 0.5) == pytest.approx(10)
    assert crossing([1.0, 10.0, 100.0], [0.0, 0.5, 1.0], 0.5) == pytest.approx(10)
    assert crossing([1.0, 10.0, 100.0], [0.2, 0.8, 0.1], 0.5) == pytest.approx(10**0.5)
    assert crossing([1.0, 10.0], [0.0, 0.4], 0.5) == float("inf")
    assert crossing([1.0, 10.0], [0.6, 0.4], 0.5) == 0


def test_shares_count_subjects_and_not_rows():
    kept = {name: [4, 2, 0] for name in "abcde"} | {name: [4, 4, 4] for name in "fghij"}
    table = noise_table(kept | {"z": [1, 0, 0]})
    words = shares(table).query("family == 'word'")
    assert words["rows"].tolist() == [40] * 3 and words["kept"].tolist() == [1, 0.75, 0.5]
    assert words["n_units"].tolist() == [10] * 3 and set(words["unit"]) == {"subject"}
    t = 2.262157 / np.sqrt(9)  # Student's, of ten subjects; the standard deviation is 0.25, then 0.5
    ends = [1, 1, 0.75 - 0.25 * t, 0.75 + 0.25 * t, 0.5 - 0.5 * t, 0.5 + 0.5 * t]
    assert words[["low", "high"]].to_numpy().ravel().tolist() == pytest.approx(ends)
    assert shares(table).query("family == 'r = 1'")["low"].isna().all()  # one subject
    ten_times = shares(pd.concat([table] * 10)).query("family == 'word'")
    assert ten_times[["low", "high"]].equals(words[["low", "high"]])  # more draws are no more subjects


def test_draws_of_a_subject_are_alike():
    names = "abcdefghij"
    same = alike(noise_table({name: [4 * (name > "e")] * 3 for name in names})).iloc[0]
    assert same["icc"] == pytest.approx(1) and same["design_effect"] == pytest.approx(4)
    assert (same["n_units"], same["rows"]) == (10, 40) and same["worth"] == pytest.approx(10)
    table = noise_table({name: [50] * 3 for name in names}, draws=100)
    table["kept"] = np.random.default_rng(0).random(len(table)) < 0.5
    assert abs(alike(table)["icc"][0]) < 0.01  # by chance alone
    assert alike(noise_table({"a": [1, 1, 1], "b": [0, 0, 0]}))["icc"].isna().all()  # two subjects
    assert alike(noise_table({name: [1, name > "e", 0] for name in names}, draws=1))["icc"].isna().all()


def test_nokens_are_compared_with_all_words_and_with_matched_ones():
    nokens = against_words(noise_table({"a": [4, 2, 0], "b": [4, 4, 4], "y": [3, 2, 0], "z": [1, 0, 0]}))
    assert nokens["family"].tolist() == ["r = 1"] * 3 + ["matched"] * 3
    assert nokens["n_units"].tolist() == [2] * 3 + [1] * 3 and nokens["n_words"].tolist() == [2] * 3 + [1] * 3
    assert nokens["difference"].tolist() == pytest.approx([-0.5, -0.5, -0.5, -0.75, -0.5, 0])
    assert nokens["low"].isna().all()  # of so few
    itself = noise_table({name: [4, i % 4, i % 2] for i, name in enumerate("abcdefghij")})
    twins = itself.assign(family="r = 1", subject=itself["subject"] + " too")
    same = against_words(pd.concat([itself, twins]))[1:3]
    assert same["difference"].tolist() == [0, 0] and (same["low"] < 0).all() and (same["high"] > 0).all()


def test_how_sure_the_matched_are():
    subjects = pd.DataFrame({"family": ["word", "word", "r = 1", "r = 2"], "sure": [0.5, 0.2, 0.4, 0.1]})
    families = matching(subjects.assign(matched=[True, False, True, False])).set_index("family")
    assert families.index.tolist() == ["word", "r = 1", "r = 2", "nokens"]
    assert families["n_units"].tolist() == [2, 1, 1, 2] and families["matched"].tolist() == [1, 1, 0, 1]
    assert families["matched_sure"].tolist()[:2] == [0.5, 0.4] and families["sure"]["nokens"] == 0.25


def test_halves_and_their_medians():
    borne = halves(noise_table({"a": [4, 2, 0], "b": [4, 4, 4], "z": [1, 0, 0]}))
    assert borne["half"].tolist() == pytest.approx([10, float("inf"), 0])
    assert borne["half_first"].tolist() == [float("inf")] * 3
    assert borne["moved"].tolist() == pytest.approx([10] * 3)  # kl is magnitude / 100, so 0.1 bit at 10
    families = by_family(borne.assign(family=["word", "word", "r = 1"], norm=10.0, nearest=1.0, distance=2.0))
    assert families["n_units"].tolist() == [2, 1] and families["half"].tolist() == [float("inf"), 0]
    assert families["degrees"].tolist() == pytest.approx([45, 45])


def test_turned_and_longer_are_ratios_of_means_with_intervals_over_subjects():
    table = noise_table({name: [4, 2, 0] for name in "abcdefghijqrstuvwxyz"})
    turned = turned_or_longer(table)
    assert turned["subjects"].tolist() == ["words"] * 3 + ["nokens"] * 3 and set(turned["n_units"]) == {10}
    for share, value in (("turned", 2.0), ("longer", 0.25)):
        assert turned[[share, f"{share}_low", f"{share}_high"]].stack().tolist() == pytest.approx(
            [value] * 18
        )
    table.loc[table["subject"] < "f", "kl_turned"] = 0.0  # five have their 2, five 0: 1 on the whole
    words = turned_or_longer(table)[:3]
    assert words["turned"].tolist() == pytest.approx([1.0] * 3)
    assert words["turned_low"].between(0.2, 0.6).all() and words["turned_high"].between(1.4, 1.8).all()
    few = turned_or_longer(noise_table({"a": [4, 2, 0]}))
    assert few["turned"].tolist() == pytest.approx([2.0] * 3) and few["turned_low"].isna().all()


def test_what_a_subject_bears_is_set_against_each_explanation():
    table = pd.DataFrame({"subject": list("abcde"), "family": "word", "norm": 1.0, "nearest": range(5)})
    table = table.assign(distance=[-n for n in range(5)], sure=[1, 0, 4, 3, 2], moved=1.0)
    tests = explained(table.assign(half=[0, 1, 2, 3, np.inf])).set_index(["of", "explanation"])
    assert len(tests) == 2 * len(EXPLANATIONS) and (tests["n_units"] == 5).all()
    assert tests["rho"]["half", "nearest"] == pytest.approx(1)
    assert tests["rho"]["half", "distance"] == pytest.approx(-1)
    assert (
        np.isnan(tests["rho"]["half", "norm, alike"]) and tests.loc["moved"]["rho"].isna().all()
    )  # nothing varies
    assert tests["p"].count() == 3
    assert tests["holm"]["half", "nearest"] == pytest.approx(3 * tests["p"].min())


def test_without_words_nokens_alone_are_counted():
    table = noise_table({name: [4, 2, 0] for name in "wxyz"})
    subjects = halves(table).assign(family="r = 1", matched=False, **dict.fromkeys(EXPLANATIONS, 1.0))
    assert turned_or_longer(table)["subjects"].unique().tolist() == ["nokens"]
    assert explained(subjects)["subjects"].unique().tolist() == ["nokens"]
    assert against_words(table)["difference"].isna().all()
    assert matching(subjects)["family"].tolist() == ["r = 1", "nokens"]


def test_every_claim_finds_its_rows():
    names = "abcdefuvwxyz"
    table = noise_table({name: [4, i % 4, i % 2] for i, name in enumerate(names)})
    table = table.replace({"magnitude": {1.0: 0.2, 10.0: 0.5, 100.0: 2.0}, "family": {"r = 1": "r = 0.5"}})
    table = pd.concat([table, table[table["family"] != "word"].replace({"magnitude": {0.5: 0.1}})])
    table["matched"] = True
    subjects = halves(noise_table({name: [4, i % 4, 0] for i, name in enumerate(names)}))
    numbers = {name: np.random.default_rng(1).random(len(names)) for name in EXPLANATIONS}
    subjects = subjects.assign(family=["word"] * 6 + ["r = 1"] * 6, prompt="<noken> is", **numbers)
    asked = claims.read_claims("semantic_decay/questions.yaml")
    answers = claims.answers(asked, {"noise": table, "subjects": subjects})
    assert answers["claim"].tolist() == [claim.claim for claim in asked]
    units = answers.set_index("claim")["n_units"]
    assert units["words keep most definitions at noise 0.2"] == 6
    assert units["nokens near the centroid bear less than words"] == 12
    assert units["half follows sureness"] == 6
