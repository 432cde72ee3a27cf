"""Attention for many rows of short texts on a GPU: one small program a row and head, all keys at once.

Libraries' kernels are made for long texts; a noken's prompt and answer are some thirty tokens, and most of
their work is then padding. Registered with transformers as an attention of its own; what it is not made for
goes to the usual one.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "nokenlab_short"
LONGEST = 128  # keys; with more the usual kernels are as good
NEVER = tl.constexpr(-1e30)  # added to the score of a key that is not seen; finite, so that no row is NaN


def use(model: PreTrainedModel) -> None:
    """Let a model on a GPU attend this way, if its attention can be exchanged."""
    AttentionInterface.register(NAME, short_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    if model.config._attn_implementation == "sdpa" and model._can_set_attn_implementation():
        model.set_attn_implementation(NAME)


def short_attention(module, query, key, value, attention_mask, scaling=None, **others):
    """Attention of queries (batch, heads, new, size) to keys (batch, kv heads, tokens, size).

    As transformers asks for it. The mask is None (all before it and itself), booleans (True: is seen) or
    numbers that are added to the scores; (batch, 1, new, tokens). Returns (batch, new, heads, size) and None.
    """
    if not _fits(module, query, key, value, attention_mask, others):
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **others)
    return _attended(query, key, value, attention_mask, scaling or query.shape[3] ** -0.5), None


@torch.library.custom_op("nokenlab::attend", mutates_args=())  # a compiler asks what it is, not how
def _attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    batch, heads, new, size = query.shape
    tokens = key.shape[2]
    out = _like_attended(query, key, value, mask, scale)
    kind = 0 if mask is None else 1 if mask.dtype == torch.bool else 2
    mask = query if mask is None else mask.expand(batch, 1, new, tokens)
    program = _attend_one if new == 1 else _attend
    program[(heads, batch)](
        *(query, key, value, mask, out),
        *(*query.stride()[:3], *key.stride()[:3], *value.stride()[:3], *mask.stride()[:3:2]),
        *(scale, new, tokens),
        heads=heads,
        groups=heads // key.shape[1],
        size=size,
        kind=kind,
        TOKENS=max(16, triton.next_power_of_2(tokens)),
        num_warps=1 if tokens <= 32 else 4,
        **(_halves(size) if new == 1 else _tiles(new, size)),
    )
    return out


def _tiles(new: int, size: int) -> dict[str, int]:
    """Powers of 2, as Triton wants them, that hold a matrix of new queries."""
    return {"NEW": max(16, triton.next_power_of_2(new)), "SIZE": max(16, triton.next_power_of_2(size))}


def _halves(size: int) -> dict[str, int]:
    """A size as two powers of 2, the second perhaps 0: Phi-2's 80 is 64 and 16, where one would be 128."""
    most = 1 << (size.bit_length() - 1)
    return {"SIZE": most, "REST": triton.next_power_of_2(size - most) if size > most else 0}


@_attended.register_fake
def _like_attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    batch, heads, new, size = query.shape
    return query.new_empty(batch, new, heads, size)


def _fits(module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, others: dict) -> bool:
    new, tokens, size = query.shape[2], key.shape[2], query.shape[3]
    causal = new in (1, tokens) and getattr(module, "is_causal", True)
    return (
        (causal if mask is None else mask.shape[1] == 1)
        and query.is_cuda
        and tokens <= LONGEST
        and size <= (128 if query.dtype == torch.float32 else 256)
        and value.shape[3] == size
        and all(x.stride(3) == 1 for x in (query, key, value))
        and not (module.training or others.get("is_causal") is False)
        and all(others.get(name) is None for name in ("softcap", "position_bias", "s_aux", "cache"))
    )


@triton.jit
def _attend_one(
    Q, K, V, M, OUT,
    q_row, q_head, q_new, k_row, k_head, k_token, v_row, v_head, v_token, m_row, m_new,
    scale, new, tokens,
    heads: tl.constexpr, groups: tl.constexpr, size: tl.constexpr, kind: tl.constexpr,
    TOKENS: tl.constexpr, SIZE: tl.constexpr, REST: tl.constexpr,
):  # fmt: skip
    head, row = tl.program_id(0), tl.program_id(1).to(tl.int64)  # neighbours read neighbouring memory
    j, d, e = tl.arange(0, TOKENS), tl.arange(0, SIZE), SIZE + tl.arange(0, REST if REST else 1)
    is_token = j < tokens
    added = tl.zeros((TOKENS,), tl.float32)
    if kind == 1:
        added += tl.where(tl.load(M + row * m_row + j, is_token, 0) != 0, 0.0, NEVER)
    if kind == 2:
        added += tl.maximum(tl.load(M + row * m_row + j, is_token, 0).to(tl.float32), NEVER)
    seen = (is_token & (added > NEVER))[:, None]  # the rest is not even loaded
    q = Q + row * q_row + head * q_head
    k = K + row * k_row + head // groups * k_head + j[:, None] * k_token
    v = V + row * v_row + head // groups * v_head + j[:, None] * v_token
    k_main, v_main = tl.load(k + d, seen, 0.0), tl.load(v + d, seen, 0.0)
    scores = tl.sum(tl.load(q + d).to(tl.float32) * k_main.to(tl.float32), 1)
    if REST:
        k_rest, v_rest = tl.load(k + e, seen & (e < size), 0.0), tl.load(v + e, seen & (e < size), 0.0)
        scores += tl.sum(tl.load(q + e, e < size, 0.0).to(tl.float32) * k_rest.to(tl.float32), 1)
    scores = tl.where(is_token, scores * scale + added, float("-inf"))  # (TOKENS,) float32
    weights = tl.exp(scores - tl.max(scores, 0))
    weights = (weights / tl.sum(weights, 0))[:, None]
    out = OUT + (row * heads + head) * size
    tl.store(out + d, tl.sum(weights * v_main.to(tl.float32), 0).to(OUT.dtype.element_ty))
    if REST:
        tl.store(out + e, tl.sum(weights * v_rest.to(tl.float32), 0).to(OUT.dtype.element_ty), e < size)


@triton.jit
def _attend(
    Q, K, V, M, OUT,
    q_row, q_head, q_new, k_row, k_head, k_token, v_row, v_head, v_token, m_row, m_new,
    scale, new, tokens,
    heads: tl.constexpr, groups: tl.constexpr, size: tl.constexpr, kind: tl.constexpr,
    TOKENS: tl.constexpr, NEW: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    head, row = tl.program_id(0), tl.program_id(1).to(tl.int64)
    i, j, d = tl.arange(0, NEW), tl.arange(0, TOKENS), tl.arange(0, SIZE)
    is_new, is_token, is_size = (i < new)[:, None], j < tokens, d < size
    added = tl.zeros((NEW, TOKENS), tl.float32)
    if kind == 0:
        added += tl.where(j <= i[:, None] + (tokens - new), 0.0, NEVER)
    else:
        mask = tl.load(M + row * m_row + i[:, None] * m_new + j, is_new & is_token, 0)
        if kind == 1:
            added += tl.where(mask != 0, 0.0, NEVER)
        else:
            added += tl.maximum(mask.to(tl.float32), NEVER)
    seen = is_token & (tl.max(tl.where(is_new, added, NEVER), 0) > NEVER)  # the rest is not even loaded
    seen = seen[:, None] & is_size
    q = tl.load(Q + row * q_row + head * q_head + i[:, None] * q_new + d, is_new & is_size, 0.0)
    k = tl.load(K + row * k_row + head // groups * k_head + j[:, None] * k_token + d, seen, 0.0)
    v = tl.load(V + row * v_row + head // groups * v_head + j[:, None] * v_token + d, seen, 0.0)
    scores = tl.dot(q, tl.trans(k), input_precision="ieee")
    scores = tl.where(is_token, scores * scale + added, float("-inf"))  # (NEW, TOKENS) float32
    weights = tl.exp(scores - tl.max(scores, 1)[:, None])
    weights = weights / tl.sum(weights, 1)[:, None]
    found = tl.dot(weights.to(v.dtype), v, input_precision="ieee")
    at = OUT + ((row * new + i[:, None]) * heads + head) * size + d
    tl.store(at, found.to(OUT.dtype.element_ty), is_new & is_size)
