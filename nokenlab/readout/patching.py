"""Hidden states read out by the model itself: put in a prompt as an embedding, or into a layer that reads it.

After Patchscopes (Ghandeharioun et al. 2024, arXiv:2401.06102).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from nokenlab.prompt import NOKEN, Template, word_vector

if TYPE_CHECKING:
    from nokenlab.lab import Lab

READ_OUT = f"cat -> cat; 1135 -> 1135; hello -> hello; {NOKEN} ->"
PLACEHOLDER = "?"  # what layers below the patched one read there
Layer = int | Sequence[int] | None  # for all rows, or one a row; none: the embedding slot


@contextmanager
def patched(model, layer: int | Sequence[int], position: int, states: Tensor) -> Iterator[None]:
    """While it lasts, states (rows, width) are what enters a layer at `position` of the rows of a prompt.

    `layer` is one for all rows, or a list of one a row; where it is the number of layers, the state is what
    leaves the last, before its norm. Positions are counted through all passes from here, a start-of-text
    token's too.
    """
    layer, hooks = _each(layer, states), []
    try:
        for one in sorted(set(layer)):
            rows = [row for row, own in enumerate(layer) if own == one]
            hooks.append(_hook(layers(model), one, _Put(position, rows, states[rows])))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def read_out(
    lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: Layer = None, max_new_tokens: int = 4
) -> Iterator[loop.Step]:
    """What a prompt's <noken> says, one `Step` a token, greedy: states (rows, width), a row each.

    Without `layer` the states stand in the embedding slot, as any noken. With it, 0 to the number of layers,
    they are what enters that layer there (the layers below read a "?"), and where it is the number of
    layers, what leaves the last; it may be a list, a layer a row. Rows are one batch. Raises ValueError as
    `nl.fill` does, and for a layer that is none.
    """
    if layer is None:
        yield from lab.sample(Template(lab, prompt).fill(states), max_new_tokens)
        return
    _check(lab, states, _each(layer, states))
    template = Template(lab, prompt)
    embeddings, mask = lab.batch(template.fill(word_vector(lab, PLACEHOLDER).expand(len(states), -1)))
    lab.check_room(embeddings.shape[1], max_new_tokens)
    position = len(lab.start_ids) + template.position
    decoders = _PatchedDecoders(lab.model, layer, position, states)
    most = max(2, max_new_tokens)  # for a single token the loop takes no decoder
    steps = loop.sample(decoders, embeddings, mask, max_new_tokens=most, eos_ids=lab.eos_ids)
    for _ in range(max_new_tokens):
        with lab.lock:
            step = next(steps, None)
        if step is None:
            return
        yield step


def read_logits(lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: Layer = None) -> Tensor:
    """Logits of the first token that states (rows, width) say, (rows, vocab), float32. As `read_out`."""

    def logits(some: slice) -> Tensor:
        return next(read_out(lab, states[some], prompt, _some(layer, some), 1)).logits

    return torch.cat(lab.in_batches(logits, len(states), None))


def read_texts(
    lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: Layer = None, max_new_tokens: int = 4
) -> list[str]:
    """What states (rows, width) say, a text each. As `read_out`."""

    def texts(some: slice) -> list[str]:
        ids: list[list[int]] = [[] for _ in states[some]]
        for step in read_out(lab, states[some], prompt, _some(layer, some), max_new_tokens):
            for row, id in zip(step.rows.tolist(), step.ids.tolist(), strict=True):
                ids[row].append(id)
        return [lab.text([id for id in row if id not in lab.eos_ids]) for row in ids]

    return list(chain.from_iterable(lab.in_batches(texts, len(states), None)))


class _PatchedDecoder(PlainDecoder):
    """Reads a prompt with states in a layer; what follows finds them in its cache."""

    def __init__(self, model, layer: int | Sequence[int], position: int, states: Tensor):
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


class _Put:
    """Puts states (rows, width) at a position of some rows of what passes by."""

    def __init__(self, position: int, rows: list[int], states: Tensor):
        self.place, self.rows, self.states = position, rows, states

    def __call__(self, hidden: Tensor) -> Tensor:  # (batch, tokens, width)
        place, self.place = self.place, self.place - hidden.shape[1]
        if not 0 <= place < hidden.shape[1]:
            return hidden
        hidden = hidden.clone()
        hidden[self.rows, place] = self.states.to(hidden)
        return hidden


def _hook(every, layer: int, put: _Put):
    if layer < len(every):
        return every[layer].register_forward_pre_hook(lambda _, given: (put(given[0]), *given[1:]))
    return every[-1].register_forward_hook(lambda *made: _with_first(made[-1], put(first(made[-1]))))


def _each(layer: int | Sequence[int], states: Tensor) -> Sequence[int]:
    """A layer for each of states (rows, width)."""
    return [layer] * len(states) if isinstance(layer, Integral) else layer


def _some(layer: Layer, some: slice) -> Layer:
    return layer[some] if isinstance(layer, list | tuple) else layer


def _check(lab: Lab, states: Tensor, layer: Sequence[int]) -> None:
    many, width = len(layers(lab.model)), lab.model.config.get_text_config().hidden_size
    check_vectors(states, "states")
    if states.dim() != 2 or states.shape[1] != width or not len(states):
        raise ValueError(f"states of this model are (rows, {width}), got {tuple(states.shape)}")
    if not isinstance(layer, list | tuple) or len(layer) != len(states):
        raise ValueError(f"layer is a whole number, or a list of one for each state, got {short(layer)}")
    for one in layer:
        if not isinstance(one, Integral) or not 0 <= one <= many:
            raise ValueError(f"layer must be a whole number from 0 to {many}, got {short(one)}")


def _with_first(output, state: Tensor):
    """What a layer gives on with another state in it."""
    return state if isinstance(output, Tensor) else (state, *output[1:])
