"""Attention on a GPU, in Triton: one small program a row and head, all keys at once.

Libraries' kernels are made for long texts; a noken's prompt and answer are some thirty tokens, and most of
their work is then padding.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

LONGEST = 128  # keys; with more the usual kernels are as good
NEVER = tl.constexpr(-1e30)  # added to the score of a key that is not seen; finite, so that no row is NaN


def fits(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether the programs are made for tensors of these shapes, (batch, heads, new or tokens, size)."""
    tokens, size = key.shape[2:]
    return (
        tokens <= LONGEST
        and size <= (128 if query.dtype == torch.float32 else 256)
        and value.shape[3] == size
        and all(x.stride(3) == 1 for x in (query, key, value))
    )


@torch.library.custom_op("nokenlab::attend", mutates_args=())  # a compiler asks what it is, not how
def attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """What the queries find, (batch, new, heads, size). The mask as in `attention.short_attention`."""
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
        num_warps=1 if tokens <= (64 if new == 1 else 32) else 4,
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


@attended.register_fake
def _like_attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    batch, heads, new, size = query.shape
    return query.new_empty(batch, new, heads, size)


@triton.jit
def _read_once(at, seen):
    """What the GPU's own cache need not keep: it is better used for what others read again."""
    return tl.load(at, seen, 0.0, eviction_policy="evict_first")


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
    seen_rest = seen & (e < size)
    q = Q + row * q_row + head * q_head
    k = K + row * k_row + head // groups * k_head + j[:, None] * k_token
    v = V + row * v_row + head // groups * v_head + j[:, None] * v_token
    q_main, k_main, v_main = tl.load(q + d), _read_once(k + d, seen), _read_once(v + d, seen)
    if REST:  # all is asked for before any of it is used: memory is waited for once
        q_rest = tl.load(q + e, e < size, 0.0)
        k_rest, v_rest = _read_once(k + e, seen_rest), _read_once(v + e, seen_rest)
    scores = tl.sum(q_main.to(tl.float32) * k_main.to(tl.float32), 1)
    if REST:
        scores += tl.sum(q_rest.to(tl.float32) * k_rest.to(tl.float32), 1)
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
