"""A unit of radii and noise is as many median tokens in every model; norms that are all equal are told."""

import pytest
import torch

from workbook import scale


def test_the_median_token_lies_as_many_units_from_the_centroid(tiny):
    assert tiny.space.median_distance / scale.unit(tiny) == pytest.approx(scale.MEDIAN, rel=5e-3)


def test_a_unit_is_1_in_the_default_model(lab):
    assert scale.unit(lab) == 1 and not scale.alike(lab.space.norms)


def test_norms_are_alike_where_nearly_all_are_within_two_percent():
    assert scale.alike(torch.linspace(0.99, 1.01, 100))
    assert not scale.alike(torch.linspace(0.9, 1.1, 100))
