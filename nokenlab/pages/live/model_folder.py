"""The folder `model` of the live page: weights, graphs, tokenizer, spellings, nokens; stored in the cache."""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import BinaryIO

import numpy as np
from torch import Tensor

from nokenlab.loading import load
from nokenlab.models import cache, gguf_weights, packaged
from nokenlab.models.gguf_weights import PackedMatrix
from nokenlab.nokens import random_nokens
from nokenlab.pages.live import graph, linears
from nokenlab.runs.files import to_json
from nokenlab.spelling import spelled_token

SEEDS = range(100)  # of the random nokens that the page has: a seed gives the same noken as in nokenlab
ALIGNMENT = 64  # bytes, of arrays in weights.data
PACKAGE = Path(__file__).parents[2]
CODE = (  # what the files depend on
    *sorted(Path(__file__).parent.glob("*.py")),
    *(
        PACKAGE / name
        for name in ("models/gguf_weights.py", "nokens.py", "space.py", "embedder.py", "spelling.py")
    ),
)


def folder() -> Path:
    """The folder, from the cache; where it is missing or damaged it is made, which takes some seconds.

    Its name has the hash of the weights and of the code that makes it. OSError and ValueError as of
    `packaged.folder`.
    """
    code = hashlib.sha256(b"".join(path.read_bytes() for path in CODE))
    name = f"live-{packaged.DEFAULT.sha256[:12]}-{code.hexdigest()[:12]}"
    return cache.make_once(cache.cache_folder() / name, _make)


def _make(new: Path) -> None:
    """Write the default model's files into the new folder `new`."""
    print("making the live page's model, once; this takes some seconds", file=sys.stderr, flush=True)
    lab, model = load(device="cpu", dtype="float32"), gguf_weights.read(packaged.folder(packaged.DEFAULT))
    new.mkdir()
    matrices = write_weights(new / "weights.data", model.matrices)
    layout = {
        "width": model.width,
        "layers": model.layers,
        "heads": model.kv_heads,
        "head": model.head_size,
        "vocabulary": model.vocab_size,
        "positions": graph.POSITIONS,
        "end": model.eos_id,
        "matrices": matrices,
    }
    lengths = {"median_norm": lab.space.median_norm, "median_distance": lab.space.median_distance}
    spellings = [spelled_token(lab.token(id)) for id in range(model.vocab_size)]  # by id, as people see them
    (new / "wasm.onnx").write_bytes(graph.build(model, linears.of_floats(matrices)))
    (new / "webgpu.onnx").write_bytes(graph.build(model, linears.of_packed(matrices)))
    (new / "layout.json").write_bytes(to_json(layout))
    (new / "space.json").write_bytes(to_json(lengths))
    (new / "spellings.json").write_text(json.dumps(spellings, ensure_ascii=False), encoding="utf-8")
    (new / "centroid.f32").write_bytes(_floats(lab.space.centroid))
    (new / "nokens.f32").write_bytes(_floats(random_nokens(model.width, SEEDS)))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(packaged.folder(packaged.DEFAULT) / name, new / name)


def _floats(tensor: Tensor) -> bytes:
    return np.ascontiguousarray(tensor.numpy(), "<f4").tobytes()


def write_weights(path: Path, matrices: dict[str, PackedMatrix]) -> list[dict]:
    """Write packed matrices one after the other; returns an entry for each, as layout.json has them.

    In an entry `packed`, `scale` and `minimum` are [offset, length] in bytes. Of two codes of 4 bits the
    earlier is the low half of a byte. `minimum` is None for a matrix of 8 bits, whose code 128 is zero.
    """
    with path.open("wb") as file:
        return [_write_matrix(file, name, matrix) for name, matrix in matrices.items()]


def _write_matrix(file: BinaryIO, name: str, matrix: PackedMatrix) -> dict:
    rows, columns = matrix.shape
    codes = matrix.codes
    if matrix.bits == 4:
        codes = codes[..., 0::2] | (codes[..., 1::2] << 4)
    return {
        "name": name,
        "rows": rows,
        "columns": columns,
        "bits": matrix.bits,
        "packed": _write_array(file, codes),
        "scale": _write_array(file, matrix.scales),
        "minimum": None if matrix.minima is None else _write_array(file, matrix.minima),
    }


def _write_array(file: BinaryIO, array: np.ndarray) -> list[int]:
    """Write an array; returns its offset and length in bytes."""
    file.write(bytes(-file.tell() % ALIGNMENT))
    return [file.tell(), file.write(array.tobytes())]
