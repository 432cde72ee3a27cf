"""The folder `model` of the live page: weights, graphs, tokenizer, nokens; kept in the cache."""

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np

from nokenlab.models import cache as kept
from nokenlab.models import default_model, gguf_weights
from nokenlab.runs.files import to_json

SEEDS = range(100)  # of the random nokens that a page has: a seed is the same noken as nokenlab's
PACKAGE = Path(__file__).parents[2]
MADE_BY = (
    *sorted(Path(__file__).parent.glob("*.py")),
    PACKAGE / "models" / "gguf_weights.py",
    PACKAGE / "nokens.py",
    PACKAGE / "space.py",
)


def folder() -> Path:
    """The folder, from the cache; where it is not there whole it is made, for some seconds.

    Its name has the hash of the weights and of the code that makes it. OSError and ValueError as of
    `default_model.folder`.
    """
    code = hashlib.sha256(b"".join(path.read_bytes() for path in MADE_BY))
    name = f"live-{default_model.SHA256[:12]}-{code.hexdigest()[:12]}"
    return kept.make_once(kept.cache_folder() / name, _make)


def _make(new: Path) -> None:
    print("the live page's model is made, once; that takes some seconds", file=sys.stderr, flush=True)
    write(new, default_model.gguf())
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(default_model.folder() / name, new / name)


def write(new: Path, gguf: Path) -> None:
    """Make the folder `new` of the model in a GGUF file; without the tokenizer's files."""
    import torch

    from nokenlab.nokens import random_nokens
    from nokenlab.pages.live import graph, linears, weights_file
    from nokenlab.space import EmbeddingSpace

    model = gguf_weights.read(gguf)
    new.mkdir()
    entries = weights_file.write(new / "weights.data", model.matrices)
    (new / "wasm.onnx").write_bytes(graph.build(model, linears.of_floats(entries)))
    (new / "webgpu.onnx").write_bytes(graph.build(model, linears.of_packed(entries)))
    layout = {
        "width": model.width,
        "layers": model.layers,
        "heads": model.kv_heads,
        "head": model.head_size,
        "vocabulary": model.vocab_size,
        "positions": graph.POSITIONS,
        "end": model.eos_id,
        "matrices": entries,
    }
    embedding = torch.from_numpy(model.matrices["embedding"].floats())
    space = EmbeddingSpace(embedding, torch.arange(model.vocab_size), str)
    lengths = {"median_norm": space.median_norm, "median_distance": space.median_distance}
    (new / "layout.json").write_bytes(to_json(layout))
    (new / "space.json").write_bytes(to_json(lengths))
    (new / "centroid.f32").write_bytes(_floats(space.centroid))
    (new / "nokens.f32").write_bytes(_floats(random_nokens(model.width, SEEDS)))


def _floats(tensor) -> bytes:
    return np.ascontiguousarray(tensor.numpy(), "<f4").tobytes()
