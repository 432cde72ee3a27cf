"""Packed matrices beside what gguf makes of the same bytes; put together and in another order."""

import gguf
import numpy as np
import pytest

from nokenlab.models import gguf_weights
from nokenlab.models.gguf_weights import concatenate, rotary_order, unpack

KINDS = gguf.GGMLQuantizationType


def packed(kind: str, seed: int = 0, rows: int = 5, columns: int = 96):
    """A random matrix as gguf packs it: its bytes, (rows, bytes)."""
    weights = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    return gguf.quantize(weights, KINDS[kind])


@pytest.mark.parametrize("kind", ["Q4_1", "Q8_0"])
def test_weights_are_those_of_gguf_bit_for_bit(kind):
    data = packed(kind)
    matrix = unpack(data, kind)
    assert matrix.shape == (5, 96) and matrix.bits == int(kind[1])
    weights = gguf.dequantize(data, KINDS[kind])
    assert np.array_equal(matrix.floats(), weights) and weights.std() > 0.5


def test_other_kinds_are_refused():
    with pytest.raises(ValueError, match="a matrix of Q5_1 cannot be read, only of Q4_1 or Q8_0"):
        unpack(packed("Q5_1"), "Q5_1")


def test_the_smallest_number_of_8_bits_stays_the_smallest():
    data = np.zeros((1, 34), np.uint8)
    data[0, :2] = np.array([1], np.float16).view(np.uint8)
    data[0, 2:5] = [128, 127, 255]
    assert unpack(data, "Q8_0").floats()[0, :4].tolist() == [-128, 127, -1, 0]


def test_concatenated_and_in_another_order():
    a, b = (unpack(packed("Q4_1", seed), "Q4_1") for seed in (0, 1))
    assert np.array_equal(concatenate([a, b]).floats(), np.concatenate([a.floats(), b.floats()]))
    order = np.array([4, 2, 0, 1, 3])
    assert np.array_equal(a.rows(order).floats(), a.floats()[order])


def test_numbers_rotated_together_go_half_a_head_apart():
    assert rotary_order(2, 6).tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    assert gguf_weights.BLOCK == 32
