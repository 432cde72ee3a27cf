"""Hidden states: what enters each layer of a model while it reads a prompt."""

import torch
from torch import Tensor, nn


def layers(model) -> nn.ModuleList:
    """The model's layers, first to last."""
    many = model.config.get_text_config().num_hidden_layers
    lists = (
        module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) == many
    )
    if (found := next(lists, None)) is None:
        raise ValueError(f"{type(model).__name__} does not keep its {many} layers in one list")
    return found


@torch.no_grad()
def states(model, embeddings: Tensor) -> Tensor:
    """What enters each layer for a prompt (1, tokens, width), and what leaves the last.

    (layers + 1, tokens, width). By hooks: transformers give the last one behind the norm.
    """
    found: list[Tensor] = []

    def keep(state: Tensor):
        found.append(state.to(embeddings.device))

    hooks = [layer.register_forward_pre_hook(lambda _, given: keep(given[0])) for layer in layers(model)]
    hooks += [layers(model)[-1].register_forward_hook(lambda *made: keep(first(made[-1])))]
    try:
        model(inputs_embeds=embeddings, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat(found)


def first(output: Tensor | tuple) -> Tensor:
    """The state that a layer gives on, alone or before other things, (batch, tokens, width)."""
    return output if isinstance(output, Tensor) else output[0]
