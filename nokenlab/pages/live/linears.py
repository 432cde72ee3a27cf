"""How a graph multiplies by the matrices of weights.data: the way WebAssembly has it, and that of WebGPU."""

import numpy as np
from onnx import TensorProto

from nokenlab.models.gguf_weights import BLOCK
from nokenlab.pages.live.graph import FLOAT, Graph, Linear


def of_floats(entries: list[dict]) -> Linear:
    """Products with plain float32 matrices, for WebAssembly, which would unpack packed ones at each step.

    They lie in `weights.f32`, which is no file: the page's worker makes it of weights.data and hands it over.
    """
    places, offset = {}, 0
    for entry in entries:
        size = entry["rows"] * entry["columns"] * 4
        places[entry["name"]] = ([entry["rows"], entry["columns"]], [offset, size])
        offset += size

    def linear(graph: Graph, x: str, matrix: str, out: str) -> str:
        shape, place = places[matrix]
        weights = graph.stored(f"{matrix}.weights", FLOAT, shape, "weights.f32", place)
        return graph.add_own("FusedMatMul", [x, weights], out, transB=1)

    return linear


def of_packed(entries: list[dict]) -> Linear:
    """Products with the packed matrices themselves, for a GPU.

    MatMulNBits takes 8 for the zero of 4 bits, where every kernel knows what to do. Here a weight is
    number * scale + minimum = (number - 8) * scale + (minimum + 8 * scale): the second part is the same in a
    block, and its product is one with the sums of the blocks of the input.
    """
    known = {entry["name"]: entry for entry in entries}

    def linear(graph: Graph, x: str, matrix: str, out: str) -> str:
        entry = known[matrix]
        scale = _part(graph, entry, "scale")
        if entry["bits"] == 8:
            return _product(graph, entry, x, scale, out)
        product = _product(graph, entry, x, scale, f"{out}.product")
        shift = graph.add("Mul", [scale, graph.constant("eight", np.float32(8))], f"{matrix}.shift")
        rest = graph.add("Add", [_part(graph, entry, "minimum"), shift], f"{matrix}.rest")
        rest = graph.add("Transpose", [rest], f"{matrix}.rest.turned", perm=[1, 0])
        added = graph.add("MatMul", [_sums(graph, x, entry["columns"] // BLOCK), rest], f"{out}.added")
        return graph.add("Add", [product, added], out)

    return linear


def _product(graph: Graph, entry: dict, x: str, scale: str, out: str) -> str:
    rows, columns, bits = entry["rows"], entry["columns"], entry["bits"]
    shape = [rows, columns // BLOCK, BLOCK * bits // 8]
    name = f"{entry['name']}.packed"
    packed = graph.stored(name, TensorProto.UINT8, shape, "weights.data", entry["packed"])
    options = {"K": columns, "N": rows, "bits": bits, "block_size": BLOCK}
    return graph.add_own("MatMulNBits", [x, packed, scale], out, **options)


def _part(graph: Graph, entry: dict, part: str) -> str:
    """The scales or minima of a matrix, (rows, blocks), as float32."""
    name, shape = f"{entry['name']}.{part}", [entry["rows"], entry["columns"] // BLOCK]
    half = graph.stored(f"{name}.half", TensorProto.FLOAT16, shape, "weights.data", entry[part])
    return graph.add("Cast", [half], name, to=FLOAT)


def _sums(graph: Graph, x: str, blocks: int) -> str:
    """The sum of each block of the input, (batch, tokens, blocks)."""
    shape = graph.constant(f"blocks.{blocks}", np.array([0, 0, blocks, BLOCK]))
    split = graph.add("Reshape", [x, shape], f"{x}.blocks")
    return graph.add("ReduceSum", [split, graph.constant("last", np.array([-1]))], f"{x}.sums", keepdims=0)
