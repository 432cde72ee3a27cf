"""Planes through three vectors, and the tokens near them."""

import pytest
import torch

from nokenlab.answers import planes
from nokenlab.prompt import word_vector

WORDS = ["dog", "king", "music"]


@pytest.fixture(scope="module")
def plane(lab):
    return planes.plane_through(lab, WORDS)


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
    plane = planes.plane_through(lab, ["whippets", "dog", "centroid"])
    assert plane.corners[0].note == "'whippets' is 3 tokens; its last, 'ets', stands for it"
    assert plane.corners[1].note == ""
    at = [(corner.x, corner.y) for corner in plane.corners]
    torch.testing.assert_close(plane.vector(*at[0])[0], word_vector(lab, "whippets"))
    torch.testing.assert_close(plane.vector(*at[2])[0], lab.space.centroid)


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        (["dog", "king"], "three corners, words or 'centroid'; got"),
        ("dog", "three corners"),
        (["dog", " ", "king"], "a corner is empty"),
        (["dog", "king", "dog"], "'dog' and 'dog' are one vector"),
        (["whippets", "king", "Whippets"], "are one vector"),
    ],
)
def test_corners_that_make_no_plane(lab, corners, message):
    with pytest.raises(ValueError) as error:
        planes.plane_through(lab, corners)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_three_words_on_one_line(lab, monkeypatch):
    def vector(lab, word):
        return torch.full((lab.width,), len(word) / 10)

    monkeypatch.setattr(planes, "word_vector", vector)
    with pytest.raises(ValueError, match=r"^dog, king, music lie on one line, so no single plane goes"):
        planes.plane_through(lab, WORDS)


def test_other_planes(lab):
    random, other = planes.random_plane(lab, 0), planes.random_plane(lab, 1)
    distances = (planes.corner_vectors(random) - lab.space.centroid).norm(dim=-1)
    torch.testing.assert_close(distances, torch.full((3,), lab.space.median_distance))
    tokens = planes.random_plane(lab, 0, "random tokens")
    nearest = lab.space.nearest(planes.corner_vectors(tokens), k=1)
    assert nearest["token"].tolist() == [corner.label for corner in tokens.corners]
    assert nearest["distance"].max() < 1e-5
    assert not torch.allclose(random.origin, other.origin)


def test_near_tokens_are_the_nearest_to_the_plane_above_the_map(lab, plane):
    near = planes.near_tokens(lab, plane, 50)
    assert near["off"].is_monotonic_increasing and not set(near["token"]) & {f" {word}" for word in WORDS}
    vectors = lab.embed_ids(torch.tensor(near["id"].tolist())).float()
    foot = plane.vector(near["x"].to_numpy(), near["y"].to_numpy())
    assert near["off"].tolist() == pytest.approx((vectors - foot).norm(dim=-1).tolist(), rel=1e-4)
    torch.testing.assert_close((vectors - foot) @ plane.axes.T, torch.zeros(50, 2), atol=1e-4, rtol=0)
    assert near[["x", "y"]].abs().max().max() <= plane.reach(0.5)
    all_above = planes.near_tokens(lab, plane, len(lab.space))
    above = (lab.space.vectors.float() - plane.origin) @ plane.axes.T
    assert len(all_above) == (above.abs().amax(1) <= plane.reach(0.5)).sum() - 3
