"""The weights of a Llama in a GGUF file as they are packed: codes of 4 or 8 bits, with scales and minima.

Format: github.com/ggml-org/ggml/blob/master/docs/gguf.md. The package gguf reads the tokenizer's arrays too,
which takes ten seconds; here they are skipped.
"""

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

BLOCK = 32  # weights of a row that share a scale
# GGUF's numbers of the types of tensors and fields
F32, Q4_1, Q8_0 = 0, 3, 8
BLOCK_BYTES = {F32: 4 * BLOCK, Q4_1: 20, Q8_0: 34}
STRING, ARRAY = 8, 9
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True)
class PackedMatrix:
    """A matrix (rows, columns) whose weights are `scale * (code - zero) + minimum`.

    codes: (rows, columns / 32, 32) uint8. scales: (rows, columns / 32) float16. minima: the same of a matrix
    of 4 bits, whose zero is 0; None of one of 8 bits, whose zero is 128.
    """

    codes: np.ndarray
    scales: np.ndarray
    minima: np.ndarray | None

    @property
    def bits(self) -> int:
        """Bits per weight: 4 or 8."""
        return 8 if self.minima is None else 4

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns: outputs and inputs."""
        return len(self.codes), self.codes[0].size

    def floats(self) -> np.ndarray:
        """The unpacked matrix, (rows, columns) float32."""
        scales = self.scales.astype(np.float32)[..., None]
        if self.minima is None:
            weights = (self.codes.astype(np.float32) - 128) * scales
        else:
            weights = self.codes * scales + self.minima.astype(np.float32)[..., None]
        return weights.reshape(self.shape)

    def rows(self, order: np.ndarray) -> "PackedMatrix":
        """The matrix with its rows in another order, an array of row numbers."""
        minima = None if self.minima is None else self.minima[order]
        return PackedMatrix(self.codes[order], self.scales[order], minima)


@dataclass(frozen=True)
class PackedLlama:
    """A Llama with packed matrices.

    norms: (2 * layers + 1, width) float32, two per layer and the last. matrices, in the order in which they
    are used: "0.qkv", "0.output", "0.gate_up", "0.down" of layer 0 and so on, then "embedding", which is the
    output layer too. Matrices with the same input are one, as "qkv". Rows of queries and keys are in the
    order of transformers and ONNX.
    """

    width: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocab_size: int
    epsilon: float
    rotary_base: float
    eos_id: int
    norms: np.ndarray
    matrices: dict[str, PackedMatrix]


class Tensor(NamedTuple):
    """A tensor of a GGUF file: GGUF's number of its type, how many rows it has, and its bytes."""

    kind: int
    rows: int
    data: memoryview


def read(path: Path) -> PackedLlama:
    """The model in a GGUF file. ValueError for a matrix that is neither Q4_1 nor Q8_0."""
    fields, tensors = read_file(path)

    def norm(name: str) -> np.ndarray:
        return np.frombuffer(tensors[f"{name}.weight"].data, np.float32)

    width, layers = fields["llama.embedding_length"], fields["llama.block_count"]
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    matrices: dict[str, PackedMatrix] = {}
    norms = []
    for layer in range(layers):
        matrices |= _layer(tensors, layer, heads, kv_heads, width // heads)
        norms += [norm(f"blk.{layer}.attn_norm"), norm(f"blk.{layer}.ffn_norm")]
    matrices["embedding"] = unpack(tensors["token_embd.weight"])
    return PackedLlama(
        width=width,
        layers=layers,
        heads=heads,
        kv_heads=kv_heads,
        head_size=width // heads,
        vocab_size=len(matrices["embedding"].codes),
        epsilon=fields["llama.attention.layer_norm_rms_epsilon"],
        rotary_base=fields["llama.rope.freq_base"],
        eos_id=fields["tokenizer.ggml.eos_token_id"],
        norms=np.stack([*norms, norm("output_norm")]),
        matrices=matrices,
    )


def _layer(tensors: dict, layer: int, heads: int, kv_heads: int, head_size: int) -> dict[str, PackedMatrix]:
    """The four matrices of a layer."""

    def matrix(name: str) -> PackedMatrix:
        return unpack(tensors[f"blk.{layer}.{name}.weight"])

    query = matrix("attn_q").rows(rotary_order(heads, head_size))
    key = matrix("attn_k").rows(rotary_order(kv_heads, head_size))
    return {
        f"{layer}.qkv": concatenate([query, key, matrix("attn_v")]),
        f"{layer}.output": matrix("attn_output"),
        f"{layer}.gate_up": concatenate([matrix("ffn_gate"), matrix("ffn_up")]),
        f"{layer}.down": matrix("ffn_down"),
    }


def unpack(tensor: Tensor) -> PackedMatrix:
    """The matrix in a tensor. ValueError for one that is neither Q4_1 nor Q8_0."""
    if tensor.kind == F32:
        raise ValueError("a matrix of float32 is not packed; only Q4_1 and Q8_0 can be read")
    blocks = np.frombuffer(tensor.data, np.uint8).reshape(tensor.rows, -1, BLOCK_BYTES[tensor.kind])
    if tensor.kind == Q8_0:  # a scale and 32 signed numbers
        scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16)[..., 0]
        return PackedMatrix(blocks[..., 2:] ^ 128, scales, None)  # -128, the smallest, becomes 0
    halves = np.ascontiguousarray(blocks[..., :4]).view(np.float16)  # scale and minimum, then 32 codes
    low, high = blocks[..., 4:] & 15, blocks[..., 4:] >> 4  # the first 16 weights, and the other 16
    return PackedMatrix(np.concatenate([low, high], axis=-1), halves[..., 0], halves[..., 1])


def concatenate(matrices: list[PackedMatrix]) -> PackedMatrix:
    """One matrix of the rows of several of 4 bits, which have the same input."""
    return PackedMatrix(
        np.concatenate([matrix.codes for matrix in matrices]),
        np.concatenate([matrix.scales for matrix in matrices]),
        np.concatenate([matrix.minima for matrix in matrices]),
    )


def rotary_order(heads: int, head_size: int) -> np.ndarray:
    """For each row of a query or key matrix its row in the GGUF file, (heads * head_size,).

    There the two numbers that are rotated together are neighbours; transformers and ONNX have them half a
    head apart.
    """
    return np.arange(heads * head_size).reshape(heads, head_size // 2, 2).swapaxes(1, 2).reshape(-1)


def read_file(path: Path) -> tuple[dict, dict[str, Tensor]]:
    """The fields of a GGUF file, None in place of arrays, and its tensors, by name.

    ValueError for another file, or for a tensor that is neither F32, Q4_1 nor Q8_0.
    """
    with path.open("rb") as file:
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    if data[:8] != struct.pack("<4sI", b"GGUF", 3):
        raise ValueError(f"{path.name} is not a GGUF file of version 3")
    header = _Header(data, 8)
    tensor_count, field_count = header.number("Q"), header.number("Q")
    fields: dict = {}
    for _ in range(field_count):
        name = header.string()
        fields[name] = header.value(header.number("I"))
    layout = [header.tensor() for _ in range(tensor_count)]
    start = header.offset + -header.offset % fields.get("general.alignment", 32)
    tensors = {}
    for name, kind, columns, rows, offset in layout:
        if kind not in BLOCK_BYTES:
            raise ValueError(f"{name} is of GGUF's type {kind}; only F32, Q4_1 and Q8_0 can be read")
        size = rows * columns // BLOCK * BLOCK_BYTES[kind]
        tensors[name] = Tensor(kind, rows, data[start + offset : start + offset + size])
    return fields, tensors


class _Header:
    """Reads the values of a GGUF file's header one after the other."""

    def __init__(self, data: memoryview, offset: int):
        self.data, self.offset = data, offset

    def number(self, code: str):
        """A number; `code` is its type in `struct`."""
        (number,) = struct.unpack_from(f"<{code}", self.data, self.offset)
        self.offset += struct.calcsize(f"<{code}")
        return number

    def string(self) -> str:
        """A string, behind its length."""
        length = self.number("Q")
        self.offset += length
        return bytes(self.data[self.offset - length : self.offset]).decode()

    def value(self, kind: int):
        """The value of a field of GGUF's type `kind`; an array is skipped."""
        if kind == STRING:
            return self.string()
        if kind in NUMBERS:
            return self.number(NUMBERS[kind])
        if kind != ARRAY:
            raise ValueError(f"a GGUF file has no fields of type {kind}")
        kind, count = self.number("I"), self.number("Q")
        if kind in NUMBERS:
            self.offset += count * struct.calcsize(f"<{NUMBERS[kind]}")
        else:
            for _ in range(count):
                self.value(kind)
        return None

    def tensor(self) -> tuple[str, int, int, int, int]:
        """Of a tensor: name, type, columns, rows, and offset behind the header."""
        name = self.string()
        columns, *others = (self.number("Q") for _ in range(self.number("I")))
        return name, self.number("I"), columns, int(np.prod(others)), self.number("Q")
