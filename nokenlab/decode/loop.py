"""The one decode loop: embeddings in, one token per row and step out, with a KV cache.

Everything that makes text drains this loop: `Lab.generate`, the tables, the panels.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import LogitsProcessor

from nokenlab.decode.choice import NOT_FINITE, check_rows, draw, largest, processed, uniforms
from nokenlab.decode.forward import shared_prefix
from nokenlab.decode.kv_cache import PlainDecoder, PlainDecoders
from nokenlab.errors import check_vectors, short


@dataclass
class Step:
    """One new token for each row still running.

    index: 0 for the first new token. rows: (running,) which rows of the batch these are; a row leaves
    after its end-of-sequence token. computed, processed: (running, vocab) the logits as the model computes
    them, and after the logits processors. ids: (running,) the chosen tokens. embeddings: (running, width)
    what is fed to the model next, which may be set.
    """

    index: int
    rows: Tensor
    computed: Tensor
    processed: Tensor
    ids: Tensor
    embeddings: Tensor

    def __setattr__(self, name: str, value) -> None:
        if name != "embeddings" and name in vars(self):
            right = "set its embeddings, as to lab.embed_ids(ids), to feed other tokens"
            raise AttributeError(f"{name} of a step cannot be set; {right}")
        super().__setattr__(name, value)

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
    that are equal in all rows are run once, at most `most_shared` of them. RowFailed is raised where logits
    are NaN or infinite (on a GPU with captured steps after the step), or processors leave no token.
    """
    _check_hooks(processors, feed)
    shared = min(shared_prefix(embeddings, mask), mask.shape[1] if most_shared is None else most_shared)
    embed = decoders.model.get_input_embeddings()
    eos = torch.tensor(list(eos_ids), device=mask.device, dtype=torch.long)
    rows = torch.arange(len(embeddings), device=mask.device)
    ids = torch.empty(len(rows), 0, dtype=torch.long, device=mask.device)  # (running, new)
    draws = None if seeds is None else uniforms(seeds, max_new_tokens).to(mask.device)
    decoder = _decoder(decoders, mask, max_new_tokens)
    runs_ahead = decoder.keeps_rows and mask.is_cuda
    try:
        logits = decoder.prefill(embeddings, mask, shared)
        for index in range(max_new_tokens):
            scores = processed(processors, ids, logits, rows, index)
            best, chosen = largest(scores)
            if draws is not None:
                chosen = draw(scores.float(), draws[rows, index])
            step = Step(index, rows, logits, scores, chosen, embed(chosen))
            read = _on_cpu(torch.stack([best.isfinite(), torch.isin(chosen, eos)]))
            if not runs_ahead:
                check_rows(read()[0], rows, index, NOT_FINITE)
            step.embeddings = given = _checked(feed(step) if feed else None, step.embeddings)
            yield step
            fed, last = _checked(step.embeddings, given), index + 1 == max_new_tokens
            if runs_ahead and not last:  # a GPU computes all rows meanwhile, and does not wait for `read`
                logits = decoder.advance(rows, fed)
            finite, ended = read()
            check_rows(finite, rows, index, NOT_FINITE)
            if last or ended.all():
                return
            ids = torch.cat([ids, chosen[:, None]], dim=-1)
            if ended.any():  # rows that ended leave the batch
                going = (~ended).nonzero().squeeze(1).to(rows.device)
                rows, ids, fed, logits = rows[going], ids[going], fed[going], logits[going]
            if not runs_ahead:
                logits = decoder.advance(rows, fed)
    finally:
        decoder.release()


def _decoder(decoders: PlainDecoders, mask: Tensor, new: int) -> PlainDecoder:
    """A decoder for prompts and so many new tokens; one token needs no decode step."""
    return PlainDecoder(decoders.model) if new == 1 else decoders.take(len(mask), mask.shape[1] + new)


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


def _check_hooks(processors, feed) -> None:
    if not isinstance(processors, Sequence) or not all(map(callable, processors)):
        raise ValueError(
            f"processors must be a list of transformers' LogitsProcessor, got {short(processors)}"
        )
    if feed is not None and not callable(feed):
        raise ValueError(f"feed must be a function of a step, got {short(feed)}")


def _checked(fed: Tensor | None, default: Tensor) -> Tensor:
    """Vectors to be fed (running, width) in the dtype of the default, which None stands for."""
    if fed is None or fed is default:
        return default
    check_vectors(fed, "what is fed")
    if fed.shape != default.shape:
        right, got = tuple(default.shape), tuple(fed.shape)
        raise ValueError(f"what is fed must be (running rows, width) = {right}, or None; got {got}")
    return fed.to(default)
