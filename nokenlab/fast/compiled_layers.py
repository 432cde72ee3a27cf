"""Decoder layers compiled, for GPUs: one kernel where plain torch launches ten.

All layers do the same work, so they share one compiled function: some seconds of waiting, not a minute.
"""

from functools import partial

import torch
from transformers import Cache, PreTrainedModel


def compile_layers(model: PreTrainedModel) -> None:
    """Let every decoder layer of a model run compiled; it is done when the first batch of a shape comes."""
    torch._dynamo.config.allow_unspec_int_on_nn_module = True  # a layer's number does not tell it apart
    torch._dynamo.config.recompile_limit = 64
    layers = decoder_layers(model)
    shared = torch.compile(type(layers[0]).forward)
    for index, layer in enumerate(layers):
        layer.forward = partial(_forward, shared, layer, index)


def decoder_layers(model: PreTrainedModel) -> torch.nn.ModuleList:
    """The list of a model's decoder layers: the only list of modules that is as long as it is deep."""
    deep = model.config.num_hidden_layers
    lists = (m for m in model.modules() if isinstance(m, torch.nn.ModuleList))
    return next(m for m in lists if len(m) == deep)


class OneLayer:
    """The cache of one layer, which asks for no number."""

    def __init__(self, layer):
        self.layer = layer

    def update(self, keys, values, *others, **more):
        """Put new keys and values in; all of them."""
        return self.layer.update(keys, values)


def _forward(shared, layer, index: int, hidden, *arguments, **named):
    if hidden.shape[1] == 1:  # a step: few have different sizes, and kernels for one size are faster
        torch._dynamo.mark_static(hidden)
    arguments = [hidden, *(_part(one, index) for one in arguments)]
    return shared(layer, *arguments, **{name: _part(one, index) for name, one in named.items()})


def _part(argument, index: int):
    return OneLayer(argument.layers[index]) if isinstance(argument, Cache) else argument
