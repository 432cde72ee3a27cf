"""The live page's graphs in onnxruntime here, and its weights as the page's worker unpacks them."""

import json
from multiprocessing.managers import BaseManager
from pathlib import Path

import numpy as np
import onnxruntime

from nokenlab.models.gguf_weights import PackedMatrix


def matrices(folder: Path):
    """Name and PackedMatrix of each matrix in weights.data, by layout.json."""
    data = np.memmap(folder / "weights.data", mode="r")
    for entry in json.loads((folder / "layout.json").read_text())["matrices"]:
        yield entry["name"], _packed(data, entry)


def unpack(folder: Path, target: Path) -> None:
    """Write weights.f32, which the page's worker has in memory alone."""
    with target.open("wb") as file:
        for _, matrix in matrices(folder):
            file.write(matrix.floats().tobytes())


def _packed(data: np.ndarray, entry: dict) -> PackedMatrix:
    def part(key: str, kind: type) -> np.ndarray:
        offset, length = entry[key]
        return data[offset : offset + length].view(kind).reshape(entry["rows"], -1)

    numbers = part("packed", np.uint8)
    if entry["bits"] == 4:
        numbers = np.stack([numbers & 15, numbers >> 4], axis=-1)
    minimum = entry["minimum"] and part("minimum", np.float16)
    return PackedMatrix(numbers.reshape(entry["rows"], -1, 32), part("scale", np.float16), minimum)


class Model:
    """A graph of a live folder's model, run here as the page runs it."""

    def __init__(self, folder: Path, graph: str):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # as torch has it in one of several processes
        options.enable_cpu_mem_arena = False  # which keeps what a step needed
        if graph == "wasm.onnx":  # plain weights stay in their file, which costs no speed
            options.add_session_config_entry("session.disable_prepacking", "1")
        self.session = onnxruntime.InferenceSession(folder / graph, options, ["CPUExecutionProvider"])
        self.layout = json.loads((folder / "layout.json").read_text())
        size = self.layout["vocabulary"], self.layout["width"]
        self.embedding = np.memmap(folder / "weights.f32", np.float32, mode="r")[
            -size[0] * size[1] :
        ].reshape(size)

    def empty(self, rows: int) -> dict[str, np.ndarray]:
        """The past of prompts of which nothing was read."""
        shape = (rows, self.layout["heads"], 0, self.layout["head"])
        names = [f"past.{i}.{what}" for i in range(self.layout["layers"]) for what in ("key", "value")]
        return dict.fromkeys(names, np.zeros(shape, np.float32))

    def read(self, vectors: np.ndarray, past: dict) -> tuple[np.ndarray, dict]:
        """Logits (rows, vocabulary) behind vectors (rows, tokens, width), and what the past is then."""
        rows, tokens, _ = vectors.shape
        total = past["past.0.key"].shape[2] + tokens
        counts = {"seqlens_k": np.full(rows, total - 1, np.int32), "total": np.array(total, np.int32)}
        logits, *present = self.session.run(None, {"inputs_embeds": vectors} | counts | past)
        return logits[:, 0], dict(zip(past, present, strict=True))

    def greedy(self, vectors: np.ndarray, tokens: int) -> np.ndarray:
        """The first logits, (rows, vocabulary), and ids (rows, tokens), also behind the end of a text."""
        first, past = self.read(vectors, self.empty(len(vectors)))
        ids = [first.argmax(1)]
        while len(ids) < tokens:
            logits, past = self.read(self.embedding[ids[-1]][:, None], past)
            ids.append(logits.argmax(1))
        return first, np.stack(ids, axis=1)


class Elsewhere(BaseManager):
    """Another process for models: in one that tests nokenlab the weights would be in memory twice."""


Elsewhere.register("Model", Model)
