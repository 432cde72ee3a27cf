"""Hidden states read out by the model itself: put in a prompt as an embedding, or into a layer that reads it.

After Patchscopes (Ghandeharioun et al. 2024, arXiv:2401.06102).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from numbers import Integral
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nokenlab.decode import loop
from nokenlab.decode.hidden_states import first, layers
from nokenlab.decode.kv_cache import PlainDecoder, PlainDecoders
from nokenlab.errors import check_vectors, short
from nokenlab.nokens import NOKEN, fill, word_vector

if TYPE_CHECKING:
    from nokenlab.lab import Lab

READ_OUT = f"cat -> cat; 1135 -> 1135; hello -> hello; {NOKEN} ->"
PLACEHOLDER = "?"  # what layers below the patched one read there


@contextmanager
def patched(model, layer: int, position: int, states: Tensor) -> Iterator[None]:
    """While it lasts, states (rows, width) are what enters a layer at `position` of the rows of a prompt.

    Positions are counted through all passes from here, a start-of-text token's too. `layer` may be the number
    of layers: then they are what leaves the last, before the last norm.
    """
    seen = 0

    def put(hidden: Tensor) -> Tensor:  # (rows, tokens, width)
        nonlocal seen
        place, seen = position - seen, seen + hidden.shape[1]
        if not 0 <= place < hidden.shape[1]:
            return hidden
        hidden = hidden.clone()
        hidden[:, place] = states.to(hidden)
        return hidden

    every = layers(model)
    if layer < len(every):
        hook = every[layer].register_forward_pre_hook(lambda _, given: (put(given[0]), *given[1:]))
    else:
        hook = every[-1].register_forward_hook(lambda *made: _with_first(made[-1], put(first(made[-1]))))
    try:
        yield
    finally:
        hook.remove()


def read_out(
    lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: int | None = None, max_new_tokens: int = 4
) -> Iterator[loop.Step]:
    """What a prompt's <noken> says, one `Step` a token, greedy: states (rows, width), a row each.

    Without `layer` the states stand in the embedding slot, as any noken. With it, 0 to the number of layers,
    they are what enters that layer there (the layers below read a "?"), and where it is the number of
    layers, what leaves the last. Rows are one batch. Raises ValueError as `nokens.fill` does, and for a layer
    that is none.
    """
    if layer is None:
        yield from lab.sample(fill(lab, prompt, states), max_new_tokens)
        return
    _check(lab, states, layer)
    embeddings, mask = lab.batch(fill(lab, prompt, word_vector(lab, PLACEHOLDER).expand(len(states), -1)))
    lab.check_room(embeddings.shape[1], max_new_tokens)
    position = len(lab.start_ids) + len(lab.ids(prompt.split(NOKEN)[0].removesuffix(" ")))
    decoders = _PatchedDecoders(lab.model, layer, position, states)
    most = max(2, max_new_tokens)  # for a single token the loop takes no decoder
    steps = loop.sample(decoders, embeddings, mask, max_new_tokens=most, eos_ids=lab.eos_ids)
    for _ in range(max_new_tokens):
        with lab.turn:
            step = next(steps, None)
        if step is None:
            return
        yield step


def read_logits(lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: int | None = None) -> Tensor:
    """Logits of the first token that states (rows, width) say, (rows, vocab), float32. As `read_out`."""

    def logits(some: slice) -> Tensor:
        return next(read_out(lab, states[some], prompt, layer, 1)).logits

    return torch.cat(lab.in_batches(logits, len(states), None))


def read_texts(
    lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: int | None = None, max_new_tokens: int = 4
) -> list[str]:
    """What states (rows, width) say, a text each. As `read_out`."""

    def texts(some: slice) -> list[str]:
        ids: list[list[int]] = [[] for _ in states[some]]
        for step in read_out(lab, states[some], prompt, layer, max_new_tokens):
            for row, id in zip(step.rows.tolist(), step.ids.tolist(), strict=True):
                ids[row].append(id)
        return [lab.text([id for id in row if id not in lab.eos_ids]) for row in ids]

    return list(chain.from_iterable(lab.in_batches(texts, len(states), None)))


class _PatchedDecoder(PlainDecoder):
    """Reads a prompt with states in a layer; what follows finds them in its cache."""

    def __init__(self, model, layer: int, position: int, states: Tensor):
        super().__init__(model)
        self.layer, self.position, self.states = layer, position, states

    def prefill(self, embeddings: Tensor, mask: Tensor, shared: int) -> Tensor:
        with patched(self.model, self.layer, self.position, self.states):
            return super().prefill(embeddings, mask, min(shared, self.position))


class _PatchedDecoders(PlainDecoders):
    def __init__(self, model, *where):
        super().__init__(model)
        self.where = where

    def take(self, rows: int, length: int) -> PlainDecoder:
        return _PatchedDecoder(self.model, *self.where)


def _check(lab: Lab, states: Tensor, layer: int) -> None:
    many, width = len(layers(lab.model)), lab.model.config.get_text_config().hidden_size
    check_vectors(states, "states")
    if states.dim() != 2 or states.shape[1] != width or not len(states):
        raise ValueError(f"states of this model are (rows, {width}), got {tuple(states.shape)}")
    if not isinstance(layer, Integral) or not 0 <= layer <= many:
        raise ValueError(f"layer must be a whole number from 0 to {many}, got {short(layer)}")


def _with_first(output, state: Tensor):
    """What a layer gives on with another state in it."""
    return state if isinstance(output, Tensor) else (state, *output[1:])
