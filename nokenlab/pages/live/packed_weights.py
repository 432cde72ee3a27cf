"""Matrices of 4 or 8 bits a weight in blocks of 32, as a GGUF file has them: read, and made plain numbers."""

from dataclasses import dataclass

import numpy as np

BLOCK = 32  # weights of a row that share a scale


@dataclass(frozen=True)
class Packed:
    """A matrix of rows x columns weights, each `scale * (number - zero) + minimum` of its block.

    numbers: (rows, columns / 32, 32) uint8; scale: (rows, columns / 32) float16; minimum: the same, of a
    matrix of 4 bits, whose zero is 0; None of one of 8 bits, whose zero is 128.
    """

    numbers: np.ndarray
    scale: np.ndarray
    minimum: np.ndarray | None

    @property
    def bits(self) -> int:
        """Of a weight: 4 or 8."""
        return 8 if self.minimum is None else 4

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns: numbers out and numbers in."""
        return len(self.numbers), self.numbers[0].size

    def floats(self) -> np.ndarray:
        """The matrix as plain numbers, (rows, columns) float32."""
        scale = self.scale.astype(np.float32)[..., None]
        if self.minimum is None:
            plain = (self.numbers.astype(np.float32) - 128) * scale
        else:
            plain = self.numbers * scale + self.minimum.astype(np.float32)[..., None]
        return plain.reshape(self.shape)

    def rows(self, order: np.ndarray) -> "Packed":
        """The matrix with its rows in another order, (rows,) of row numbers."""
        minimum = None if self.minimum is None else self.minimum[order]
        return Packed(self.numbers[order], self.scale[order], minimum)


def q4_1(blocks: np.ndarray) -> Packed:
    """A matrix as GGUF's Q4_1 lays it out: (rows, bytes), 20 bytes a block: scale, minimum, 32 numbers."""
    blocks = blocks.reshape(len(blocks), -1, 20)
    halves = np.ascontiguousarray(blocks[..., :4]).view(np.float16)
    low, high = blocks[..., 4:] & 15, blocks[..., 4:] >> 4  # the first 16 weights, and the others
    return Packed(np.concatenate([low, high], axis=-1), halves[..., 0], halves[..., 1])


def q8_0(blocks: np.ndarray) -> Packed:
    """A matrix as GGUF's Q8_0 lays it out: (rows, bytes), 34 bytes a block: scale, 32 signed numbers."""
    blocks = blocks.reshape(len(blocks), -1, 34)
    scale = np.ascontiguousarray(blocks[..., :2]).view(np.float16)[..., 0]
    return Packed(blocks[..., 2:] ^ 128, scale, None)  # so -128, the least, is 0


def stacked(matrices: list[Packed]) -> Packed:
    """One matrix of the rows of several of 4 bits, which share their input."""
    return Packed(
        np.concatenate([matrix.numbers for matrix in matrices]),
        np.concatenate([matrix.scale for matrix in matrices]),
        np.concatenate([matrix.minimum for matrix in matrices]),
    )


def rotary_halves(heads: int, head: int) -> np.ndarray:
    """Where each row of a query or key matrix lies in a GGUF file, (heads * head,).

    There the two numbers that turn together are neighbours; transformers and ONNX have them half a head
    apart.
    """
    return np.arange(heads * head).reshape(heads, head // 2, 2).swapaxes(1, 2).reshape(-1)
