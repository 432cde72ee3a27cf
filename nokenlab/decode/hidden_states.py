"""Hidden states: what enters each layer of a model while it reads a prompt."""

import torch
from torch import Tensor, nn


def layers(model) -> nn.ModuleList:
    """The model's layers, first to last."""
    count = model.config.get_text_config().num_hidden_layers
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ValueError(f"{type(model).__name__} does not keep its {count} layers in one ModuleList")


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
    return torch.cat(hidden)


def first(output: Tensor | tuple) -> Tensor:
    """The hidden states in a layer's output, (batch, tokens, width): the output, or its first element."""
    return output if isinstance(output, Tensor) else output[0]
