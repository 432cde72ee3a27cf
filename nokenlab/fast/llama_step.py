"""Steps of one row of a Llama on a CPU whose weights are groups of few bits, as the default model's.

With one row a step is bound by asking for a thousand small operations and by reading weights: packed they are
a fifth of float32, and `llama_kernel.py` does all of it in one call.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from threading import Lock

import numba
import numpy as np
import torch
from torch import Tensor

from nokenlab.decode.forward import prefill
from nokenlab.decode.kv_cache import PlainDecoder
from nokenlab.fast import llama_kernel
from nokenlab.fast.cpu_linears import PackedLinear
from nokenlab.fast.llama_kernel import GROUP, Grouped, LlamaWeights
from nokenlab.models.families import step_can_be_captured

BLOCKS = (96, 64, 48, 32, 16)  # rows that lie beside each other
_one_at_a_time = Lock()


@contextmanager
def _numbas_threads() -> Iterator[None]:
    """As many as torch has; two who ask at once would take each other's cores."""
    with _one_at_a_time:
        threads = torch.get_num_threads()
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        if torch.get_num_threads() != threads:  # both use one OpenMP, and numba's start asks it for all cores
            torch.set_num_threads(threads)
        yield


class LlamaSteps:
    """Makes the decoders of one row of a model whose layers are joined (`joined_linears.py`).

    Its weights are packed when the first is asked for: who never asks needs no memory for them.
    """

    def __init__(self, model):
        self.model = model

    @cached_property
    def weights(self) -> LlamaWeights | None:
        """The weights as a step reads them; None where that would round them, or for other layers."""
        matrices = _matrices(self.model)
        with _numbas_threads():
            parts = {name: grouped(layers) for name, layers in matrices.items()}
        if not parts or None in parts.values():
            return None
        body = self.model.model
        return LlamaWeights(
            attention_norm=np.stack([layer.input_layernorm.weight.detach() for layer in body.layers]),
            mlp_norm=np.stack([layer.post_attention_layernorm.weight.detach() for layer in body.layers]),
            norm=body.norm.weight.detach().numpy(),
            epsilon=np.float32(self.model.config.rms_norm_eps),
            **parts,
        )

    def take(self, length: int) -> "LlamaStep | None":
        """A decoder of one row of at most `length` tokens; None where this model has none."""
        return self.weights and LlamaStep(self.model, self.weights, length)


def _matrices(model) -> dict[str, list[Tensor]]:
    """The matrices of a step, one a layer; none if this is no plain Llama whose layers are joined."""
    config = model.config
    known = config.model_type == "llama" and config.hidden_act == "silu" and step_can_be_captured(config)
    if not known or config.attention_bias or config.mlp_bias:
        return {}
    layers = model.model.layers
    linears = {
        "qkv": [getattr(layer.self_attn.q_proj, "whole", None) for layer in layers],
        "out": [layer.self_attn.o_proj for layer in layers],
        "gate_up": [getattr(layer.mlp.gate_proj, "whole", None) for layer in layers],
        "down": [layer.mlp.down_proj for layer in layers],
        "head": [model.lm_head],
    }
    own = all(type(linear) is PackedLinear for one in linears.values() for linear in one)
    return {name: [x.weight.detach() for x in one] for name, one in linears.items()} if own else {}


def grouped(matrices: Sequence[Tensor]) -> Grouped | None:
    """Matrices of one shape (out, in), one a layer, packed; None where that would round them."""
    rows, columns = matrices[0].shape
    block = next((block for block in BLOCKS if rows % block == 0), None)
    if block is None or columns % GROUP or matrices[0].dtype != torch.float32:
        return None
    shape = len(matrices), rows // block, columns // GROUP
    scales = np.empty((*shape, block), np.float32)
    for pack, of_bytes, lows in (
        (llama_kernel.pack_4_bits, GROUP // 2, np.empty_like(scales)),
        (llama_kernel.pack_8_bits, GROUP, scales[:, :, :0]),
    ):
        found = Grouped(np.empty((*shape, of_bytes, block), np.uint8), scales, lows)
        layers = zip(matrices, *found, strict=True)
        if all(pack(matrix.numpy(), *layer) for matrix, *layer in layers):
            return found
    return None


class LlamaStep(PlainDecoder):
    """Decode steps of one row."""

    def __init__(self, model, weights: LlamaWeights, length: int):
        super().__init__(model)
        self.weights, config = weights, model.config
        room = (config.num_hidden_layers, config.num_key_value_heads, length, config.head_dim)
        self.keys, self.values = torch.zeros(room), torch.zeros(room)
        turn = model.model.rotary_emb(self.keys, torch.arange(length)[None])  # twice (1, length, size)
        self.turn = torch.cat(turn).transpose(0, 1).contiguous().numpy()

    def prefill(self, embeddings: Tensor, mask: Tensor, shared: int) -> Tensor:
        """Begin with a prompt (1, tokens, width); its next logits. Padding is left out."""
        embeddings = embeddings[:, mask[0].bool()]
        logits, past = prefill(self.model, embeddings, mask.new_ones(embeddings.shape[:2]))
        self.end = embeddings.shape[1]
        for keys, values, layer in zip(self.keys, self.values, past.layers, strict=True):
            keys[:, : self.end], values[:, : self.end] = layer.keys[0], layer.values[0]
        return logits

    def advance(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        """Feed an embedding (1, width); its next logits, (1, vocab)."""
        logits = torch.empty(1, self.model.lm_head.out_features)
        before = (
            self.keys.numpy(),
            self.values.numpy(),
            self.end,
            self.turn[self.end],
        )  # fails at its end
        with _numbas_threads():
            llama_kernel.step(self.weights, *before, embeddings[0].clone().numpy(), logits[0].numpy())
        self.end += 1
        return logits
