"""One step of a Llama or a Gemma 3 for one row, compiled as one function by numba; its weights are packed.

A matrix has 32 weights of a row in a group, as GGUF files have them: Q4_1 as codes 0 to 15 with scale and
minimum, Q8_0 as -128 to 127 with a scale. Nothing is rounded here, only sums are made in another order than
torch's. numba compiles for some seconds and caches that until this file changes, so all that it compiles
stands here.
"""

from math import exp
from typing import NamedTuple

import numpy as np
from numba import float32, int32, njit, prange

GROUP = 32
SUMS = {"contract", "reassoc", "nsz"}  # may be made in any order; NaN and infinity stay what they are
compiled = njit(fastmath=SUMS, error_model="numpy", nogil=True, cache=True)
on_all_threads = njit(fastmath=SUMS, error_model="numpy", nogil=True, cache=True, parallel=True)


class PackedMatrices(NamedTuple):
    """Matrices (out, in), one per layer, in blocks of rows, which are multiplied at once.

    codes: (layers, blocks, groups, 16 or 32, rows of a block) bytes: two codes of 4 bits, the first in the
    lower half, or one signed number. scales: (layers, blocks, groups, rows of a block), float32. minima: the
    same of 4 bits, of no groups for 8.
    """

    codes: np.ndarray
    scales: np.ndarray
    minima: np.ndarray


class LlamaWeights(NamedTuple):
    """What a step reads. Matrices of one input are one: queries, keys, values; gates and what they gate.

    Norms that only Gemma has are of no layers in a Llama.
    """

    attention_norm: np.ndarray  # (layers, width)
    qkv: PackedMatrices
    query_norm: np.ndarray  # (layers, size of a head), Gemma's
    key_norm: np.ndarray
    output: PackedMatrices
    attention_out_norm: np.ndarray  # (layers, width), Gemma's
    mlp_norm: np.ndarray  # (layers, width)
    gate_up: PackedMatrices
    down: PackedMatrices
    mlp_out_norm: np.ndarray  # (layers, width), Gemma's
    norm: np.ndarray  # (width,)
    head: PackedMatrices
    rotary: np.ndarray  # (layers,), which rotary embedding a layer has
    epsilon: np.float32  # of the norms
    scale: np.float32  # of attention scores
    gelu: bool  # the activation, in its tanh form; else SiLU


@compiled
def step(weights, keys, values, end, rotations, x, logits):
    """Run x (width,) at position `end` through all layers, and write the next token's logits (vocab,).

    keys, values: (layers, kv heads, length, size) of earlier positions; the new ones are put in. rotations:
    (kinds, 2, size), cosines and sines of the rotary embeddings there. x is used up.
    """
    part = np.empty_like(x)
    qkv = np.empty(weights.qkv.scales[0, :, 0].size, np.float32)
    mixed = np.empty(len(qkv) - 2 * keys.shape[1] * keys.shape[3], np.float32)
    gate_up = np.empty(weights.gate_up.scales[0, :, 0].size, np.float32)
    inner = np.empty(len(gate_up) // 2, np.float32)
    for layer in range(len(keys)):
        norm(x, weights.attention_norm[layer], weights.epsilon, part)
        multiply(weights.qkv, layer, part, qkv)
        if len(weights.query_norm):
            norm_heads(
                qkv, weights.query_norm[layer], weights.key_norm[layer], keys.shape[1], weights.epsilon
            )
        rotation = rotations[weights.rotary[layer]]
        attend(qkv, keys[layer], values[layer], end, rotation, weights.scale, mixed)
        multiply(weights.output, layer, mixed, part)
        if len(weights.attention_out_norm):
            norm(part, weights.attention_out_norm[layer], weights.epsilon, part)
        add(x, part)
        norm(x, weights.mlp_norm[layer], weights.epsilon, part)
        multiply(weights.gate_up, layer, part, gate_up)
        gate(gate_up, weights.gelu, inner)
        multiply(weights.down, layer, inner, part)
        if len(weights.mlp_out_norm):
            norm(part, weights.mlp_out_norm[layer], weights.epsilon, part)
        add(x, part)
    norm(x, weights.norm, weights.epsilon, part)
    multiply(weights.head, 0, part, logits)


@on_all_threads
def multiply(weights, layer, x, out):
    """Write the product of a layer's matrix (`PackedMatrices`) and x (in,) into out (out,)."""
    sums, rows = sums_of_groups(x), weights.scales.shape[3]
    for block in prange(weights.scales.shape[1]):
        part, scales = out[block * rows : (block + 1) * rows], weights.scales[layer, block]
        if weights.codes.shape[3] == GROUP:
            multiply_8_bits(weights.codes[layer, block].view(np.int8), scales, x, part)
        else:
            multiply_4_bits(weights.codes[layer, block], scales, weights.minima[layer, block], x, sums, part)


@compiled
def sums_of_groups(x):
    """The sum of each group of a vector: what its minimum is multiplied by."""
    sums = np.empty(len(x) // GROUP, np.float32)
    for g in range(len(sums)):
        total = float32(0)
        for k in range(GROUP):
            total += x[GROUP * g + k]
        sums[g] = total
    return sums


@compiled
def multiply_4_bits(codes, scales, minima, x, sums, out):
    """One block of `multiply`."""
    for row in range(len(out)):
        out[row] = 0
    for g in range(len(codes)):
        xs, pairs, scale, minimum = x[GROUP * g : GROUP * g + GROUP], codes[g], scales[g], minima[g]
        for row in range(len(out)):  # many at once: numbers of 32 bits, and a loop inside that is unrolled
            total = float32(0)
            for k in range(16):
                pair = pairs[k, row]
                total += xs[2 * k] * float32(int32(pair & 15)) + xs[2 * k + 1] * float32(int32(pair >> 4))
            out[row] += total * scale[row] + minimum[row] * sums[g]


@compiled
def multiply_8_bits(codes, scales, x, out):
    """One block of `multiply`."""
    for row in range(len(out)):
        out[row] = 0
    for g in range(len(codes)):
        xs, signed, scale = x[GROUP * g : GROUP * g + GROUP], codes[g], scales[g]
        for row in range(len(out)):
            total = float32(0)
            for k in range(32):
                total += xs[k] * float32(int32(signed[k, row]))
            out[row] += total * scale[row]


@compiled
def norm_heads(qkv, query_weight, key_weight, kv_heads, epsilon):
    """Norm each head of queries and keys, in place; those of values, the last, stay."""
    parts = qkv.reshape(-1, len(query_weight))
    heads = len(parts) - 2 * kv_heads
    for head in range(heads + kv_heads):
        norm(parts[head], query_weight if head < heads else key_weight, epsilon, parts[head])


@compiled
def norm(x, weight, epsilon, out):
    """Write x (width,) divided by its root mean square, times weight, into out."""
    total = float32(0)
    for i in range(len(x)):
        total += x[i] * x[i]
    scale = float32(1) / np.sqrt(total / float32(len(x)) + epsilon)
    for i in range(len(x)):
        out[i] = weight[i] * (x[i] * scale)


@compiled
def add(x, part):
    """Add part (width,) to x."""
    for i in range(len(x)):
        x[i] += part[i]


@on_all_threads
def attend(qkv, keys, values, end, rotation, scale, out):
    """Put the new keys and values of a layer in, and write what its heads read into out (heads * size,)."""
    kv_heads, _, size = keys.shape
    heads = len(out) // size
    parts = qkv.reshape(-1, size)  # queries of all heads, then keys, then values
    for head in range(kv_heads):
        rotate(parts[heads + head], rotation)
        for i in range(size):
            keys[head, end, i] = parts[heads + head, i]
            values[head, end, i] = parts[heads + kv_heads + head, i]
    for head in prange(heads):
        shared = head * kv_heads // heads
        rotate(parts[head], rotation)
        mixed = out[head * size : (head + 1) * size]
        attend_head(parts[head], keys[shared], values[shared], end + 1, scale, mixed)


@compiled
def rotate(x, rotation):
    """The rotary embedding of one head (size,) in place, as Llama has it: halves are rotated together."""
    half = len(x) // 2
    for i in range(half):
        a, b = x[i], x[half + i]
        x[i] = a * rotation[0, i] - b * rotation[1, i]
        x[half + i] = b * rotation[0, half + i] + a * rotation[1, half + i]


@compiled
def attend_head(query, keys, values, tokens, scale, out):
    """Write into out (size,) the values (length, size) of the first tokens, weighted by their keys."""
    scores = np.empty(tokens, np.float32)
    for token in range(tokens):
        score = float32(0)
        for i in range(len(query)):
            score += query[i] * keys[token, i]
        scores[token] = score * scale
    highest, total = scores.max(), float32(0)
    for i in range(len(out)):
        out[i] = 0
    for token in range(tokens):
        weight = exp(scores[token] - highest)
        total += weight
        for i in range(len(out)):
            out[i] += weight * values[token, i]
    for i in range(len(out)):
        out[i] /= total


@compiled
def gate(gate_up, gelu, out):
    """Write into out (inner,) the second half of gate_up times the activation of its first half.

    Both are x times a sigmoid: SiLU's of x; GELU's tanh form, (1 + tanh(u)) / 2, is the sigmoid of 2u.
    """
    for i in range(len(out)):
        x = gate_up[i]
        u = float32(1.5957691216) * (x + float32(0.044715) * x * x * x) if gelu else x  # 2 sqrt(2 / pi)
        out[i] = gate_up[len(out) + i] * x / (float32(1) + exp(-u))
