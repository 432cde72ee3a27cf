"""Planes through three vectors, and the map of answers on them."""

import pytest
import torch

from nokenlab.experiments import territories as experiment
from nokenlab.nokens import fill, word_vector

PROMPT = "The word <noken> means"
WORDS = ["dog", "king", "music"]
COLUMNS = (
    *(
        "x",
        "y",
        "weight_a",
        "weight_b",
        "weight_c",
        "norm",
        "nearest",
        "next_token",
        "probability",
        "entropy",
    ),
    *("response", "told_by", "begins", "territory", "corner"),
)


@pytest.fixture(scope="module")
def plane(lab):
    return experiment.plane_through(lab, WORDS)


@pytest.fixture(scope="module")
def table(lab, plane):
    return experiment.territory_map(lab, PROMPT, plane, cells=6, max_new_tokens=5, progress=False)


def test_the_corners_are_the_words_and_distances_are_the_spaces(lab, plane):
    x, y = ([getattr(corner, axis) for corner in plane.corners] for axis in "xy")
    words = torch.stack([word_vector(lab, word) for word in WORDS])
    torch.testing.assert_close(plane.vector(x, y), words)
    torch.testing.assert_close(plane.weights(x, y), torch.eye(3))
    flat = torch.tensor([x, y]).T
    torch.testing.assert_close(torch.cdist(flat, flat), torch.cdist(words, words))
    torch.testing.assert_close(plane.axes @ plane.axes.T, torch.eye(2))
    assert x[0] < x[2] < x[1] and y[0] == pytest.approx(y[1]) and y[2] > y[0]
    assert sum(x) == pytest.approx(0, abs=1e-6) and sum(y) == pytest.approx(0, abs=1e-6)


def test_a_points_vector_is_the_corners_by_its_weights(lab, plane):
    x, y = torch.tensor([0.3, -4.0]), torch.tensor([0.2, 7.0])
    weights = plane.weights(x, y)
    words = torch.stack([word_vector(lab, word) for word in WORDS])
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    torch.testing.assert_close(plane.vector(x, y), weights @ words)
    assert plane.vector(0.3, 0.2).shape == (1, lab.width)
    torch.testing.assert_close(plane.vector(0.3, 0.2)[0], plane.vector(x, y)[0])


def test_words_of_several_tokens_end_in_their_last_and_that_is_said(lab):
    plane = experiment.plane_through(lab, ["whippets", "dog", "centroid"])
    assert plane.corners[0].note == "'whippets' is 3 tokens; its last, 'ets', stands for it"
    assert plane.corners[1].note == ""
    at = [(corner.x, corner.y) for corner in plane.corners]
    torch.testing.assert_close(plane.vector(*at[0])[0], word_vector(lab, "whippets"))
    torch.testing.assert_close(plane.vector(*at[2])[0], lab.space.centroid)


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        (["dog", "king"], "three corners, words or 'centroid'; got"),
        ("dog", "three corners"),
        (["dog", " ", "king"], "a corner is empty"),
        (["dog", "king", "dog"], "'dog' and 'dog' are one vector"),
        (["whippets", "king", "Whippets"], "are one vector"),
    ],
)
def test_corners_that_make_no_plane(lab, corners, said):
    with pytest.raises(ValueError) as error:
        experiment.plane_through(lab, corners)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_three_words_on_one_line(lab, monkeypatch):
    def vector(lab, word):
        return torch.full((lab.width,), len(word) / 10)

    monkeypatch.setattr(experiment, "word_vector", vector)
    with pytest.raises(ValueError, match=r"^dog, king, music lie on one line, so no one plane goes through"):
        experiment.plane_through(lab, WORDS)


def test_other_planes(lab):
    random, other = experiment.random_plane(lab, 0), experiment.random_plane(lab, 1)
    x, y = ([getattr(corner, axis) for corner in random.corners] for axis in "xy")
    away = (random.vector(x, y) - lab.space.centroid).norm(dim=-1)
    torch.testing.assert_close(away, torch.full((3,), lab.space.median_distance))
    tokens = experiment.random_plane(lab, 0, "random tokens")
    nearest = lab.space.nearest(experiment.corner_vectors(tokens), k=1)
    assert nearest["token"].tolist() == [corner.label for corner in tokens.corners]
    assert nearest["distance"].max() < 1e-5
    assert random.kind == "random nokens" and not torch.allclose(random.origin, other.origin)
    principal = experiment.principal_plane(lab)
    torch.testing.assert_close(principal.origin, lab.space.centroid)
    offsets = lab.space.vectors.float() - lab.space.centroid
    along, across = (offsets @ principal.axes.T).std(dim=0)
    assert along > across > (offsets @ random.axes.T).std(dim=0).max()


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


def test_territories_are_equal_beginnings_the_largest_first(lab, table):
    assert (table.groupby("territory")["begins"].nunique() == 1).all()
    assert (table.groupby("begins")["territory"].nunique() == 1).all()
    assert all(row.response.startswith(row.begins) for row in table.itertuples())
    areas = table["territory"].value_counts()
    assert areas.sort_index().is_monotonic_decreasing and areas.index.min() == "A"


def test_the_fewest_tokens_that_tell_the_corners_apart(lab, plane, table):
    ids = experiment.answered(lab, PROMPT, experiment.corner_vectors(plane), 5)["ids"]
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
    with pytest.raises(ValueError, match="max_new_tokens must be at least 1"):
        experiment.territory_map(lab, PROMPT, plane, max_new_tokens=0)


def test_any_plane_of_any_model_has_a_map(tiny):
    planes = [experiment.plane_through(tiny, WORDS), experiment.principal_plane(tiny)]
    planes += [experiment.random_plane(tiny, 1), experiment.random_plane(tiny, 1, "random tokens")]
    for plane in planes:
        table = experiment.territory_map(tiny, PROMPT, plane, cells=3, max_new_tokens=2, progress=False)
        assert tuple(table.columns) == COLUMNS and len(table) == 9
        vectors = plane.vector(table["x"].to_numpy(), table["y"].to_numpy())
        assert table["response"].tolist() == tiny.generate(fill(tiny, PROMPT, vectors), 2)
    assert len(experiment.near_tokens(tiny, planes[0], 7)) == 7


def test_near_tokens_are_the_nearest_to_the_plane_above_the_map(lab, plane):
    near = experiment.near_tokens(lab, plane, 50)
    assert near["off"].is_monotonic_increasing and not set(near["token"]) & {f" {word}" for word in WORDS}
    vectors = lab.embed_ids(torch.tensor(near["id"].tolist())).float()
    foot = plane.vector(near["x"].to_numpy(), near["y"].to_numpy())
    assert near["off"].tolist() == pytest.approx((vectors - foot).norm(dim=-1).tolist(), rel=1e-4)
    torch.testing.assert_close((vectors - foot) @ plane.axes.T, torch.zeros(50, 2), atol=1e-4, rtol=0)
    assert near[["x", "y"]].abs().max().max() <= plane.reach(0.5)
    every = experiment.near_tokens(lab, plane, len(lab.space))
    above = (lab.space.vectors.float() - plane.origin) @ plane.axes.T
    assert len(every) == (above.abs().amax(1) <= plane.reach(0.5)).sum() - 3
