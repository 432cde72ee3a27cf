"""The one decode loop: embeddings in, one token per row and step out, with a KV cache.

Everything that makes text drains this loop: `Lab.generate`, the tables, the panels.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import LogitsProcessor

from nokenlab.decode.choice import NOT_FINITE, check_rows, draw, largest, processed, uniforms
from nokenlab.decode.forward import shared_prefix
from nokenlab.decode.hidden_states import head_inputs
from nokenlab.decode.kv_cache import PlainDecoder, PlainDecoders
from nokenlab.decode.step import State, Step
from nokenlab.errors import check_vectors, short

Feed = Callable[[Step], Tensor | None]
Ends = Callable[[Tensor], Tensor]


class Start(NamedTuple):
    """Where a run starts: a decoder, rows of a batch of so many with their new ids (running, new) so far, and
    the first pass, which returns the next logits."""

    decoder: PlainDecoder
    batch: int
    rows: Tensor
    ids: Tensor
    first_pass: Callable[[], Tensor]


@torch.no_grad()
def sample(
    decoders: PlainDecoders,
    embeddings: Tensor | None,
    mask: Tensor | None,
    *,
    max_new_tokens: int,
    eos_ids: Sequence[int] = (),
    seeds: Sequence[int] | None = None,
    processors: Sequence[LogitsProcessor] = (),
    feed: Feed | None = None,
    most_shared: int | None = None,
    hidden: bool = False,
    ends: Ends | None = None,
    spare: int | None = None,
    state: State | None = None,
) -> Iterator[Step]:
    """Run a model token by token from embeddings (batch, tokens, width), one `Step` per token.

    `decoders` makes what runs the model: `PlainDecoders(model)`, or faster ones (`fast/captured_step.py`).
    `mask` (batch, tokens) is 1 for real positions and 0 for padding, which is on the left. Greedy
    without `seeds`; with one seed per row each row is drawn from its scores by its own generator,
    so its text does not depend on other rows. `processors` are those of transformers; they see the new
    tokens so far, (batch, new), as in `generate(inputs_embeds=…)`. `feed(step)` may return other
    vectors to be fed instead of the chosen tokens' embeddings, (running, width), or None; or k in turn,
    (running, k, width), for which there are `spare` positions more than one per token. First positions that
    are equal in all rows are run once, at most `most_shared` of them. With `hidden` steps have that state.
    `ends(ids)` tells which rows of new ids (running, new) end, besides those at one of `eos_ids`. With
    `state` the run goes on from there, after embeddings (running, tokens, width) if given; rows that ended go
    on only with these. RowFailed is raised where logits are NaN or infinite (on a GPU with captured steps
    after the step), or processors leave no token.
    """
    _check_hooks(processors, feed)
    if state is None:
        decoder = _decoder(decoders, mask, max_new_tokens, hidden)
        start = _start(decoder, embeddings, mask, most_shared)
    else:
        start = _restart(state, embeddings, eos_ids)
    new = range(start.ids.shape[1], start.ids.shape[1] + max_new_tokens)
    draws = None if seeds is None else uniforms(seeds, new.stop).to(start.rows.device)
    eos = torch.tensor(list(eos_ids), device=start.rows.device, dtype=torch.long)
    run = partial(_run, decoders.model if hidden else None)
    yield from _steps(start, new, draws, eos, processors, feed, ends, spare, run)


def _steps(
    start: Start, new: range, draws: Tensor | None, eos: Tensor, processors, feed, ends, spare, run: Callable
) -> Iterator[Step]:
    """The loop itself. `new` are the indices of its steps; `run` makes a pass of the model."""
    decoder, batch, rows, ids, first_pass = start
    embed = decoder.model.get_input_embeddings()
    try:
        logits, hidden = run(first_pass)
        for index in new:
            scores = processed(processors, ids, logits, rows, index)
            best, chosen = largest(scores)
            if draws is not None:
                chosen = draw(scores.float(), draws[rows, index])
            ids, default = torch.cat([ids, chosen[:, None]], dim=-1), embed(chosen)
            keep = partial(_kept, decoder, batch, rows, ids, default)
            step = Step(index, rows, logits, scores, chosen, default, hidden, keep)
            read = _on_cpu(torch.stack([best.isfinite(), torch.isin(chosen, eos)]))
            runs_ahead = decoder.keeps_rows and rows.is_cuda
            if not runs_ahead:
                check_rows(read()[0], rows, index, NOT_FINITE)
            step.embeddings = given = _checked(feed(step) if feed else None, default)
            yield step
            step.leave()
            fed, last = _checked(step.embeddings, default, given), index == new[-1]
            if fed.dim() == 3 and not last:  # k vectors in turn
                spare = _less(spare, fed.shape[1] - 1, index)
                decoder, runs_ahead = _plain(decoder, rows), False
            if runs_ahead and not last:  # a GPU computes all rows meanwhile, and does not wait for `read`
                logits, hidden = run(decoder.advance, rows, fed)
            finite, ended = read()
            check_rows(finite, rows, index, NOT_FINITE)
            if ends and not last:
                ended = ended | ends(ids).to(ended.device)
            if last or ended.all():
                return
            if ended.any():  # rows that ended leave the batch
                going = (~ended).nonzero().squeeze(1).to(rows.device)
                rows, ids, fed, logits = rows[going], ids[going], fed[going], logits[going]
            if not runs_ahead:
                logits, hidden = run(decoder.advance, rows, fed)
    finally:
        decoder.release()


def _start(decoder: PlainDecoder, embeddings: Tensor, mask: Tensor, most_shared: int | None) -> Start:
    """A run of prompts."""
    shared = min(shared_prefix(embeddings, mask), mask.shape[1] if most_shared is None else most_shared)
    rows = torch.arange(len(mask), device=mask.device)
    first_pass = partial(decoder.prefill, embeddings, mask, shared)
    return Start(decoder, len(mask), rows, rows.new_empty(len(mask), 0), first_pass)


def _restart(state: State, embeddings: Tensor | None, eos_ids: Sequence[int]) -> Start:
    """A run that goes on from a state, with embeddings (running, tokens, width) after it, or None."""
    rows, ids, fed = state.rows, state.ids, state.fed
    if embeddings is None:
        going = ~torch.isin(ids[:, -1], torch.tensor(list(eos_ids), device=ids.device, dtype=torch.long))
        rows, ids, fed = rows[going], ids[going], fed[going]
    else:
        fed = torch.cat([fed, embeddings], dim=1)
    decoder = state.decoder.plain(rows)
    return Start(decoder, state.batch, rows, ids, partial(decoder.advance, rows, fed))


def _run(model, run: Callable[..., Tensor], *args) -> tuple[Tensor, Tensor | None]:
    """The logits of a pass; with a model also what its head gets for them, (running, width)."""
    if model is None:
        return run(*args), None
    with head_inputs(model) as states:
        logits = run(*args)
    return logits, states[-1][:, -1].to(logits.device)


def _kept(decoder, batch: int, rows: Tensor, ids: Tensor, default: Tensor, fed: Tensor) -> State:
    """The state of a run at a step."""
    fed = _checked(fed, default)
    return State(batch, rows, ids, fed if fed.dim() == 3 else fed[:, None], decoder.plain(rows))


def _plain(decoder: PlainDecoder, rows: Tensor) -> PlainDecoder:
    """A plain decoder in place of another, which is given back."""
    plain = decoder.plain(rows)
    decoder.release()
    return plain


def _less(spare: int | None, more: int, index: int) -> int | None:
    """What is left of `spare` positions after so many more."""
    if spare is not None and more > spare:
        right = f"at most {spare + 1} fit into the model's context with all new tokens"
        raise ValueError(f"step {index}: {more + 1} vectors are fed at once; {right}")
    return None if spare is None else spare - more


def _decoder(decoders: PlainDecoders, mask: Tensor, new: int, hidden: bool) -> PlainDecoder:
    """A decoder for prompts and so many new tokens: a plain one for one token, and for hidden states."""
    plain = new == 1 or hidden
    return PlainDecoder(decoders.model) if plain else decoders.take(len(mask), mask.shape[1] + new)


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


def _checked(fed: Tensor | None, *defaults: Tensor) -> Tensor:
    """Vectors to be fed, in the dtype of the first default, which None stands for. Defaults need no check."""
    default = defaults[0]
    if fed is None:
        return default
    if any(fed is checked for checked in defaults):
        return fed
    check_vectors(fed, "what is fed")
    (rows, width), shape = default.shape, fed.shape
    if fed.dim() not in (2, 3) or 0 in shape or (shape[0], shape[-1]) != (rows, width):
        right = f"(running rows, width) = {(rows, width)} or (running rows, k, width)"
        raise ValueError(f"what is fed must be {right}, or None; got {tuple(shape)}")
    return fed.to(default)
