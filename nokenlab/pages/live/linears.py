"""How a graph multiplies by the matrices of weights.data: for WebAssembly, and for WebGPU."""

import numpy as np
from onnx import TensorProto

from nokenlab.models.gguf_weights import BLOCK
from nokenlab.pages.live.graph import FLOAT, Graph, Linear


def of_floats(entries: list[dict]) -> Linear:
    """Products with plain float32 matrices, for WebAssembly, which would unpack packed ones at each step.

    They are in `weights.f32`, which is not a file: the page's worker makes it of weights.data.
    """
    offsets, end = {}, 0
    for entry in entries:
        offsets[entry["name"]] = end
        end += entry["rows"] * entry["columns"] * 4
    by_name = {entry["name"]: entry for entry in entries}

    def linear(graph: Graph, x: str, matrix: str, out: str) -> str:
        rows, columns = by_name[matrix]["rows"], by_name[matrix]["columns"]
        span = [offsets[matrix], rows * columns * 4]
        weights = graph.stored(f"{matrix}.weights", FLOAT, [rows, columns], "weights.f32", span)
        return graph.add_contrib("FusedMatMul", [x, weights], out, transB=1)

    return linear


def of_packed(entries: list[dict]) -> Linear:
    """Products with the packed matrices themselves, for a GPU.

    MatMulNBits takes 8 for the zero of 4 bits unless it is given zeros, which some kernels ignore. Here a
    weight is code * scale + minimum = (code - 8) * scale + (minimum + 8 * scale): the second part is the same
    in a block, so its product is one with the sums of the blocks of the input.
    """
    by_name = {entry["name"]: entry for entry in entries}

    def linear(graph: Graph, x: str, matrix: str, out: str) -> str:
        entry = by_name[matrix]
        scale = _half(graph, entry, "scale")
        if entry["bits"] == 8:
            return _product(graph, entry, x, scale, out)
        product = _product(graph, entry, x, scale, f"{out}.product")
        shift = graph.add("Mul", [scale, graph.constant("eight", np.float32(8))], f"{matrix}.shift")
        rest = graph.add("Add", [_half(graph, entry, "minimum"), shift], f"{matrix}.rest")
        rest = graph.add("Transpose", [rest], f"{matrix}.rest.transposed", perm=[1, 0])
        added = graph.add("MatMul", [_block_sums(graph, x, entry["columns"] // BLOCK), rest], f"{out}.added")
        return graph.add("Add", [product, added], out)

    return linear


def _product(graph: Graph, entry: dict, x: str, scale: str, out: str) -> str:
    rows, columns, bits = entry["rows"], entry["columns"], entry["bits"]
    shape = [rows, columns // BLOCK, BLOCK * bits // 8]
    name = f"{entry['name']}.packed"
    packed = graph.stored(name, TensorProto.UINT8, shape, "weights.data", entry["packed"])
    options = {"K": columns, "N": rows, "bits": bits, "block_size": BLOCK}
    return graph.add_contrib("MatMulNBits", [x, packed, scale], out, **options)


def _half(graph: Graph, entry: dict, part: str) -> str:
    """The scales or minima of a matrix, (rows, blocks), as float32."""
    name, shape = f"{entry['name']}.{part}", [entry["rows"], entry["columns"] // BLOCK]
    half = graph.stored(f"{name}.half", TensorProto.FLOAT16, shape, "weights.data", entry[part])
    return graph.add("Cast", [half], name, to=FLOAT)


def _block_sums(graph: Graph, x: str, blocks: int) -> str:
    """The sum of each block of the input, (batch, tokens, blocks)."""
    shape = graph.constant(f"blocks.{blocks}", np.array([0, 0, blocks, BLOCK]))
    split = graph.add("Reshape", [x, shape], f"{x}.blocks")
    return graph.add("ReduceSum", [split, graph.constant("last", np.array([-1]))], f"{x}.sums", keepdims=0)
