"""Attention for many rows, registered with transformers as one of its implementations.

On a GPU a kernel made for that; on a CPU two batched products for short texts, and the heads of a query that
share keys together. All else is left to transformers' own, and so is what is to be differentiated, but for
few queries on a CPU, with which nokens are learned.
"""

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

try:
    from nokenlab.fast import attention_kernel as kernel
except ImportError:  # there is no triton on some systems
    kernel = None
NAME = "nokenlab_short"
MANY = 64  # matrices of keys, one per row and head; with fewer transformers' own is as fast on a CPU
FEW = 32  # tokens
SPECIAL = ("softcap", "position_bias", "s_aux", "cache")  # arguments of some architectures
SHORT = 128  # tokens; with more it is as fast as well


def use_short_attention(model: PreTrainedModel) -> None:
    """Let a model use `short_attention`, if its attention can be exchanged."""
    AttentionInterface.register(NAME, short_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    if model.config._attn_implementation == "sdpa" and model._can_set_attn_implementation():
        model.set_attn_implementation(NAME)


def short_attention(module, query, key, value, attention_mask, scaling=None, **options):
    """Attention of queries (batch, heads, new, size) to keys (batch, kv heads, tokens, size).

    With the arguments of transformers. The mask is None (causal), booleans (True: is seen) or numbers that
    are added to the scores; (batch, 1, new, tokens). Returns (batch, new, heads, size) and None.
    """
    scale = scaling or query.shape[3] ** -0.5
    if _is_learned(module, query, key, attention_mask, options):
        return _of_few(query, key, value, attention_mask, scale), None
    if _is_plain(module, query, key, attention_mask, options):
        if query.is_cuda and kernel and kernel.fits(query, key, value):
            return kernel.attended(query, key, value, attention_mask, scale), None
        if query.device.type == "cpu" and query.shape[2] == 1:
            return _of_one(query, key, value, attention_mask, scale), None
    return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)


def _of_one(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """One query per row: its heads that share keys become as many queries of one head."""
    batch, heads, _, size = query.shape
    grouped = query.reshape(batch, key.shape[1], -1, size)  # (batch, kv heads, heads of each, size)
    if batch * key.shape[1] >= MANY and key.shape[2] <= SHORT:
        attended = _by_products(grouped, key, value, mask, scale).to(query.dtype)
    else:
        attended = scaled_dot_product_attention(grouped, key, value, attn_mask=mask, scale=scale)
    return attended.reshape(batch, 1, heads, -1)  # values may have another size


def _of_few(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Few queries per row, to be differentiated: two batched products, heads that share keys together."""
    batch, heads, new, size = query.shape
    k, v = key.flatten(0, 1), value.flatten(0, 1)  # (batch * kv heads, tokens, size)
    q = (scale * query).reshape(len(k), -1, size)  # (batch * kv heads, heads of each * new, size)
    scores = torch.bmm(q, k.transpose(1, 2)).view(batch, heads, new, -1)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    attended = torch.bmm(weights.view(len(k), -1, weights.shape[-1]), v)
    return attended.view(batch, heads, new, -1).transpose(1, 2).contiguous()  # some models view it


def _by_products(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """The same in float32 by two batched products, which is three times as fast as a product per head."""
    q, k, v = (x.float().flatten(0, 1) for x in (query, key, value))  # (batch * kv heads, …, size)
    scores = torch.bmm(scale * q, k.transpose(1, 2)).view(*query.shape[:3], -1)
    if mask is not None:
        unseen = torch.finfo(scores.dtype).min
        scores = scores.masked_fill(~mask, unseen) if mask.dtype == torch.bool else scores + mask
    return torch.bmm(scores.softmax(-1).flatten(0, 1), v)


def _is_learned(module, query: Tensor, key: Tensor, mask: Tensor | None, options: dict) -> bool:
    """Whether few queries on a CPU are to be differentiated: transformers' own takes three times as long."""
    return (
        torch.is_grad_enabled()
        and not module.training
        and query.device.type == "cpu"
        and query.dtype == torch.float32
        and max(query.shape[2], key.shape[2]) <= FEW
        and mask is not None
        and (mask.shape[1], mask.dtype) == (1, torch.bool)
        and not any(options.get(name) is not None for name in SPECIAL)
    )


def _is_plain(module, query: Tensor, key: Tensor, mask: Tensor | None, options: dict) -> bool:
    """Whether nothing is to be differentiated, and the mask and the arguments are those of most models."""
    causal = query.shape[2] in (1, key.shape[2]) and getattr(module, "is_causal", True)
    return (
        (causal if mask is None else mask.shape[1] == 1)
        and not (module.training or torch.is_grad_enabled() or options.get("is_causal") is False)
        and all(options.get(name) is None for name in SPECIAL)
    )
