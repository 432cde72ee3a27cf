"""The model as an ONNX graph with embeddings for input: one step of a Llama for any rows, tokens and past.

In: inputs_embeds (batch, tokens, width) float32; total, the number of tokens including these, the same in
all rows; seqlens_k (batch,) int32: total - 1; and past.N.key, past.N.value (batch, key heads, past, head
size) of each layer N. Out: logits (batch, 1, vocabulary) of the last token, and present.N.key,
present.N.value, which are the past of the next step. After a past, onnxruntime takes several tokens of one
row, or one token of several rows.
"""

from collections.abc import Callable

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from nokenlab.models.gguf_weights import PackedLlama

POSITIONS = 1024  # of the rotary tables: tokens of the longest text
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT32


class Graph:
    """The nodes and constants of a graph; a node has the name of its first output."""

    def __init__(self):
        self.nodes, self.constants = [], {}

    def add(self, op: str, inputs: list[str], *outputs: str, **attributes) -> str:
        """Add one of ONNX's operators; returns the name of its first output."""
        self.nodes.append(helper.make_node(op, inputs, outputs, outputs[0], **attributes))
        return outputs[0]

    def add_contrib(self, op: str, inputs: list[str], *outputs: str, **attributes) -> str:
        """Add one of onnxruntime's own operators."""
        return self.add(op, inputs, *outputs, domain="com.microsoft", **attributes)

    def constant(self, name: str, value: np.ndarray) -> str:
        """A tensor in the graph, added once."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(value, name)
        return name

    def stored(self, name: str, kind: int, shape: list[int], file: str, span: list[int]) -> str:
        """A tensor in a file beside the graph, at `span`: [offset, length] in bytes."""
        tensor = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
        for key, value in {"location": file, "offset": span[0], "length": span[1]}.items():
            tensor.external_data.add(key=key, value=str(value))
        self.constants[name] = tensor
        return name


# adds the product of an input with a matrix of the model: graph, input, name of the matrix, output
Linear = Callable[[Graph, str, str, str], str]


def build(model: PackedLlama, linear: Linear) -> bytes:
    """The graph as the bytes of an ONNX file."""
    graph = Graph()
    stream, added = "inputs_embeds", None
    for layer in range(model.layers):
        normed, stream = _normed(graph, model, 2 * layer, stream, added)
        added = _attention(graph, model, linear, layer, normed)
        normed, stream = _normed(graph, model, 2 * layer + 1, stream, added)
        added = _feed_forward(graph, linear, layer, normed)
    end = graph.add("Add", [stream, added], "end")
    last = graph.add("Gather", [end, graph.constant("last", np.array([-1]))], "end.last", axis=1)
    normed, _ = _normed(graph, model, 2 * model.layers, last)
    linear(graph, normed, "embedding", "logits")
    inputs, outputs = _interface(model)
    model_graph = helper.make_graph(graph.nodes, "model", inputs, outputs, list(graph.constants.values()))
    sets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(model_graph, opset_imports=sets, ir_version=10).SerializeToString()


def _normed(graph: Graph, model: PackedLlama, number: int, stream: str, added: str | None = None):
    """The sum of the stream and `added` after norm `number`, and the sum itself."""
    weight = graph.constant(f"norm.{number}", model.norms[number])
    normed, total = f"normed.{number}", f"stream.{number}"
    if added is None:
        options = {"epsilon": model.epsilon, "axis": -1, "stash_type": 1}
        return graph.add("SimplifiedLayerNormalization", [stream, weight], normed, **options), stream
    op, inputs = "SkipSimplifiedLayerNormalization", [added, stream, weight]
    return graph.add_contrib(op, inputs, normed, "", "", total, epsilon=model.epsilon), total


def _attention(graph: Graph, model: PackedLlama, linear: Linear, layer: int, normed: str) -> str:
    """What a layer's attention adds to the stream; new keys and values are appended to the past."""
    past = [f"past.{layer}.key", f"past.{layer}.value"]
    present = [f"present.{layer}.key", f"present.{layer}.value"]
    angles = [graph.constant(name, table) for name, table in _angles(model).items()]
    qkv = linear(graph, normed, f"{layer}.qkv", f"{layer}.qkv")
    inputs = [qkv, "", "", *past, "seqlens_k", "total", *angles]
    heads = {"num_heads": model.heads, "kv_num_heads": model.kv_heads, "scale": model.head_size**-0.5}
    read = graph.add_contrib("GroupQueryAttention", inputs, f"{layer}.read", *present, do_rotary=1, **heads)
    return linear(graph, read, f"{layer}.output", f"{layer}.attention")


def _feed_forward(graph: Graph, linear: Linear, layer: int, normed: str) -> str:
    """What a layer's feed-forward part adds to the stream: down(silu(gate) * up)."""
    gate, up = f"{layer}.gate", f"{layer}.up"
    both = linear(graph, normed, f"{layer}.gate_up", f"{layer}.gate_up")
    graph.add("Split", [both], gate, up, axis=-1, num_outputs=2)
    sigmoid = graph.add("Sigmoid", [gate], f"{layer}.sigmoid")
    silu = graph.add("Mul", [gate, sigmoid], f"{layer}.silu")
    hidden = graph.add("Mul", [silu, up], f"{layer}.hidden")
    return linear(graph, hidden, f"{layer}.down", f"{layer}.feed_forward")


def _angles(model: PackedLlama) -> dict[str, np.ndarray]:
    """The rotary tables, (positions, head / 2) each, rounded as transformers rounds them."""
    exponents = np.arange(0, model.head_size, 2, dtype=np.float32) / np.float32(model.head_size)
    frequencies = 1 / np.float32(model.rotary_base) ** exponents
    angles = np.arange(POSITIONS, dtype=np.float32)[:, None] * frequencies
    return {"cos": np.cos(angles), "sin": np.sin(angles)}


def _interface(model: PackedLlama) -> tuple[list, list]:
    """The inputs and the outputs."""

    def cache(time: str, length: str) -> list:
        names = [f"{time}.{layer}.{part}" for layer in range(model.layers) for part in ("key", "value")]
        shape = ["batch", model.kv_heads, length, model.head_size]
        return [helper.make_tensor_value_info(name, FLOAT, shape) for name in names]

    inputs = [
        helper.make_tensor_value_info("inputs_embeds", FLOAT, ["batch", "tokens", model.width]),
        helper.make_tensor_value_info("seqlens_k", INT, ["batch"]),
        helper.make_tensor_value_info("total", INT, []),
    ]
    logits = helper.make_tensor_value_info("logits", FLOAT, ["batch", 1, model.vocab_size])
    return inputs + cache("past", "past"), [logits, *cache("present", "total")]
