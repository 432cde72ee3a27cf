"""Steps of one row of the default model on a CPU, by `llama_kernel.py` from its packed weights.

With one row a step is bound by asking for a thousand small operations and by reading weights: packed they are
a fifth of float32, and the kernel does all of it in one call.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock

import numba
import numpy as np
import torch
from torch import Tensor

from nokenlab.decode.forward import prefill
from nokenlab.decode.kv_cache import PlainDecoder, plain_decoder
from nokenlab.fast import llama_kernel
from nokenlab.fast.joined_linears import llama_linears
from nokenlab.fast.llama_kernel import LlamaWeights, PackedMatrices
from nokenlab.models import gguf_weights
from nokenlab.models.gguf_weights import PackedLlama, PackedMatrix

BLOCK_ROWS = (96, 64, 48, 32, 16)  # how many rows may be multiplied at once
_numba_lock = Lock()  # two steps at once would take each other's cores


@contextmanager
def _numba_threads() -> Iterator[None]:
    """Let numba have as many threads as torch has."""
    with _numba_lock:
        threads = torch.get_num_threads()
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        if torch.get_num_threads() != threads:  # both use one OpenMP, and numba's start asks it for all cores
            torch.set_num_threads(threads)
        yield


class LlamaSteps:
    """Makes the decoders of one row of a Llama whose layers are joined, from its packed weights.

    They are read when the first decoder is taken: until then no memory is needed for them.
    """

    def __init__(self, model, folder: Path):
        self.model, self.folder = model, folder
        self.linears = llama_linears(model)

    @cached_property
    def weights(self) -> LlamaWeights:
        """The weights as a step reads them."""
        return pack(gguf_weights.read(self.folder))

    def take(self, length: int) -> "LlamaStep | None":
        """A decoder of one row of at most `length` tokens; None if layers of the model were replaced."""
        if llama_linears(self.model) != self.linears:
            return None
        return LlamaStep(self.model, self.weights, length)


def pack(model: PackedLlama) -> LlamaWeights:
    """The weights of a model as a step reads them."""

    def of_layers(name: str) -> PackedMatrices:
        return in_blocks([model.matrices[f"{layer}.{name}"] for layer in range(model.layers)])

    return LlamaWeights(
        attention_norm=np.ascontiguousarray(model.norms[0:-1:2]),
        qkv=of_layers("qkv"),
        output=of_layers("output"),
        mlp_norm=np.ascontiguousarray(model.norms[1::2]),
        gate_up=of_layers("gate_up"),
        down=of_layers("down"),
        norm=model.norms[-1],
        head=in_blocks([model.matrices["embedding"]]),
        epsilon=np.float32(model.epsilon),
    )


def in_blocks(matrices: list[PackedMatrix]) -> PackedMatrices:
    """Matrices of one shape, one per layer, as the kernel reads them. Their rows must be a multiple of 16."""
    rows = matrices[0].shape[0]
    block = next(block for block in BLOCK_ROWS if rows % block == 0)

    def stack(arrays: list[np.ndarray]) -> np.ndarray:  # of (rows, groups, …)
        stacked = np.stack(arrays)
        stacked = stacked.reshape(len(arrays), rows // block, block, *stacked.shape[2:])
        return np.ascontiguousarray(np.moveaxis(stacked, 2, -1))  # (layers, blocks, groups, …, block)

    codes = stack([matrix.codes for matrix in matrices])
    scales = stack([matrix.scales for matrix in matrices]).astype(np.float32)
    if matrices[0].bits == 8:
        return PackedMatrices(codes ^ 128, scales, scales[:, :, :0])  # a byte with its sign
    minima = stack([matrix.minima for matrix in matrices]).astype(np.float32)
    return PackedMatrices(codes[..., 0::2, :] | (codes[..., 1::2, :] << 4), scales, minima)


class LlamaStep(PlainDecoder):
    """Decode steps of one row."""

    def __init__(self, model, weights: LlamaWeights, length: int):
        super().__init__(model)
        self.weights, config = weights, model.config
        shape = (config.num_hidden_layers, config.num_key_value_heads, length, config.head_dim)
        self.keys, self.values = torch.zeros(shape), torch.zeros(shape)
        cos_sin = model.model.rotary_emb(self.keys, torch.arange(length)[None])  # (1, length, size) each
        self.rotations = torch.cat(cos_sin).transpose(0, 1).contiguous().numpy()  # (length, 2, size)

    def prefill(self, embeddings: Tensor, mask: Tensor, shared: int) -> Tensor:
        """Begin with a prompt (1, tokens, width); its next logits. Padding is left out."""
        embeddings = embeddings[:, mask[0].bool()]
        logits, past = prefill(self.model, embeddings, mask.new_ones(embeddings.shape[:2]))
        self.end = embeddings.shape[1]
        for keys, values, layer in zip(self.keys, self.values, past.layers, strict=True):
            keys[:, : self.end], values[:, : self.end] = layer.keys[0], layer.values[0]
        return logits

    def advance(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        """Feed an embedding (1, width); its next logits, (1, vocab). IndexError beyond `length`."""
        logits = torch.empty(1, self.model.lm_head.out_features)
        rotation = self.rotations[self.end]
        hidden = embeddings[0].clone().numpy()  # is used up
        keys, values = self.keys.numpy(), self.values.numpy()
        with _numba_threads():
            llama_kernel.step(self.weights, keys, values, self.end, rotation, hidden, logits[0].numpy())
        self.end += 1
        return logits

    def plain(self, rows: Tensor) -> PlainDecoder:
        """A plain decoder that goes on from here."""
        layers = zip(self.keys[:, None, :, : self.end], self.values[:, None, :, : self.end], strict=True)
        return plain_decoder(self.model, layers, torch.ones(1, self.end, dtype=torch.long), rows)
