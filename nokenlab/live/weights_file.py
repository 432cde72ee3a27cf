"""The file of packed weights that the page downloads, and the table of where each matrix lies in it."""

from pathlib import Path
from typing import BinaryIO

import numpy as np

from nokenlab.live.packed_weights import Packed

ALIGNED = 64  # bytes


def write(path: Path, matrices: dict[str, Packed]) -> list[dict]:
    """Write matrices one after the other; returns an entry for each, as layout.json has them.

    Of an entry `packed`, `scale` and `minimum` are [offset, length] in bytes; of 4 bits the earlier weight is
    the low half of a byte. `minimum` is None of a matrix of 8 bits, whose number 128 is zero.
    """
    with path.open("wb") as file:
        return [_entry(file, name, matrix) for name, matrix in matrices.items()]


def floats(path: Path, entries: list[dict]) -> bytes:
    """All matrices as float32, one after the other: what the page's worker makes of the file, weights.f32."""
    data = path.read_bytes()
    return b"".join(read(data, entry).floats().tobytes() for entry in entries)


def read(data: bytes, entry: dict) -> Packed:
    """A matrix out of the bytes of the file."""

    def part(key: str, kind) -> np.ndarray:
        offset, length = entry[key]
        return np.frombuffer(data, kind, length // np.dtype(kind).itemsize, offset).reshape(entry["rows"], -1)

    numbers = part("packed", np.uint8)
    if entry["bits"] == 4:
        numbers = np.stack([numbers & 15, numbers >> 4], axis=-1)
    minimum = entry["minimum"] and part("minimum", np.float16)
    return Packed(numbers.reshape(entry["rows"], -1, 32), part("scale", np.float16), minimum)


def _entry(file: BinaryIO, name: str, matrix: Packed) -> dict:
    rows, columns = matrix.shape
    numbers = matrix.numbers
    if matrix.bits == 4:
        numbers = numbers[..., 0::2] | (numbers[..., 1::2] << 4)
    entry = {"name": name, "rows": rows, "columns": columns, "bits": matrix.bits}
    parts = {"packed": numbers, "scale": matrix.scale, "minimum": matrix.minimum}
    return entry | {key: None if part is None else _put(file, part) for key, part in parts.items()}


def _put(file: BinaryIO, array: np.ndarray) -> list[int]:
    file.write(bytes(-file.tell() % ALIGNED))
    return [file.tell(), file.write(array.tobytes())]
