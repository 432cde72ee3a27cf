"""The map of answers on a plane: its cells, its territories, and maps that cannot be."""

import json

import pandas as pd
import pytest

import nokenlab as nl
from nokenlab.answers import planes, territory_map

PROMPT = "The word <noken> means"
WORDS = ["dog", "king", "music"]
COLUMNS = (
    *("x", "y", "weight_a", "weight_b", "weight_c", "norm", "nearest", "next_token", "probability"),
    *("entropy", "leading", "response", "told_by", "begins", "territory", "corner"),
)


@pytest.fixture(scope="module")
def plane(tiny):
    return planes.plane_through(tiny, WORDS)


@pytest.fixture(scope="module")
def table(tiny, plane):
    return territory_map.territory_map(tiny, PROMPT, plane, cells=6, max_new_tokens=5, progress=False)


def test_a_map_has_one_row_per_cell(tiny, plane, table):
    assert tuple(table.columns) == COLUMNS and len(table) == 36
    reach = plane.reach(0.5)
    assert table[["x", "y"]].abs().max().tolist() == pytest.approx([reach, reach])
    assert table["x"].head(6).is_monotonic_increasing and table["y"].head(6).nunique() == 1
    vectors = plane.vector(table["x"].to_numpy(), table["y"].to_numpy())
    assert table["response"].tolist() == tiny.generate(nl.fill(tiny, PROMPT, vectors), 5)
    assert table["nearest"].tolist() == tiny.space.nearest(vectors, k=1)["token"].tolist()
    assert table["norm"].tolist() == pytest.approx(vectors.norm(dim=-1).tolist())
    best = tiny.logits(nl.fill(tiny, PROMPT, vectors)).softmax(-1).max(-1)
    assert table["next_token"].tolist() == [tiny.token(id) for id in best.indices.tolist()]
    assert table["probability"].tolist() == pytest.approx(best.values.tolist(), rel=1e-3)


def test_the_leading_tokens_of_a_cell(tiny, plane, table):
    vectors = plane.vector(table["x"].to_numpy(), table["y"].to_numpy())
    five = tiny.logits(nl.fill(tiny, PROMPT, vectors)).softmax(-1).topk(5)
    for row, ids, probabilities in zip(table.itertuples(), five.indices, five.values, strict=True):
        tokens, shares = zip(*json.loads(row.leading), strict=True)
        assert tokens[0] == row.next_token and set(tokens) == {tiny.token(id) for id in ids.tolist()}
        assert shares == pytest.approx(probabilities.tolist(), abs=1e-3)


def test_territories_are_equal_beginnings_the_largest_first(table):
    assert (table.groupby("territory")["begins"].nunique() == 1).all()
    assert (table.groupby("begins")["territory"].nunique() == 1).all()
    assert all(row.response.startswith(row.begins) for row in table.itertuples())
    areas = table["territory"].value_counts()
    assert areas.sort_index().is_monotonic_decreasing and areas.index.min() == "A"


def test_the_fewest_tokens_that_distinguish_the_corners(tiny, plane, table):
    ids = territory_map.answered(tiny, PROMPT, planes.corner_vectors(plane), 5)["ids"]
    told_by = territory_map.fewest(ids)
    assert set(table["told_by"]) == {told_by}
    begins = [tiny.text(row[:told_by]) for row in ids]
    assert len(set(begins)) == 3 and len({tuple(row[: told_by - 1]) for row in ids}) < 3
    for word, text in zip(WORDS, begins, strict=True):
        assert set(table["corner"][table["begins"] == text]) <= {word}
    assert not set(table["corner"][~table["begins"].isin(begins)]) - {""}
    assert territory_map.fewest([[1, 2], [1, 2], [4, 5, 6]]) == 3  # two say the same: all tokens count
    assert territory_map.fewest([[1], [2], [3]]) == 1


def test_corners_that_say_the_same_are_all_named(tiny, plane):
    ids = [[40], [40], [41], [40], [42], [42]]  # of the three corners, then of three points
    answers = pd.DataFrame({"ids": ids, "response": "x"})
    table = territory_map.named(tiny, plane, pd.DataFrame({"x": [0, 1, 2]}), answers, 1)
    assert table["corner"].tolist() == ["dog, king", "", ""]
    assert table["territory"].tolist() == ["B", "A", "A"]


def test_told_by_may_be_given(tiny, plane):
    table = territory_map.territory_map(tiny, PROMPT, plane, 3, max_new_tokens=3, told_by=1, progress=False)
    assert set(table["told_by"]) == {1} and table["begins"].tolist() == table["next_token"].tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prompt": "The word dog means"}, "<noken>"),
        ({"cells": 201}, "cells must be 2 to 200"),
        ({"cells": 1}, "cells must be 2 to 200"),
        ({"margin": -1}, "margin at least 0"),
        ({"told_by": 13}, "told_by 0 to max_new_tokens"),
        ({"told_by": -1}, "told_by 0 to max_new_tokens"),
        ({"max_new_tokens": 0}, "max_new_tokens must be a whole number, at least 1"),
    ],
)
def test_bad_input_is_named(tiny, plane, wrong, message):
    with pytest.raises(ValueError, match=message):
        territory_map.territory_map(tiny, **{"prompt": PROMPT, "plane": plane} | wrong)


def test_every_kind_of_plane_has_a_map(tiny):
    kinds = [planes.plane_through(tiny, WORDS), planes.random_plane(tiny, 1)]
    kinds.append(planes.random_plane(tiny, 1, "random tokens"))
    for plane in kinds:
        table = territory_map.territory_map(tiny, PROMPT, plane, cells=3, max_new_tokens=2, progress=False)
        assert tuple(table.columns) == COLUMNS and len(table) == 9
        vectors = plane.vector(table["x"].to_numpy(), table["y"].to_numpy())
        assert table["response"].tolist() == tiny.generate(nl.fill(tiny, PROMPT, vectors), 2)
    assert len(planes.near_tokens(tiny, kinds[0], 7)) == 7
