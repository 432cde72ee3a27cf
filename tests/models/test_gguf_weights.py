"""A small GGUF file beside what gguf itself reads; matrices put together and in another order."""

import gguf
import numpy as np
import pytest

from nokenlab.models import gguf_weights
from nokenlab.models.gguf_weights import Q8_0, Tensor, concatenate, read_file, rotary_order, unpack

KINDS = gguf.GGMLQuantizationType


def packed(kind: str, seed: int = 0, rows: int = 5, columns: int = 96):
    """A random matrix as gguf packs it: its bytes, (rows, bytes)."""
    weights = np.random.default_rng(seed).standard_normal((rows, columns)).astype(np.float32)
    return gguf.quantize(weights, KINDS[kind])


def write(path, **tensors):
    """A GGUF file of matrices by their kinds, with fields of several types."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint32("a.number", 7)
    writer.add_array("numbers", [1, 2, 3])
    writer.add_array("words", ["one", "", "drei ü"])
    writer.add_float32("b.number", 0.5)
    for kind, data in tensors.items():
        writer.add_tensor(f"{kind}.weight", data, raw_dtype=KINDS[kind])
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        step()
    writer.close()
    return path


def test_weights_and_fields_are_those_of_gguf_bit_for_bit(tmp_path):
    norm = np.arange(96, dtype=np.float32)
    kinds = {kind: packed(kind) for kind in ("Q4_1", "Q8_0")}
    fields, tensors = read_file(write(tmp_path / "small.gguf", F32=norm, **kinds))
    assert (fields["a.number"], fields["b.number"], fields["words"]) == (7, 0.5, None)
    assert np.array_equal(np.frombuffer(tensors["F32.weight"].data, np.float32), norm)
    for kind, data in kinds.items():
        matrix = unpack(tensors[f"{kind}.weight"])
        assert matrix.shape == (5, 96) and matrix.bits == int(kind[1])
        weights = gguf.dequantize(data, KINDS[kind])
        assert np.array_equal(matrix.floats(), weights) and weights.std() > 0.5


def test_other_files_and_types_are_refused(tmp_path):
    path = tmp_path / "small.gguf"
    with pytest.raises(ValueError, match=r"Q5_1\.weight is of GGUF's type 7; only F32, Q4_1 and Q8_0"):
        read_file(write(path, Q5_1=packed("Q5_1")))
    with pytest.raises(ValueError, match="float32 is not packed"):
        unpack(read_file(write(path, F32=np.ones((2, 32), np.float32)))[1]["F32.weight"])
    path.write_bytes(b"GGUF\2\0\0\0 and so on")
    with pytest.raises(ValueError, match=r"small\.gguf is not a GGUF file of version 3"):
        read_file(path)


def test_the_smallest_number_of_8_bits_stays_the_smallest():
    data = np.zeros(34, np.uint8)
    data[:2] = np.array([1], np.float16).view(np.uint8)
    data[2:5] = [128, 127, 255]
    assert unpack(Tensor(Q8_0, 1, data.data)).floats()[0, :4].tolist() == [-128, 127, -1, 0]


def test_concatenated_and_in_another_order():
    a, b = (unpack(Tensor(gguf_weights.Q4_1, 5, packed("Q4_1", seed).data)) for seed in (0, 1))
    assert np.array_equal(concatenate([a, b]).floats(), np.concatenate([a.floats(), b.floats()]))
    order = np.array([4, 2, 0, 1, 3])
    assert np.array_equal(a.rows(order).floats(), a.floats()[order])


def test_numbers_rotated_together_go_half_a_head_apart():
    assert rotary_order(2, 6).tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    assert gguf_weights.BLOCK == 32
