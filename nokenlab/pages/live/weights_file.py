"""The file of packed weights that the page downloads, and the table of where each matrix lies in it."""

from pathlib import Path
from typing import BinaryIO

import numpy as np

from nokenlab.models.gguf_weights import PackedMatrix

ALIGNED = 64  # bytes


def write(path: Path, matrices: dict[str, PackedMatrix]) -> list[dict]:
    """Write matrices one after the other; returns an entry for each, as layout.json has them.

    Of an entry `packed`, `scale` and `minimum` are [offset, length] in bytes; of 4 bits the earlier weight is
    the low half of a byte. `minimum` is None of a matrix of 8 bits, whose number 128 is zero.
    """
    with path.open("wb") as file:
        return [_entry(file, name, matrix) for name, matrix in matrices.items()]


def _entry(file: BinaryIO, name: str, matrix: PackedMatrix) -> dict:
    rows, columns = matrix.shape
    numbers = matrix.codes
    if matrix.bits == 4:
        numbers = numbers[..., 0::2] | (numbers[..., 1::2] << 4)
    entry = {"name": name, "rows": rows, "columns": columns, "bits": matrix.bits}
    parts = {"packed": numbers, "scale": matrix.scales, "minimum": matrix.minima}
    return entry | {key: None if part is None else _put(file, part) for key, part in parts.items()}


def _put(file: BinaryIO, array: np.ndarray) -> list[int]:
    file.write(bytes(-file.tell() % ALIGNED))
    return [file.tell(), file.write(array.tobytes())]
