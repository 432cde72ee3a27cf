"""The map of answers on a plane: its cells, its territories, and maps that cannot be."""

import json

import pytest

from nokenlab.answers import planes
from nokenlab.answers import territory_map as experiment
from nokenlab.prompt import fill

PROMPT = "The word <noken> means"
WORDS = ["dog", "king", "music"]
COLUMNS = (
    *("x", "y", "weight_a", "weight_b", "weight_c", "norm", "nearest", "next_token", "probability"),
    *("entropy", "leading", "response", "told_by", "begins", "territory", "corner"),
)


@pytest.fixture(scope="module")
def plane(lab):
    return planes.plane_through(lab, WORDS)


@pytest.fixture(scope="module")
def table(lab, plane):
    return experiment.territory_map(lab, PROMPT, plane, cells=6, max_new_tokens=5, progress=False)


def test_a_map_has_a_row_a_cell(lab, plane, table):
    assert tuple(table.columns) == COLUMNS and len(table) == 36
    reach = plane.reach(0.5)
    assert table[["x", "y"]].abs().max().tolist() == pytest.approx([reach, reach])
    assert table["x"].head(6).is_monotonic_increasing and table["y"].head(6).nunique() == 1
    vectors = plane.vector(table["x"].to_numpy(), table["y"].to_numpy())
    assert table["response"].tolist() == lab.generate(fill(lab, PROMPT, vectors), 5)
    assert table["nearest"].tolist() == lab.space.nearest(vectors, k=1)["token"].tolist()
    assert table["norm"].tolist() == pytest.approx(vectors.norm(dim=-1).tolist())
    best = lab.logits(fill(lab, PROMPT, vectors)).softmax(-1).max(-1)
    assert table["next_token"].tolist() == [lab.token(id) for id in best.indices.tolist()]
    assert table["probability"].tolist() == pytest.approx(best.values.tolist(), rel=1e-3)


def test_the_leading_tokens_of_a_cell(lab, plane, table):
    vectors = plane.vector(table["x"].to_numpy(), table["y"].to_numpy())
    five = lab.logits(fill(lab, PROMPT, vectors)).softmax(-1).topk(5)
    for row, ids, probabilities in zip(table.itertuples(), five.indices, five.values, strict=True):
        tokens, shares = zip(*json.loads(row.leading), strict=True)
        assert tokens[0] == row.next_token and set(tokens) == {lab.token(id) for id in ids.tolist()}
        assert shares == pytest.approx(probabilities.tolist(), abs=1e-3)


def test_territories_are_equal_beginnings_the_largest_first(lab, table):
    assert (table.groupby("territory")["begins"].nunique() == 1).all()
    assert (table.groupby("begins")["territory"].nunique() == 1).all()
    assert all(row.response.startswith(row.begins) for row in table.itertuples())
    areas = table["territory"].value_counts()
    assert areas.sort_index().is_monotonic_decreasing and areas.index.min() == "A"


def test_the_fewest_tokens_that_tell_the_corners_apart(lab, plane, table):
    ids = experiment.answered(lab, PROMPT, planes.corner_vectors(plane), 5)["ids"]
    told_by = experiment.fewest(ids)
    assert set(table["told_by"]) == {told_by}
    begins = [lab.text(one[:told_by]) for one in ids]
    assert len(set(begins)) == 3 and len({tuple(one[: told_by - 1]) for one in ids}) < 3
    for word, text in zip(WORDS, begins, strict=True):
        assert set(table["corner"][table["begins"] == text]) <= {word}
    assert not set(table["corner"][~table["begins"].isin(begins)]) - {""}
    assert experiment.fewest([[1, 2], [1, 2], [4, 5, 6]]) == 3  # two say the same: all tokens count
    assert experiment.fewest([[1], [2], [3]]) == 1


def test_corners_that_say_the_same_are_all_named(lab, plane):
    table = experiment.territory_map(lab, PROMPT, plane, 3, max_new_tokens=1, margin=0, progress=False)
    assert "dog, king, music" in set(table["corner"])  # all begin with a quotation mark


def test_told_by_may_be_given(lab, plane):
    table = experiment.territory_map(lab, PROMPT, plane, 3, max_new_tokens=3, told_by=1, progress=False)
    assert set(table["told_by"]) == {1} and table["begins"].tolist() == table["next_token"].tolist()


def test_maps_that_cannot_be(lab, plane, monkeypatch):
    with pytest.raises(ValueError, match="<noken>"):
        experiment.territory_map(lab, "The word dog means", plane, cells=500)
    said = (
        r"^201 x 201 cells are more than 200 x 200: at 2 tokens each they would take about \d+ minutes here"
    )
    with pytest.raises(ValueError, match=said):
        experiment.territory_map(lab, PROMPT, plane, cells=201, max_new_tokens=2)
    for wrong in ({"cells": 1}, {"margin": -1}, {"told_by": 13}, {"told_by": -1}):
        with pytest.raises(ValueError, match="at least 2 cells"):
            experiment.territory_map(lab, PROMPT, plane, **wrong)
    with pytest.raises(ValueError, match="max_new_tokens must be a whole number, at least 1"):
        experiment.territory_map(lab, PROMPT, plane, max_new_tokens=0)


def test_any_plane_of_any_model_has_a_map(tiny):
    every = [planes.plane_through(tiny, WORDS), planes.principal_plane(tiny)]
    every += [planes.random_plane(tiny, 1), planes.random_plane(tiny, 1, "random tokens")]
    for plane in every:
        table = experiment.territory_map(tiny, PROMPT, plane, cells=3, max_new_tokens=2, progress=False)
        assert tuple(table.columns) == COLUMNS and len(table) == 9
        vectors = plane.vector(table["x"].to_numpy(), table["y"].to_numpy())
        assert table["response"].tolist() == tiny.generate(fill(tiny, PROMPT, vectors), 2)
    assert len(planes.near_tokens(tiny, every[0], 7)) == 7
