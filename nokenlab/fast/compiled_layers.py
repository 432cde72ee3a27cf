"""Decoder layers compiled, for GPUs: one kernel where plain torch launches ten.

All layers do the same work, so they share one compiled function: some seconds of waiting, not a minute.
"""

from functools import partial

import torch
from transformers import Cache, PreTrainedModel

from nokenlab.decode.hidden_states import layers

READS_OUTPUTS = "transformers.utils.output_capturing"  # whose hooks stay on a model, and change nothing


def compile_layers(model: PreTrainedModel) -> None:
    """Let every decoder layer of a model run compiled; the first batch of a shape compiles them."""
    torch._dynamo.config.allow_unspec_int_on_nn_module = True  # a layer's number does not tell it apart
    torch._dynamo.config.recompile_limit = 64
    decoder_layers = layers(model)
    shared = torch.compile(type(decoder_layers[0]).forward)
    for index, layer in enumerate(decoder_layers):
        layer.forward = partial(_forward, shared, layer, index)


class OneLayer:
    """The cache of one layer, in place of a cache and a layer's number."""

    def __init__(self, layer):
        self.layer = layer

    def update(self, keys, values, *args, **kwargs):
        """Put new keys and values in; all of them."""
        return self.layer.update(keys, values)


def is_hooked(model: torch.nn.Module) -> bool:
    """Whether any part of a model has a forward hook, those apart by which transformers reads outputs."""
    hooked = [part for part in model.modules() if part._forward_hooks or part._forward_pre_hooks]
    hooks = [hook for part in hooked for hook in (part._forward_hooks | part._forward_pre_hooks).values()]
    return any(getattr(hook, "__module__", None) != READS_OUTPUTS for hook in hooks)


def _forward(shared, layer, index: int, hidden, *args, **kwargs):
    if is_hooked(layer):  # what is compiled does not run hooks
        return type(layer).forward(layer, hidden, *args, **kwargs)
    if hidden.shape[1] == 1:  # a step: few have different sizes, and kernels for one size are faster
        torch._dynamo.mark_static(hidden)
    args = [_of_layer(argument, index) for argument in args]
    kwargs = {name: _of_layer(argument, index) for name, argument in kwargs.items()}
    return shared(layer, hidden, *args, **kwargs)


def _of_layer(argument, index: int):
    return OneLayer(argument.layers[index]) if isinstance(argument, Cache) else argument
