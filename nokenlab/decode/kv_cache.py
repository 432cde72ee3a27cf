"""The KV cache of a batch: it grows with each token, rows leave it, branches share it."""

from collections.abc import Sequence
from copy import copy

import torch
from torch import Tensor
from transformers import PreTrainedModel

from nokenlab.decode.forward import last_logits, prefill


class PlainDecoder:
    """Decode steps with a cache that grows, and shrinks when rows leave."""

    keeps_rows = False  # a row that has ended is no longer run

    def __init__(self, model: PreTrainedModel):
        self.model = model

    def prefill(self, embeddings: Tensor, mask: Tensor, shared: int) -> Tensor:
        """Begin with prompts (rows, tokens, width), the first `shared` positions alike; their next logits."""
        self.mask, self.rows = mask, torch.arange(len(mask), device=mask.device)
        self.positions = mask.sum(-1, keepdim=True)  # (running, 1) of the next token
        logits, self.past = prefill(self.model, embeddings, mask, shared)
        return logits

    def advance(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        """Feed embeddings (running, width) to these rows, and no longer to others; their next logits."""
        if len(rows) < len(self.rows):
            kept = torch.isin(self.rows, rows).nonzero().squeeze(1).cpu()  # layers may be on many GPUs
            self.past.batch_select_indices(kept)
            self.rows, self.mask, self.positions = rows, self.mask[kept], self.positions[kept]
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(rows), 1)], dim=-1)
        logits, self.past = last_logits(self.model, embeddings[:, None], self.mask, self.positions, self.past)
        self.positions = self.positions + 1
        return logits

    def release(self) -> None:
        """Nothing is kept for the next call."""


class PlainDecoders:
    """Makes the decoders of a model: what a Lab has unless `nokenlab.fast` gives it better ones."""

    def __init__(self, model: PreTrainedModel):
        self.model = model

    def take(self, rows: int, length: int) -> PlainDecoder:
        """A decoder for so many rows of at most `length` tokens with their prompt; `release` it after."""
        return PlainDecoder(self.model)

    def forget(self) -> None:
        """Let go of all that is kept for later calls, and of its memory."""


def branch(model: PreTrainedModel, past, parents: Tensor, embeddings: Tensor, tokens: int):
    """Feed embeddings (rows, width), row i behind row parents[i] of a cache; their next logits, their cache.

    A row of `past` may have many children or none, and `past` itself stays as it is. It holds `tokens`
    positions of each row, none of them padding.
    """
    own = copy(past)
    own.layers = [copy(layer) for layer in past.layers]  # a layer gets new tensors, never writes into old
    own.batch_select_indices(parents.cpu())  # layers may be on many GPUs
    mask = torch.ones(len(parents), tokens + 1, dtype=torch.long, device=embeddings.device)
    return last_logits(model, embeddings[:, None], mask, mask[:, :1] * tokens, own)


def join(parts: Sequence):
    """The caches of some rows each as one of all rows; the parts are used up, so that memory holds one."""
    for layers in zip(*(part.layers for part in parts), strict=True):
        layers[0].keys = torch.cat([layer.keys for layer in layers])
        layers[0].values = torch.cat([layer.values for layer in layers])
        for layer in layers[1:]:
            layer.keys = layer.values = None
    return parts[0]
