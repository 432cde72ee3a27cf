"""One forward pass of embeddings that fills the KV cache: a prompt, or the tokens after it."""

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
    """Run prompts (batch, tokens, width); their first `shared` positions, equal in all, are run once.

    `mask` is (batch, tokens), or (batch, 1, tokens, tokens) to be added to the attention scores, which
    requires `positions` (batch, tokens). `past` is an empty cache; the default is the model's usual one.
    Returns the logits of the last position, (batch, vocab) in the model's dtype, and the cache.
    """
    if positions is None:
        positions = (mask.cumsum(-1) - 1).clamp_min(0)  # (batch, tokens)
    if shared:
        first = mask[:1, :shared] if mask.dim() == 2 else mask[:1, :, :shared, :shared]
        no_logits = positions.new_empty(0)
        past = _run(model, embeddings[:1, :shared], first, positions[:1, :shared], past, no_logits)[1]
        past.batch_repeat_interleave(len(embeddings))
        mask = mask if mask.dim() == 2 else mask[:, :, shared:]
    return last_logits(model, embeddings[:, shared:], mask, positions[:, shared:], past)


def last_logits(model, embeddings: Tensor, mask: Tensor, positions: Tensor, past: Cache | None):
    """Logits of the last position, (batch, vocab) in the model's dtype, and the cache."""
    # an index tensor copies the last positions, which are not contiguous, before the product; with a number
    # torch would read the vocabulary's matrix again for each row
    last = positions.new_full((1,), -1) if embeddings.shape[1] > 1 else 1
    logits, past = _run(model, embeddings, mask, positions, past, last)
    return logits[:, -1], past


def _run(model, embeddings: Tensor, mask: Tensor, positions: Tensor, past: Cache | None, keep: Tensor | int):
    """Logits of the positions in `keep`, or of the last `keep`, (batch, keep, vocab), and the cache."""
    accepted = _arguments(type(model))
    extra = {"position_ids": positions, "logits_to_keep": keep}
    out = model(
        inputs_embeds=embeddings,
        attention_mask=mask,
        past_key_values=past,
        use_cache=True,
        **{name: value for name, value in extra.items() if name in accepted},
    )
    return out.logits, out.past_key_values


def shared_prefix(embeddings: Tensor, mask: Tensor) -> int:
    """How many first positions are equal in all rows; the last is not counted, as its logits are needed."""
    if len(embeddings) == 1 or not mask.all():
        return 0
    differs = (embeddings != embeddings[:1]).any(dim=-1).any(dim=0)[:-1]  # (tokens - 1,)
    return int(differs.int().argmax()) if differs.any() else len(differs)


@cache
def _arguments(kind: type) -> frozenset[str]:
    return frozenset(inspect.signature(kind.forward).parameters)
