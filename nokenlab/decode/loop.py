"""The one decode loop: embeddings in, one token a row and step out, with a KV cache.

Everything that makes text drains this loop: `Lab.generate`, the tables, the widgets.
"""

from collections.abc import Callable, Iterator, Sequence
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
    after its end-of-sequence token. computed, processed: (running, vocab) the logits as the model gives
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
        """The model's own, (running, vocab), float32."""
        return self.computed.float()

    @property
    def scores(self) -> Tensor:
        """The same after the logits processors, (running, vocab), float32."""
        return self.processed.float()

    @property
    def probabilities(self) -> Tensor:
        """The model's own next-token distribution, before any processor, (running, vocab)."""
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
) -> Iterator[Step]:
    """Run a model token by token from embeddings (batch, tokens, width), one `Step` a token.

    `decoders` makes what runs the model: `PlainDecoders(model)`, or faster ones (`fast/step_pool.py`).
    `mask` (batch, tokens) is 1 for real positions and 0 for padding, which is on the left. Greedy
    without `seeds`; with one seed a row each row is drawn from its scores by a generator of its own,
    so its text does not depend on the rows beside it. `processors` are transformers' own; they see the new
    tokens so far, (batch, new), as in `generate(inputs_embeds=…)`. `feed(step)` may return other
    vectors (running, width) to be fed in place of the chosen tokens' embeddings, or None.
    """
    _check_hooks(processors, feed)
    embed = decoders.model.get_input_embeddings()
    process = LogitsProcessorList(processors)
    eos = torch.tensor(list(eos_ids), device=mask.device, dtype=torch.long)
    rows = torch.arange(len(embeddings), device=mask.device)
    ids = torch.empty(len(rows), 0, dtype=torch.long, device=mask.device)  # (running, new)
    uniforms = None if seeds is None else _uniforms(seeds, max_new_tokens).to(mask.device)
    untouched = seeds is None and not processors  # logits are compared, no more, and need no float32
    length = mask.shape[1] + max_new_tokens
    only_one = max_new_tokens == 1  # a prompt and no step
    decoder = PlainDecoder(decoders.model) if only_one else decoders.take(len(rows), length)
    try:
        logits = decoder.prefill(embeddings, mask, shared_prefix(embeddings, mask))
        for index in range(max_new_tokens):
            scores = logits if untouched else process(ids, logits.float())
            chosen = _largest(scores) if seeds is None else _draw(scores, uniforms[rows, index])
            step = Step(index, rows, logits, scores, chosen, embed(chosen))
            if feed is not None:
                step.embeddings = _checked(feed(step), step.embeddings)
            yield step
            if index + 1 == max_new_tokens:
                return
            ids, fed = torch.cat([ids, chosen[:, None]], dim=-1), step.embeddings
            ended = _on_cpu(torch.isin(chosen, eos))
            if (
                decoder.keeps_rows
            ):  # all go on while it is asked which have ended: a GPU does not wait for that
                logits = decoder.advance(rows, fed)
            if ended().any():  # a row that has ended leaves the batch
                going = (~ended()).nonzero().squeeze(1).to(rows.device)
                rows, ids, fed, logits = rows[going], ids[going], fed[going], logits[going]
            if not len(rows):
                return
            if not decoder.keeps_rows:
                logits = decoder.advance(rows, fed)
    finally:
        decoder.release()


def _on_cpu(x: Tensor) -> Callable[[], Tensor]:
    """Begin to copy x to the CPU; the function waits for that, but for no work that a GPU gets meanwhile."""
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
    return scores.max(-1).indices  # the same; a CPU's argmax takes five times as long for bfloat16


def _uniforms(seeds: Sequence[int], steps: int) -> Tensor:
    """One number in [0, 1) a row and step, (rows, steps): row i depends on seeds[i] alone."""
    draws = [torch.rand(steps, generator=torch.Generator().manual_seed(int(s))) for s in seeds]
    return torch.stack(draws)


def _draw(scores: Tensor, uniform: Tensor) -> Tensor:
    """A token a row from softmax(scores) (rows, vocab), by inverting the cumulative distribution."""
    heights = scores.softmax(-1).cumsum(-1)  # (rows, vocab)
    total = heights[:, -1:].contiguous()
    found = torch.searchsorted(heights, uniform[:, None] * total, right=True)
    last = torch.searchsorted(heights, total)  # rounding must not reach a token of probability 0
    return torch.minimum(found, last).squeeze(1)


def _check_hooks(processors, feed) -> None:
    if not isinstance(processors, Sequence) or not all(map(callable, processors)):
        raise ValueError(
            f"processors are a list of logits processors of transformers, got {short(processors)}"
        )
    if feed is not None and not callable(feed):
        raise ValueError(f"feed must be a function of a step, got {short(feed)}")


def _checked(fed: Tensor | None, default: Tensor) -> Tensor:
    if fed is None:
        return default
    check_vectors(fed, "what feed returned")
    if fed.shape != default.shape:
        wanted, got = tuple(default.shape), tuple(fed.shape)
        raise ValueError(f"feed must return (running rows, width) = {wanted}, or None; got {got}")
    return fed.to(default)
