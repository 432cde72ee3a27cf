"""Linear layers that read the same input as one: a large product is quicker than three small ones."""

import torch
from torch import Tensor
from torch.nn import Linear, Module, Parameter

from nokenlab.models.families import same_input


def join_linears(model: Module) -> None:
    """Make one layer of those that read the same input; the model then holds the weights of that one."""
    for module in list(model.modules()):
        for names in same_input(model.config):
            layers = [_layer(module, name) for name in names]
            if all(type(layer) is Linear for layer in layers) and _alike(layers):
                joined = Joined(layers)
                for index, name in enumerate(names):
                    module.set_submodule(name, Part(joined, index))


def _layer(module: Module, name: str) -> Module | None:
    try:
        return module.get_submodule(name)
    except AttributeError:
        return None


def _alike(layers: list[Linear]) -> bool:
    return len({(layer.in_features, layer.bias is None) for layer in layers}) == 1


class Joined:
    """Linear layers of one input as one layer; what it gave is held until the last part was asked."""

    def __init__(self, layers: list[Linear]):
        self.sizes = [layer.out_features for layer in layers]
        self.input = self.outputs = None
        with torch.device("meta"):
            self.whole = Linear(layers[0].in_features, sum(self.sizes), bias=layers[0].bias is not None)
        for name, _ in self.whole.named_parameters():
            joined = torch.cat([getattr(layer, name).detach() for layer in layers])
            setattr(self.whole, name, Parameter(joined, requires_grad=False))


class Part(Module):
    """One of several linear layers that are computed at once."""

    def __init__(self, joined: Joined, index: int):
        super().__init__()
        self.joined, self.index = joined, index
        if index == 0:
            self.whole = joined.whole  # so that it is one of the model's modules

    def forward(self, x: Tensor) -> Tensor:
        """The product of this part with x, (…, in): (…, out). The first that is asked computes all."""
        joined = self.joined
        if joined.input is not x:
            joined.input, joined.outputs = x, joined.whole(x).split(joined.sizes, dim=-1)
        output = joined.outputs[self.index]
        if self.index == len(joined.sizes) - 1:
            joined.input = joined.outputs = None
        return output
