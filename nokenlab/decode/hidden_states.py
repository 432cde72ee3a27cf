"""Hidden states: what enters each layer of a model while it reads a prompt, and its head."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn


def layers(model) -> nn.ModuleList:
    """The language model's layers, first to last. ValueError for a model that runs a layer more than once."""
    count = model.config.get_text_config(decoder=True).num_hidden_layers
    text_first = chain(model.get_decoder().modules(), model.modules())  # a multimodal model has other layers
    for module in text_first:
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ValueError(f"{type(model).__name__} has no list of its {count} layers: its states can't be read")


@torch.no_grad()
def states(model, embeddings: Tensor) -> Tensor:
    """What enters each layer for a prompt (1, tokens, width), and what leaves the last.

    (layers + 1, tokens, width). By hooks: transformers returns the last one after the final norm.
    """
    hidden: list[Tensor] = []

    def save_input(module, inputs):
        hidden.append(inputs[0].to(embeddings.device))

    def save_output(module, inputs, output):
        hidden.append(first(output).to(embeddings.device))

    hooks = [layer.register_forward_pre_hook(save_input) for layer in layers(model)]
    hooks.append(layers(model)[-1].register_forward_hook(save_output))
    try:
        model(inputs_embeds=embeddings, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    states_of_layers = torch.cat(hidden)
    finite = states_of_layers.isfinite().flatten(1).all(1)  # (layers + 1,)
    if not finite.all():
        raise ValueError(
            f"hidden states are NaN or infinite, first what enters layer {int(finite.int().argmin())}"
        )
    return states_of_layers


@contextmanager
def head_inputs(model) -> Iterator[list[Tensor]]:
    """In this context the list gets what each pass gives the head: states after the last norm,
    (batch, positions, width)."""
    states: list[Tensor] = []
    hook = model.get_output_embeddings().register_forward_pre_hook(
        lambda head, inputs: states.append(inputs[0])
    )
    try:
        yield states
    finally:
        hook.remove()


def first(output: Tensor | tuple) -> Tensor:
    """The hidden states in a layer's output, (batch, tokens, width): the output, or its first element."""
    return output if isinstance(output, Tensor) else output[0]
