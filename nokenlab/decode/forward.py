"""Embeddings through a model and into its cache: a prompt, or what comes behind it."""

import inspect
from functools import cache

from torch import Tensor
from transformers import Cache


def prefill(
    model,
    embeddings: Tensor,
    mask: Tensor,
    shared: int = 0,
    positions: Tensor | None = None,
    past: Cache | None = None,
):
    """Run prompts (batch, tokens, width); their first `shared` positions, the same in all, are run once.

    `mask` is (batch, tokens), or (batch, 1, tokens, tokens) to be added to the scores, and then `positions`
    (batch, tokens) are needed. `past` is an empty cache, if it shall not be the model's usual one. The
    logits of the last position, (batch, vocab) in the model's dtype, and the cache.
    """
    if positions is None:
        positions = (mask.cumsum(-1) - 1).clamp_min(0)  # (batch, tokens)
    if shared:
        first = mask[:1, :shared] if mask.dim() == 2 else mask[:1, :, :shared, :shared]
        nothing = positions.new_empty(0)
        past = _run(model, embeddings[:1, :shared], first, positions[:1, :shared], past, nothing)[1]
        past.batch_repeat_interleave(len(embeddings))
        mask = mask if mask.dim() == 2 else mask[:, :, shared:]
    return last_logits(model, embeddings[:, shared:], mask, positions[:, shared:], past)


def last_logits(model, embeddings: Tensor, mask: Tensor, positions: Tensor, past: Cache | None):
    """Logits of the last position, (batch, vocab) in the model's dtype, and the cache."""
    # as an index, not a number: last positions lie apart, and are copied before they are multiplied; torch
    # would else read the vocabulary's matrix anew for each row
    last = positions.new_full((1,), -1) if embeddings.shape[1] > 1 else 1
    logits, past = _run(model, embeddings, mask, positions, past, last)
    return logits[:, -1], past


def _run(model, embeddings: Tensor, mask: Tensor, positions: Tensor, past: Cache | None, keep: Tensor | int):
    """Logits of the positions in `keep`, or of as many at the end, (batch, kept, vocab), and the cache."""
    known = _arguments(type(model))
    extra = {"position_ids": positions, "logits_to_keep": keep}
    out = model(
        inputs_embeds=embeddings,
        attention_mask=mask,
        past_key_values=past,
        use_cache=True,
        **{name: value for name, value in extra.items() if name in known},
    )
    return out.logits, out.past_key_values


def shared_prefix(embeddings: Tensor, mask: Tensor) -> int:
    """How many positions, from the first, are the same in all rows; one is left for the logits."""
    if len(embeddings) == 1 or not mask.all():
        return 0
    differs = (embeddings != embeddings[:1]).any(dim=-1).any(dim=0)[:-1]  # (tokens - 1,)
    return int(differs.int().argmax()) if differs.any() else len(differs)


@cache
def _arguments(kind: type) -> frozenset[str]:
    return frozenset(inspect.signature(kind.forward).parameters)
