"""The one decode loop: embeddings in, one token per row and step out, with a KV cache.

Everything that makes text drains this loop: `Lab.generate`, the tables, the panels.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from nokenlab.decode.forward import shared_prefix
from nokenlab.decode.kv_cache import PlainDecoder, PlainDecoders
from nokenlab.errors import check_vectors, short


@dataclass
class Step:
    """One new token for each row still running.

    index: 0 for the first new token. rows: (running,) which rows of the batch these are; a row leaves
    after its end-of-sequence token. computed, processed: (running, vocab) the logits as the model computes
    them, and after the logits processors. ids: (running,) the chosen tokens. embeddings: (running, width)
    what is fed to the model next.
    """

    index: int
    rows: Tensor
    computed: Tensor
    processed: Tensor
    ids: Tensor
    embeddings: Tensor

    @property
    def logits(self) -> Tensor:
        """The logits before any processor, (running, vocab), float32."""
        return self.computed.float()

    @property
    def scores(self) -> Tensor:
        """The logits after the processors, (running, vocab), float32."""
        return self.processed.float()

    @property
    def probabilities(self) -> Tensor:
        """The next-token distribution before any processor, (running, vocab)."""
        return self.logits.softmax(dim=-1)


Feed = Callable[[Step], Tensor | None]


@torch.no_grad()
def sample(
    decoders: PlainDecoders,
    embeddings: Tensor,
    mask: Tensor,
    *,
    max_new_tokens: int,
    eos_ids: Sequence[int] = (),
    seeds: Sequence[int] | None = None,
    processors: Sequence[LogitsProcessor] = (),
    feed: Feed | None = None,
    most_shared: int | None = None,
) -> Iterator[Step]:
    """Run a model token by token from embeddings (batch, tokens, width), one `Step` per token.

    `decoders` makes what runs the model: `PlainDecoders(model)`, or faster ones (`fast/captured_step.py`).
    `mask` (batch, tokens) is 1 for real positions and 0 for padding, which is on the left. Greedy
    without `seeds`; with one seed per row each row is drawn from its scores by its own generator,
    so its text does not depend on other rows. `processors` are those of transformers; they see the new
    tokens so far, (batch, new), as in `generate(inputs_embeds=…)`. `feed(step)` may return other
    vectors (running, width) to be fed instead of the chosen tokens' embeddings, or None. First positions
    that are equal in all rows are run once, at most `most_shared` of them.
    """
    _check_hooks(processors, feed)
    shared = shared_prefix(embeddings, mask)
    shared = shared if most_shared is None else min(shared, most_shared)
    embed = decoders.model.get_input_embeddings()
    process = LogitsProcessorList(processors)
    eos = torch.tensor(list(eos_ids), device=mask.device, dtype=torch.long)
    rows = torch.arange(len(embeddings), device=mask.device)
    ids = torch.empty(len(rows), 0, dtype=torch.long, device=mask.device)  # (running, new)
    uniforms = None if seeds is None else _uniforms(seeds, max_new_tokens).to(mask.device)
    only_compared = seeds is None and not processors  # the largest logit needs no float32
    if max_new_tokens == 1:  # a prompt and no decode step
        decoder = PlainDecoder(decoders.model)
    else:
        decoder = decoders.take(len(rows), mask.shape[1] + max_new_tokens)
    try:
        logits = decoder.prefill(embeddings, mask, shared)
        for index in range(max_new_tokens):
            scores = logits if only_compared else process(ids, logits.float())
            chosen = _largest(scores) if seeds is None else _draw(scores, uniforms[rows, index])
            step = Step(index, rows, logits, scores, chosen, embed(chosen))
            if feed is not None:
                step.embeddings = _checked(feed(step), step.embeddings)
            yield step
            if index + 1 == max_new_tokens:
                return
            ids, fed = torch.cat([ids, chosen[:, None]], dim=-1), step.embeddings
            ended = _on_cpu(torch.isin(chosen, eos))
            if decoder.keeps_rows:  # a GPU computes all rows meanwhile, and does not wait for `ended`
                logits = decoder.advance(rows, fed)
            if ended().any():  # rows that ended leave the batch
                going = (~ended()).nonzero().squeeze(1).to(rows.device)
                rows, ids, fed, logits = rows[going], ids[going], fed[going], logits[going]
            if not len(rows):
                return
            if not decoder.keeps_rows:
                logits = decoder.advance(rows, fed)
    finally:
        decoder.release()


def new_ids(steps: Iterable[Step], rows: int) -> list[list[int]]:
    """The new ids of each row, its end-of-sequence token included."""
    chosen = [(step.rows, step.ids) for step in steps]  # read at the end, so that a GPU does not wait
    ids: list[list[int]] = [[] for _ in range(rows)]
    for step_rows, step_ids in chosen:
        for row, id in zip(step_rows.tolist(), step_ids.tolist(), strict=True):
            ids[row].append(id)
    return ids


def _on_cpu(x: Tensor) -> Callable[[], Tensor]:
    """Begin to copy x to the CPU; the function waits for the copy, not for later work of the GPU."""
    if not x.is_cuda:
        return lambda: x
    copied = torch.empty(x.shape, dtype=x.dtype, pin_memory=True).copy_(x, non_blocking=True)
    done = torch.cuda.Event()
    done.record()

    def wait() -> Tensor:
        done.synchronize()
        return copied

    return wait


def _largest(scores: Tensor) -> Tensor:
    """The likeliest token of each row of scores (rows, vocab)."""
    if scores.is_cuda:
        return scores.argmax(-1)
    return scores.max(-1).indices  # equal; on a CPU argmax takes five times as long for bfloat16


def _uniforms(seeds: Sequence[int], steps: int) -> Tensor:
    """One number in [0, 1) per row and step, (rows, steps): row i depends on seeds[i] alone."""
    generators = [torch.Generator().manual_seed(int(seed)) for seed in seeds]
    return torch.stack([torch.rand(steps, generator=generator) for generator in generators])


def _draw(scores: Tensor, uniform: Tensor) -> Tensor:
    """One token per row from softmax(scores) (rows, vocab), by inverting the cumulative distribution."""
    cumulative = scores.softmax(-1).cumsum(-1)  # (rows, vocab)
    total = cumulative[:, -1:].contiguous()
    drawn = torch.searchsorted(cumulative, uniform[:, None] * total, right=True)
    last = torch.searchsorted(cumulative, total)  # rounding must not reach a token of probability 0
    return torch.minimum(drawn, last).squeeze(1)


def _check_hooks(processors, feed) -> None:
    if not isinstance(processors, Sequence) or not all(map(callable, processors)):
        raise ValueError(
            f"processors must be a list of transformers' LogitsProcessor, got {short(processors)}"
        )
    if feed is not None and not callable(feed):
        raise ValueError(f"feed must be a function of a step, got {short(feed)}")


def _checked(fed: Tensor | None, default: Tensor) -> Tensor:
    if fed is None:
        return default
    check_vectors(fed, "what feed returned")
    if fed.shape != default.shape:
        right, got = tuple(default.shape), tuple(fed.shape)
        raise ValueError(f"feed must return (running rows, width) = {right}, or None; got {got}")
    return fed.to(default)
