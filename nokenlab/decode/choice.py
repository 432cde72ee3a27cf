"""Which token is chosen from logits: after processors the likeliest, or a random draw."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nokenlab.errors import RowFailed, short

NOT_FINITE = "the logits are NaN or infinite, by the weights, the dtype or the vectors; no row goes on"


def largest(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The largest score of each row of scores (rows, vocab), NaN if it has one, and the first with it."""
    return scores.max(-1)  # on a CPU argmax takes five times as long for bfloat16


def processed(processors, ids: Tensor, scores: Tensor, rows: Tensor, index: int) -> Tensor:
    """Logits (running, vocab) after the processors, in float32; as they are if there are none."""
    if not processors:
        return scores
    check_rows(scores.amax(-1).isfinite(), rows, index, NOT_FINITE)
    scores = scores.float()
    for processor in processors:
        name = getattr(processor, "__name__", type(processor).__name__)
        shape, scores = scores.shape, processor(ids, scores)
        if not isinstance(scores, Tensor) or scores.shape != shape or not scores.is_floating_point():
            right, got = tuple(shape), short(scores)
            raise ValueError(f"step {index}: the processor {name} must return scores {right}, got {got}")
        check_rows(scores.amax(-1).isfinite(), rows, index, f"the processor {name} leaves no token to choose")
    return scores


def check_rows(right: Tensor, rows: Tensor, index: int, reason: str) -> None:
    """RowFailed for the first of `rows` where right (running,) is False."""
    if not right.all():
        raise RowFailed(int(rows[right.to(rows.device).logical_not()][0]), f"step {index}: {reason}")


def uniforms(seeds: Sequence[int], steps: int) -> Tensor:
    """One number in [0, 1) per row and step, (rows, steps): row i depends on seeds[i] alone."""
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    return torch.stack([torch.rand(steps, generator=generator) for generator in generators])


def draw(scores: Tensor, uniform: Tensor) -> Tensor:
    """One token per row from softmax(scores) (rows, vocab), by inverting the cumulative distribution."""
    cumulative = scores.softmax(-1).cumsum(-1)  # (rows, vocab)
    total = cumulative[:, -1:].contiguous()
    drawn = torch.searchsorted(cumulative, uniform[:, None] * total, right=True)
    last = torch.searchsorted(cumulative, total)  # rounding must not reach a token of probability 0
    return torch.minimum(drawn, last).squeeze(1).clamp_max(scores.shape[1] - 1)  # of NaN it is outside
