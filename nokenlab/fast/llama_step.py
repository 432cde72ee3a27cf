"""Steps of one row of the default model or a Gemma 3 on a CPU, by `llama_kernel.py` from packed weights.

With one row a step is bound by asking for a thousand small operations and by reading weights: packed they are
a fifth of float32, and the kernel does all of it in one call. The default model's are packed as its GGUF file
has them; Gemma's are rounded to 8 bits here, as Q8_0 does. Most of the packaged one, its vocabulary, is of
Q8_0 anyway.
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
from nokenlab.fast.llama_kernel import GROUP, LlamaWeights, PackedMatrices
from nokenlab.models import gguf_weights
from nokenlab.models.gguf_weights import PackedMatrix

BLOCK_ROWS = (96, 64, 48, 32, 16)  # how many rows may be multiplied at once
GEMMA = "gemma3_text"
ROWS_AT_ONCE = 16_384
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
    """Makes the decoders of one row of a model whose layers are joined, from its packed weights.

    `folder` has them packed; with None they are rounded. They are packed when the first decoder is taken:
    until then no memory is needed for them.
    """

    def __init__(self, model, folder: Path | None):
        self.model, self.folder = model, folder
        self.linears = llama_linears(model)

    @cached_property
    def weights(self) -> LlamaWeights:
        """The weights as a step reads them."""
        if self.folder:
            return pack(self.model, gguf_weights.read(self.folder).matrices)
        matrices = {name: rounded(linear.weight) for name, linear in self.linears.items()}
        return pack(self.model, matrices)

    def take(self, length: int) -> "LlamaStep | None":
        """A decoder of one row of at most `length` tokens.

        None if layers of the model were replaced, and for a text longer than a window of its attention.
        """
        window = getattr(self.model.config, "sliding_window", None) or length
        if length > window or llama_linears(self.model) != self.linears:
            return None
        return LlamaStep(self.model, self.weights, length)


def can_be_rounded(model) -> bool:
    """Whether the kernel computes what a Gemma 3 in float32 does, and has blocks for its sizes."""
    config = model.config
    changed = ("attn_logit_softcapping", "final_logit_softcapping", "attention_bias")
    return (
        (config.model_type, model.dtype) == (GEMMA, torch.float32)
        and config.hidden_activation == "gelu_pytorch_tanh"
        and not any(getattr(config, name) for name in (*changed, "use_bidirectional_attention"))
        and all(
            linear is not None and linear.out_features % 16 == 0 and linear.in_features % GROUP == 0
            for linear in llama_linears(model).values()
        )
    )


def pack(model, matrices: dict[str, PackedMatrix]) -> LlamaWeights:
    """The weights of a model as a step reads them; `matrices` by the names of `llama_linears`."""
    config, layers = model.config, model.model.layers
    is_gemma = config.model_type == GEMMA

    def of_layers(name: str) -> PackedMatrices:
        return in_blocks([matrices[f"{layer}.{name}"] for layer in range(len(layers))])

    def norms(name: str, has_it: bool = True) -> np.ndarray:
        weights = [layer.get_submodule(name).weight + is_gemma for layer in layers] if has_it else []
        return torch.stack(weights).numpy() if weights else np.empty((0, 0), np.float32)

    return LlamaWeights(
        attention_norm=norms("input_layernorm"),
        qkv=of_layers("qkv"),
        query_norm=norms("self_attn.q_norm", is_gemma),
        key_norm=norms("self_attn.k_norm", is_gemma),
        output=of_layers("output"),
        attention_out_norm=norms("post_attention_layernorm", is_gemma),
        mlp_norm=norms("pre_feedforward_layernorm" if is_gemma else "post_attention_layernorm"),
        gate_up=of_layers("gate_up"),
        down=of_layers("down"),
        mlp_out_norm=norms("post_feedforward_layernorm", is_gemma),
        norm=(model.model.norm.weight + is_gemma).numpy(),
        head=in_blocks([matrices["embedding"]]),
        rotary=np.array(rotary_kinds(config)[1]),
        epsilon=np.float32(config.rms_norm_eps),
        scale=np.float32(layers[0].self_attn.scaling),
        gelu=is_gemma,
    )


def rotary_kinds(config) -> tuple[list[tuple[str, ...]], list[int]]:
    """What a model's rotary embeddings are asked for besides positions, and which of them each layer has."""
    if config.model_type != GEMMA:
        return [()], [0] * config.num_hidden_layers
    kinds = sorted(set(config.layer_types))
    return [(kind,) for kind in kinds], [kinds.index(kind) for kind in config.layer_types]


@torch.no_grad()
def rounded(weight: Tensor) -> PackedMatrix:
    """A weight (rows, columns) in float32 as codes of 8 bits; in memory for some of its rows at a time."""
    codes, scales = [], []
    for rows in weight.split(ROWS_AT_ONCE):
        groups = rows.reshape(len(rows), -1, GROUP)
        scales.append(groups.abs().amax(-1) / 127)
        codes.append((groups / scales[-1].clamp_min(1e-30)[..., None]).round().add(128).byte())
    return PackedMatrix(torch.cat(codes).numpy(), torch.cat(scales).numpy(), None)


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
        positions, rotary = torch.arange(length)[None], model.model.rotary_emb
        kinds = [torch.cat(rotary(self.keys, positions, *kind)) for kind in rotary_kinds(config)[0]]
        self.rotations = (
            torch.stack(kinds).permute(2, 0, 1, 3).contiguous().numpy()
        )  # (length, kinds, 2, size)

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
        rotations = self.rotations[self.end]
        hidden = embeddings[0].clone().numpy()  # is used up
        keys, values = self.keys.numpy(), self.values.numpy()
        with _numba_threads():
            llama_kernel.step(self.weights, keys, values, self.end, rotations, hidden, logits[0].numpy())
        self.end += 1
        return logits

    def plain(self, rows: Tensor) -> PlainDecoder:
        """A plain decoder that goes on from here."""
        layers = zip(self.keys[:, None, :, : self.end], self.values[:, None, :, : self.end], strict=True)
        return plain_decoder(self.model, layers, torch.ones(1, self.end, dtype=torch.long), rows)
