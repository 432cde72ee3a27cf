"""Blocks of a GGUF file, as gguf itself reads them."""

import gguf
import numpy as np
import pytest

from nokenlab.pages.live import packed_weights
from nokenlab.pages.live.packed_weights import q4_1, q8_0, rotary_halves, stacked

KINDS = {"Q4_1": q4_1, "Q8_0": q8_0}


def packed(kind: str, seed: int = 0, rows: int = 5, columns: int = 96):
    """A random matrix as gguf packs it: its bytes, (rows, bytes)."""
    plain = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    return gguf.quantize(plain, gguf.GGMLQuantizationType[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_gguf_s_bit_for_bit(kind):
    blocks = packed(kind)
    matrix = KINDS[kind](blocks)
    assert matrix.shape == (5, 96) and matrix.bits == int(kind[1])
    plain = gguf.dequantize(blocks, gguf.GGMLQuantizationType[kind])
    assert np.array_equal(matrix.floats(), plain) and plain.std() > 0.5


def test_the_least_number_of_8_bits_is_no_largest():
    blocks = np.zeros((1, 34), np.uint8)
    blocks[0, :2] = np.array([1], np.float16).view(np.uint8)
    blocks[0, 2:5] = [128, 127, 255]
    assert q8_0(blocks).floats()[0, :4].tolist() == [-128, 127, -1, 0]


def test_stacked_and_in_another_order():
    one, two = q4_1(packed("Q4_1")), q4_1(packed("Q4_1", seed=1))
    assert np.array_equal(stacked([one, two]).floats(), np.concatenate([one.floats(), two.floats()]))
    order = np.array([4, 2, 0, 1, 3])
    assert np.array_equal(one.rows(order).floats(), one.floats()[order])


def test_what_turns_together_goes_half_a_head_apart():
    assert rotary_halves(2, 6).tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    assert packed_weights.BLOCK == 32
