"""A Llama out of a GGUF file with its weights as they are packed: sizes, norms and matrices."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nokenlab.pages.live.packed_weights import Packed, q4_1, q8_0, rotary_halves, stacked

READERS = {"Q4_1": q4_1, "Q8_0": q8_0}


@dataclass(frozen=True)
class PackedModel:
    """What the graphs are made of.

    `heads` are those of queries, `cached_heads` those of keys and values, `head` the width of one. norms:
    (2 * layers + 1, width) float32, two of each layer and the last. matrices: by name, in the order in which
    they are used, "embedding", which is the vocabulary too, at the end. `end` is the id that ends a text.
    """

    width: int
    layers: int
    heads: int
    cached_heads: int
    head: int
    vocabulary: int
    epsilon: float
    rotary_base: float
    end: int
    norms: np.ndarray
    matrices: dict[str, Packed]


def read(path: Path) -> PackedModel:
    """The model of a GGUF file. ValueError for weights that are packed in another way than Q4_1 and Q8_0."""
    import gguf

    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    def field(name: str):
        return reader.fields[name].contents()

    width, heads = field("llama.embedding_length"), field("llama.attention.head_count")
    cached, layers = field("llama.attention.head_count_kv"), field("llama.block_count")
    matrices: dict[str, Packed] = {}
    norms = []
    for layer in range(layers):
        matrices |= _layer(tensors, layer, heads, cached, width // heads)
        norms += [_norm(tensors, f"blk.{layer}.{name}_norm") for name in ("attn", "ffn")]
    matrices["embedding"] = _matrix(tensors, "token_embd")
    return PackedModel(
        width=width,
        layers=layers,
        heads=heads,
        cached_heads=cached,
        head=width // heads,
        vocabulary=len(matrices["embedding"].numbers),
        epsilon=field("llama.attention.layer_norm_rms_epsilon"),
        rotary_base=field("llama.rope.freq_base"),
        end=field("tokenizer.ggml.eos_token_id"),
        norms=np.stack([*norms, _norm(tensors, "output_norm")]),
        matrices=matrices,
    )


def _layer(tensors: dict, layer: int, heads: int, cached: int, head: int) -> dict[str, Packed]:
    """The four matrices of a layer: those that share their input are one."""

    def matrix(name: str) -> Packed:
        return _matrix(tensors, f"blk.{layer}.{name}")

    query = matrix("attn_q").rows(rotary_halves(heads, head))
    key = matrix("attn_k").rows(rotary_halves(cached, head))
    return {
        f"{layer}.qkv": stacked([query, key, matrix("attn_v")]),
        f"{layer}.output": matrix("attn_output"),
        f"{layer}.gate_up": stacked([matrix("ffn_gate"), matrix("ffn_up")]),
        f"{layer}.down": matrix("ffn_down"),
    }


def _matrix(tensors: dict, name: str) -> Packed:
    tensor = tensors[f"{name}.weight"]
    kind = tensor.tensor_type.name
    if kind not in READERS:
        raise ValueError(f"{name} is packed as {kind}; the live page takes {' and '.join(READERS)}")
    return READERS[kind](np.asarray(tensor.data).reshape(int(tensor.shape[1]), -1))


def _norm(tensors: dict, name: str) -> np.ndarray:
    return np.asarray(tensors[f"{name}.weight"].data, np.float32)
