"""Identities of the interpolations between two vectors."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import nokenlab as nl
from nokenlab.interpolation import INTERPOLATIONS, between, slerp_about
from nokenlab.prompt import word_vector

numbers = st.floats(-100, 100, width=32)
vectors = st.lists(numbers, min_size=4, max_size=4).map(torch.tensor)
fractions = st.floats(0, 1, width=32)


@given(vectors, vectors)
def test_both_paths_begin_at_a_and_end_at_b(a, b):
    for path in (nl.lerp, nl.slerp):
        try:
            ends = path(a, b, [0.0, 1.0])
        except ValueError as error:
            assert "opposite" in str(error)
            continue
        assert torch.equal(ends[0], a)
        torch.testing.assert_close(ends[1], b, rtol=1e-6, atol=1e-6)


@given(vectors, fractions)
def test_between_a_vector_and_itself_nothing_moves(a, p):
    assert torch.equal(nl.lerp(a, a, p), a)
    assert torch.equal(nl.slerp(a, a, p), a)


@given(vectors, vectors, fractions)
def test_lerp_is_the_articles_formula(a, b, p):
    torch.testing.assert_close(nl.lerp(a, b, p), (1 - p) * a + p * b, rtol=1e-4, atol=1e-4)


def test_slerp_turns_evenly_and_its_length_changes_evenly():
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 4.0])
    path = nl.slerp(a, b, torch.linspace(0, 1, 5))
    angles = torch.atan2(path[:, 1], path[:, 0])
    torch.testing.assert_close(angles, torch.linspace(0, math.pi / 2, 5))
    torch.testing.assert_close(path.norm(dim=-1), torch.linspace(2, 4, 5))


def test_lerp_cuts_the_corner_that_slerp_rounds():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert nl.lerp(a, b, 0.5).norm().item() == pytest.approx(math.sqrt(0.5))
    assert nl.slerp(a, b, 0.5).norm().item() == pytest.approx(1.0)


def test_rows_of_a_path_are_the_single_steps():
    a, b = torch.randn(1, 3, 8), torch.randn(1, 3, 8)
    for path in (nl.lerp, nl.slerp):
        rows = path(a, b, [0.0, 0.25, 1.0])
        assert rows.shape == (3, 3, 8)
        torch.testing.assert_close(rows[1:2], path(a, b, 0.25))


@pytest.mark.parametrize(
    "p, message",
    [
        ([], "at least one"),
        (float("nan"), "NaN"),
        ([0.0, float("inf")], "NaN or infinity"),
        ([[0.0]], "a number or a list"),
    ],
)
def test_bad_p(p, message):
    for path in (nl.lerp, nl.slerp):
        with pytest.raises(ValueError, match=message):
            path(torch.ones(3), torch.ones(3), p)


def test_paths_need_one_shape_and_an_arc():
    with pytest.raises(ValueError, match="differ in shape"):
        nl.lerp(torch.ones(3), torch.ones(4), 0.5)
    with pytest.raises(ValueError, match="exactly opposite"):
        nl.slerp(torch.ones(3), -torch.ones(3), 0.5)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_every_interpolation_takes_whole_prompts(interpolation):
    a, b, c = torch.randn(1, 3, 8), torch.randn(1, 3, 8), torch.randn(8)
    b[:, 1] = a[:, 1]
    rows = between(a, b, [0.0, 0.3, 1.0], interpolation, c)
    assert rows.shape == (3, 3, 8)
    torch.testing.assert_close(rows[[0, 2]], torch.cat([a, b]))
    assert torch.equal(rows[:, 1], a[:, 1].expand(3, 8))  # the same token stays exactly as it is
    alone = between(a[0, 0], b[0, 0], [0.3], interpolation, c)  # a token's vector by itself goes the same way
    torch.testing.assert_close(alone, rows[[1], 0])


def test_interpolations_agree_with_their_functions():
    a, b, c, p = torch.randn(1, 3, 8), torch.randn(1, 3, 8), torch.randn(8), [0.1, 0.5]
    assert torch.equal(between(a, b, p, "lerp", c), nl.lerp(a, b, p))
    assert torch.equal(between(a, b, p, "slerp", c), nl.slerp(a, b, p))
    assert torch.equal(between(a, b, p, "slerp about c", c), c + nl.slerp(a - c, b - c, p))


def test_an_unknown_interpolation_is_named_in_one_line():
    with pytest.raises(ValueError) as error:
        between(torch.ones(3), torch.zeros(3), [0.5], "sideways", torch.zeros(3))
    assert str(error.value) == "interpolation 'sideways' is not one of lerp, slerp, slerp about c"


def test_an_arc_about_a_point_changes_the_distance_from_it_evenly():
    a, b, c = torch.randn(8), torch.randn(8), torch.randn(8)
    first, half, last = (slerp_about(c, a, b, [0.0, 0.5, 1.0]) - c).norm(dim=-1).tolist()
    assert half == pytest.approx((first + last) / 2, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_an_arc_about_a_point_keeps_the_number_format(dtype):
    a, b, c = torch.randn(8).to(dtype), torch.randn(8).to(dtype), 3 * torch.randn(8)
    turned = slerp_about(c, a, b, [0.0, 0.5, 1.0])
    exact = slerp_about(c, a.float(), b.float(), [0.0, 0.5, 1.0])
    assert turned.dtype == dtype
    torch.testing.assert_close(turned, exact.to(dtype))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_each_interpolation_begins_and_ends_at_the_words(lab, interpolation):
    a, b, c = word_vector(lab, "dog"), word_vector(lab, "cat"), lab.space.centroid
    rows = between(a, b, [0.0, 0.5, 1.0], interpolation, c)
    torch.testing.assert_close(rows[[0, 2]], torch.stack([a, b]), atol=1e-5, rtol=1e-4)


def test_the_arc_about_the_centroid_keeps_the_distance_and_the_line_does_not(lab):
    a, b, c = word_vector(lab, "dog"), word_vector(lab, "cat"), lab.space.centroid
    ends = sorted([(a - c).norm().item(), (b - c).norm().item()])
    arc = (between(a, b, [0.25, 0.5, 0.75], "slerp about c", c) - c).norm(dim=-1)
    assert arc.min() >= ends[0] - 1e-3 and arc.max() <= ends[1] + 1e-3
    assert (between(a, b, [0.5], "lerp", c)[0] - c).norm() < ends[0]
