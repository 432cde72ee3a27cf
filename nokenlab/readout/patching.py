"""Hidden states read out by the model itself: put into a prompt as an embedding, or into one of its layers.

After Patchscopes (Ghandeharioun et al. 2024, arXiv:2401.06102).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from numbers import Integral

import torch
from torch import Tensor

from nokenlab.decode import loop
from nokenlab.decode.hidden_states import first, layers
from nokenlab.errors import check_vectors, short
from nokenlab.lab import Lab
from nokenlab.prompt import NOKEN, Template, word_vector

READ_OUT = f"cat -> cat; 1135 -> 1135; hello -> hello; {NOKEN} ->"
PLACEHOLDER = "?"  # what layers below the patched one read at the noken's position
Layer = int | Sequence[int] | None  # of all rows, or one per row; None: in place of the embedding


@contextmanager
def patched(model, layer: int | Sequence[int], position: int, states: Tensor) -> Iterator[None]:
    """In this context states (rows, width) are what enters a layer at `position` of the rows of a prompt.

    `layer` is one for all rows, or a list of one per row; the number of layers means what leaves the last,
    before the final norm. Positions are counted over all forward passes in the context, and count a
    start-of-text token.
    """
    layer_of_row, hooks = _layer_of_row(layer, states), []
    try:
        for number in sorted(set(layer_of_row)):
            rows = [row for row, of_row in enumerate(layer_of_row) if of_row == number]
            hooks.append(_hook(layers(model), number, _patch(position, rows, states[rows])))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def read_out(
    lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: Layer = None, max_new_tokens: int = 4
) -> Iterator[loop.Step]:
    """What the model says to a prompt with states (rows, width) at its <noken>, one `Step` per token, greedy.

    Without `layer` the states stand in place of an embedding, as any noken. With it, 0 to the number of
    layers, they are what enters that layer at this position (the layers below read a "?"); the number of
    layers means what leaves the last. It may be a list, one layer per row. All rows are one batch. Raises
    ValueError as `nl.fill` does, and for a layer that the model does not have.
    """
    template = Template(lab, prompt)
    if layer is None:
        yield from lab.sample(template.fill(states), max_new_tokens)
        return
    _check(lab, states, _layer_of_row(layer, states))
    embeddings, mask = lab.batch(template.fill(word_vector(lab, PLACEHOLDER).expand(len(states), -1)))
    lab.check_room(embeddings.shape[1], max_new_tokens)
    position = len(lab.start_ids) + template.position
    steps = loop.sample(
        lab.decoders,
        embeddings,
        mask,
        max_new_tokens=max_new_tokens,
        eos_ids=lab.eos_ids,
        most_shared=position,
    )
    with lab.lock, patched(lab.model, layer, position, states):
        first_step = next(steps)
    yield first_step  # later steps find the states' keys and values in the cache
    yield from lab.locked(steps)


def read_logits(lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: Layer = None) -> Tensor:
    """Logits of the first token said to states (rows, width), (rows, vocab), float32; see `read_out`."""

    def logits(batch: slice) -> Tensor:
        return next(read_out(lab, states[batch], prompt, _of_batch(layer, batch), 1)).logits

    return torch.cat(lab.in_batches(logits, len(states), None))


def read_texts(
    lab: Lab, states: Tensor, prompt: str = READ_OUT, layer: Layer = None, max_new_tokens: int = 4
) -> list[str]:
    """The text that is said to each of states (rows, width); see `read_out`."""

    def texts(batch: slice) -> list[str]:
        steps = read_out(lab, states[batch], prompt, _of_batch(layer, batch), max_new_tokens)
        return [lab.new_text(ids) for ids in loop.new_ids(steps, len(states[batch]))]

    return list(chain.from_iterable(lab.in_batches(texts, len(states), None)))


def _patch(position: int, rows: list[int], states: Tensor) -> Callable[[Tensor], Tensor]:
    """A function that puts states (rows, width) at a position of these rows of what passes it.

    It takes and returns hidden states (batch, tokens, width), and counts the tokens of earlier passes.
    """
    passed = 0

    def patch(hidden: Tensor) -> Tensor:
        nonlocal passed
        index, passed = position - passed, passed + hidden.shape[1]
        if not 0 <= index < hidden.shape[1]:
            return hidden
        hidden = hidden.clone()
        hidden[rows, index] = states.to(hidden)
        return hidden

    return patch


def _hook(all_layers, layer: int, patch: Callable[[Tensor], Tensor]):
    """Registers `patch` at the input of a layer, or at the output of the last."""

    def at_input(module, inputs):
        return patch(inputs[0]), *inputs[1:]

    def at_output(module, inputs, output):
        state = patch(first(output))
        return state if isinstance(output, Tensor) else (state, *output[1:])

    if layer < len(all_layers):
        return all_layers[layer].register_forward_pre_hook(at_input)
    return all_layers[-1].register_forward_hook(at_output)


def _layer_of_row(layer: int | Sequence[int], states: Tensor) -> Sequence[int]:
    return [layer] * len(states) if isinstance(layer, Integral) else layer


def _of_batch(layer: Layer, batch: slice) -> Layer:
    return layer[batch] if isinstance(layer, list | tuple) else layer


def _check(lab: Lab, states: Tensor, layer_of_row: Sequence[int]) -> None:
    last, width = len(layers(lab.model)), lab.model.config.get_text_config().hidden_size
    check_vectors(states, "states")
    if states.dim() != 2 or states.shape[1] != width or not len(states):
        raise ValueError(f"states of this model must be (rows, {width}), got {tuple(states.shape)}")
    if not isinstance(layer_of_row, list | tuple) or len(layer_of_row) != len(states):
        right = "a whole number, or a list of one for each state"
        raise ValueError(f"layer must be {right}, got {short(layer_of_row)}")
    for layer in layer_of_row:
        if not isinstance(layer, Integral) or not 0 <= layer <= last:
            raise ValueError(f"layer must be a whole number from 0 to {last}, got {short(layer)}")
