"""Attention on a GPU, in Triton: one small program per row and head.

Libraries' kernels are made for few rows of long texts, and read what is masked out. Here there are many rows,
and much of a step's cache is not filled yet: keys that are not seen are not read.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

LONGEST = 64  # keys, for several queries per row; with more the usual kernels are faster
MANY = 2048  # programs, enough to keep a GPU busy if each is small
NEVER = tl.constexpr(-1e30)  # added to the score of a key that is not seen; finite, so that no row is NaN


def fits(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether the programs are made for tensors of these shapes, (batch, heads, new or tokens, size)."""
    tokens, size = key.shape[2:]
    return (
        (query.shape[2] == 1 or tokens <= LONGEST)
        and size <= (128 if query.dtype == torch.float32 else 256)
        and value.shape[3] == size
        and all(x.stride(3) == 1 for x in (query, key, value))
    )


@torch.library.custom_op("nokenlab::attend", mutates_args=())  # opaque to a compiler
def attended(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    """The output of attention, (batch, new, heads, size). The mask as in `attention.short_attention`."""
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
        **(_blocks(batch * heads, key) if new == 1 else _tiles(new, key)),
    )
    return out


def _tiles(new: int, key: Tensor) -> dict[str, int]:
    """Powers of 2, as Triton requires, that hold a matrix of new queries and one of keys."""
    tokens, size = (max(16, triton.next_power_of_2(n)) for n in key.shape[2:])
    new = max(16, triton.next_power_of_2(new))
    return {"NEW": new, "TOKENS": tokens, "SIZE": size, "num_warps": 1 if tokens <= 32 else 4}


def _blocks(programs: int, key: Tensor) -> dict[str, int]:
    """How many keys one query looks at at once, and its size as two powers of 2, the second perhaps 0.

    Phi-2's 80 is 64 and 16, where one would be 128. A warp holds 10 kB of keys, and as much of values.
    """
    tokens, size = key.shape[2:]
    block = min(64 if programs >= MANY else 256, max(16, triton.next_power_of_2(tokens)))
    warps = triton.next_power_of_2(triton.cdiv(block * size * key.element_size(), 10_240))
    most = 1 << (size.bit_length() - 1)
    rest = triton.next_power_of_2(size - most) if size > most else 0
    blocks = triton.cdiv(tokens, block)
    return {"BLOCK": block, "BLOCKS": blocks, "SIZE": most, "REST": rest, "num_warps": min(warps, 8)}


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
    BLOCK: tl.constexpr, BLOCKS: tl.constexpr, SIZE: tl.constexpr, REST: tl.constexpr,
):  # fmt: skip
    head, row = tl.program_id(0), tl.program_id(1).to(tl.int64)  # neighbours read neighbouring memory
    d, e = tl.arange(0, SIZE), SIZE + tl.arange(0, REST if REST else 1)
    q = Q + row * q_row + head * q_head
    q_main, q_rest = tl.load(q + d).to(tl.float32), tl.load(q + e, e < size, 0.0).to(tl.float32)
    best, total = tl.full((), float("-inf"), tl.float32), tl.zeros((), tl.float32)
    mixed, mixed_rest = tl.zeros((SIZE,), tl.float32), tl.zeros((REST if REST else 1,), tl.float32)
    for block in tl.range(0, BLOCKS, num_stages=1):
        j = block * BLOCK + tl.arange(0, BLOCK)
        is_token = j < tokens
        added = tl.zeros((BLOCK,), tl.float32)
        if kind == 1:
            added += tl.where(tl.load(M + row * m_row + j, is_token, 0) != 0, 0.0, NEVER)
        if kind == 2:
            added += tl.maximum(tl.load(M + row * m_row + j, is_token, 0).to(tl.float32), NEVER)
        seen = (is_token & (added > NEVER))[:, None]  # the rest is not even loaded
        seen_rest = seen & (e < size)
        k = K + row * k_row + head // groups * k_head + j[:, None] * k_token
        v = V + row * v_row + head // groups * v_head + j[:, None] * v_token
        k_main, v_main = _read_once(k + d, seen), _read_once(v + d, seen)
        if REST:  # all is asked for before any of it is used: memory is waited for once
            k_rest, v_rest = _read_once(k + e, seen_rest), _read_once(v + e, seen_rest)
        scores = tl.sum(q_main * k_main.to(tl.float32), 1)
        if REST:
            scores += tl.sum(q_rest * k_rest.to(tl.float32), 1)
        scores = tl.where(is_token, scores * scale + added, float("-inf"))  # (BLOCK,) float32
        largest = tl.maximum(best, tl.max(scores, 0))
        weights, kept = tl.exp(scores - largest), tl.exp(best - largest)  # kept: the share of earlier blocks
        total = total * kept + tl.sum(weights, 0)
        mixed = mixed * kept + tl.sum(weights[:, None] * v_main.to(tl.float32), 0)
        if REST:
            mixed_rest = mixed_rest * kept + tl.sum(weights[:, None] * v_rest.to(tl.float32), 0)
        best = largest
    out = OUT + (row * heads + head) * size
    tl.store(out + d, (mixed / total).to(OUT.dtype.element_ty))
    if REST:
        tl.store(out + e, (mixed_rest / total).to(OUT.dtype.element_ty), e < size)


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
    mixed = tl.dot(weights.to(v.dtype), v, input_precision="ieee")
    at = OUT + ((row * new + i[:, None]) * heads + head) * size + d
    tl.store(at, mixed.to(OUT.dtype.element_ty), is_new & is_size)
