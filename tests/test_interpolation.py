"""The table of ways, between words of real models."""

import pytest
import torch

from nokenlab.interpolation import WAYS, between
from nokenlab.nokens import word_vector


@pytest.mark.parametrize("way", WAYS)
def test_each_way_begins_and_ends_at_the_words(lab, way):
    a, b, c = word_vector(lab, "dog"), word_vector(lab, "cat"), lab.space.centroid
    found = between(a, b, [0.0, 0.5, 1.0], way, c)
    torch.testing.assert_close(found[[0, 2]], torch.stack([a, b]), atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="is none of"):
        between(a, b, [0.0], "sideways", c)


def test_the_arc_about_the_centroid_keeps_the_distance_and_the_line_does_not(lab):
    a, b, c = word_vector(lab, "dog"), word_vector(lab, "cat"), lab.space.centroid
    ends = sorted([(a - c).norm().item(), (b - c).norm().item()])
    arc = (between(a, b, [0.25, 0.5, 0.75], "slerp about c", c) - c).norm(dim=-1)
    assert arc.min() >= ends[0] - 1e-3 and arc.max() <= ends[1] + 1e-3
    assert (between(a, b, [0.5], "lerp", c)[0] - c).norm() < ends[0]
