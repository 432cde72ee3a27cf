"""The KV cache of a batch: it grows with each token, rows that end leave it, branches share it."""

from collections.abc import Iterable, Sequence
from copy import copy

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from nokenlab.decode.forward import last_logits, prefill


class PlainDecoder:
    """Decode steps with a cache that grows with each token, and loses the rows that end."""

    keeps_rows = False  # a row that ended is not computed any more

    def __init__(self, model: PreTrainedModel):
        self.model = model

    def prefill(self, embeddings: Tensor, mask: Tensor, shared: int) -> Tensor:
        """Start with prompts (rows, tokens, width), equal up to position `shared`; their next logits."""
        self.mask, self.rows = mask, torch.arange(len(mask), device=mask.device)
        self.positions = mask.sum(-1, keepdim=True)  # (running, 1) of the next token
        logits, self.past = prefill(self.model, embeddings, mask, shared)
        return logits

    def advance(self, rows: Tensor, embeddings: Tensor) -> Tensor:
        """Feed embeddings (running, width) or (running, k, width) to these rows; others leave the cache.

        The next logits, (running, vocab).
        """
        self._keep(rows)
        fed = embeddings if embeddings.dim() == 3 else embeddings[:, None]
        new = fed.shape[1]
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(rows), new)], dim=-1)
        positions = self.positions + torch.arange(new, device=self.positions.device)
        logits, self.past = last_logits(self.model, fed, self.mask, positions, self.past)
        self.positions = self.positions + new
        return logits

    def plain(self, rows: Tensor) -> "PlainDecoder":
        """A plain decoder that goes on from here with these rows; this one may go on too."""
        other = copy(self)
        other.past = copied(self.past)
        other._keep(rows)
        return other

    def _keep(self, rows: Tensor) -> None:
        """Let all rows but these leave the cache."""
        if len(rows) < len(self.rows):
            running = torch.isin(self.rows, rows).nonzero().squeeze(1).cpu()  # layers may be on many GPUs
            self.past.batch_select_indices(running)
            self.rows, self.mask, self.positions = rows, self.mask[running], self.positions[running]

    def release(self) -> None:
        """Called at the end; a plain decoder has nothing to give back."""


def plain_decoder(model: PreTrainedModel, layers: Iterable, mask: Tensor, rows: Tensor) -> PlainDecoder:
    """A plain decoder that goes on from keys and values (rows, heads, tokens, size) of each layer, which are
    copied; `mask` is (rows, tokens)."""
    decoder = PlainDecoder(model)
    decoder.mask, decoder.rows, decoder.positions = mask, rows, mask.sum(-1, keepdim=True)
    decoder.past = DynamicCache(config=model.config)
    for number, (keys, values) in enumerate(layers):
        decoder.past.update(keys.clone(), values.clone(), number)
    return decoder


class PlainDecoders:
    """Makes the decoders of a model: what a Lab has unless `nokenlab.fast` provides faster ones."""

    def __init__(self, model: PreTrainedModel):
        self.model = model

    def take(self, rows: int, length: int) -> PlainDecoder:
        """A decoder for so many rows of at most `length` tokens, prompt included; `release` it at the end."""
        return PlainDecoder(self.model)

    def forget(self) -> None:
        """Free all memory that is held for later calls."""


def branch(model: PreTrainedModel, past, parents: Tensor, embeddings: Tensor, tokens: int):
    """Feed embeddings (rows, width), row i after row parents[i] of a cache; their next logits, their cache.

    A row of `past` may have any number of children, and `past` is not changed. It holds `tokens` positions
    of each row, without padding.
    """
    children = copied(past)
    children.batch_select_indices(parents.cpu())  # layers may be on many GPUs
    mask = torch.ones(len(parents), tokens + 1, dtype=torch.long, device=embeddings.device)
    return last_logits(model, embeddings[:, None], mask, mask[:, :1] * tokens, children)


def copied(past):
    """A cache with the same tensors: a layer gets new ones as it grows, and never writes into old ones."""
    copy_of_past = copy(past)
    copy_of_past.layers = [copy(layer) for layer in past.layers]
    return copy_of_past


def join(parts: Sequence):
    """The caches of batches as one cache of all rows; the parts are emptied, so that memory holds it once."""
    for layers in zip(*(part.layers for part in parts), strict=True):
        layers[0].keys = torch.cat([layer.keys for layer in layers])
        layers[0].values = torch.cat([layer.values for layer in layers])
        for layer in layers[1:]:
            layer.keys = layer.values = None
    return parts[0]
