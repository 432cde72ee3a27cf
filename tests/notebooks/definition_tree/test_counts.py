"""What is counted about definition trees, on trees made by hand and small ones."""

import pandas as pd
import pytest
from helpers.trees import hand_made, small_trees

from workbook.claims import claims
from workbook.definition_tree.counts import branches, by_depth, by_subject, greedy, overlap
from workbook.definition_tree.tables import CUTS


def test_counts_of_a_tree_made_by_hand():
    subjects = by_subject(hand_made())
    assert subjects["complete"].tolist() == [2, 2] and subjects["half"].tolist() == [1, 1]
    assert subjects["mass"].tolist() == pytest.approx([0.75, 0.6])
    assert subjects["spread"].tolist() == pytest.approx([0.9183, 0.9183], abs=1e-4)
    assert subjects["first"].tolist() == [1.0, 3.0] and subjects["greedy"].tolist() == ["x.", "y."]
    (shared,) = overlap(hand_made()).to_dict("records")
    assert shared["shared"] == 0.25 and shared["share"] == pytest.approx(0.25 / 0.6)
    depths = by_depth(hand_made())
    assert depths["ended"].tolist() == pytest.approx([0, 0.75, 0, 0.6])
    assert depths["inside"].tolist() == pytest.approx([1, 0.75, 1, 0.6])
    assert depths["cut_rank"].tolist() == [0, 0.25, 0, 0.4]


def test_a_tree_without_a_complete_definition_has_no_half_and_no_spread():
    root = by_subject(hand_made().query("node == 0"))
    assert root["complete"].tolist() == [0, 0] and root[["half", "spread"]].isna().all(axis=None)


def test_the_probability_inside_is_all_that_was_not_cut_and_never_grows():
    depths = by_depth(small_trees())
    assert depths["inside"].tolist() == pytest.approx((1 - depths[CUTS].sum(axis=1)).tolist(), abs=1e-9)
    for _, tree in depths.groupby("subject"):
        assert tree["inside"].is_monotonic_decreasing and tree["inside"].iloc[0] == 1


def test_the_claim_reads_its_own_setting_and_a_subject_is_one_fact():
    depths = by_depth(small_trees())
    rows = pd.concat(depths.assign(prompt=prompt, k=5, threshold=1e-5) for prompt in ("a", "b"))
    rows = pd.concat([rows, rows.assign(k=20, inside=0.0)])
    answers = claims.answers(claims.read_claims("definition_tree/questions.yaml"), {"depths": rows})
    assert answers["n_units"].tolist() == [depths["subject"].nunique()] * 2
    by_hand = depths[depths["depth"] == 3]["inside"].mean()
    assert answers["estimate"].tolist() == pytest.approx([by_hand] * 2)


def test_branches_are_sorted_complete_ones_first_and_say_which_is_greedy():
    table = branches(hand_made())
    assert table["subject"].tolist() == ["a", "a", "b", "b"] and table["complete"].all()
    assert table["cumulative"].tolist() == [0.5, 0.25, 0.4, 0.2]
    assert table["greedy"].tolist() == [True, False, True, False]
    assert table["text"].tolist() == ["x", "y", "y", "$z$"]
    small = branches(small_trees())
    assert small["subject"].unique().tolist() == small_trees()["subject"].unique().tolist()
    for _, group in small.groupby(["subject", "complete"]):
        assert group["cumulative"].is_monotonic_decreasing
    assert greedy(small_trees()).groupby(small_trees()["subject"]).sum().min() > 1


def test_a_tree_shares_all_with_itself():
    table = small_trees()
    dog = table[table["subject"] == "dog"]
    shared = overlap(pd.concat([dog, dog.assign(subject="again")]))
    assert len(shared) == dog["depth"].max()
    assert shared["share"].tolist() == pytest.approx([1.0] * len(shared))
