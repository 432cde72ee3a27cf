"""Linear layers with the same input as one layer: a large product is faster than three small ones."""

import torch
from torch import Tensor
from torch.nn import Linear, Module, Parameter

from nokenlab.models.families import same_input


def join_linears(model: Module) -> None:
    """Make one layer of those that have the same input; the model then holds only the weights of that one."""
    for module in list(model.modules()):
        for names in same_input(model.config):
            layers = [_layer(module, name) for name in names]
            if _can_be_joined(layers):
                joined = JoinedLinears(layers)
                for index, name in enumerate(names):
                    module.set_submodule(name, Part(joined, index))


def llama_linears(model) -> dict[str, Module | None]:
    """The linear layers of a joined Llama, by the names of `gguf_weights.PackedLlama.matrices`."""
    linears = {"embedding": model.lm_head}
    for number, layer in enumerate(model.model.layers):
        linears[f"{number}.qkv"] = getattr(layer.self_attn.q_proj, "whole", None)
        linears[f"{number}.output"] = layer.self_attn.o_proj
        linears[f"{number}.gate_up"] = getattr(layer.mlp.gate_proj, "whole", None)
        linears[f"{number}.down"] = layer.mlp.down_proj
    return linears


def _layer(module: Module, name: str) -> Module | None:
    try:
        return module.get_submodule(name)
    except AttributeError:
        return None


def _can_be_joined(layers: list[Module | None]) -> bool:
    if any(type(layer) is not Linear for layer in layers):
        return False
    return len({(layer.in_features, layer.bias is None) for layer in layers}) == 1


class JoinedLinears:
    """Linear layers with one input as one layer; its output is held until the last part has been taken."""

    def __init__(self, layers: list[Linear]):
        self.sizes = [layer.out_features for layer in layers]
        self.input = self.outputs = None
        with torch.device("meta"):
            self.whole = Linear(layers[0].in_features, sum(self.sizes), bias=layers[0].bias is not None)
        for name, _ in self.whole.named_parameters():
            joined = torch.cat([getattr(layer, name).detach() for layer in layers])
            setattr(self.whole, name, Parameter(joined, requires_grad=False))


class Part(Module):
    """One of several joined linear layers."""

    def __init__(self, joined: JoinedLinears, index: int):
        super().__init__()
        self.joined, self.index = joined, index
        if index == 0:
            self.whole = joined.whole  # so that the model has it among its modules

    def forward(self, x: Tensor) -> Tensor:
        """The product of this part with x, (…, in): (…, out). The first part computes all."""
        joined = self.joined
        if joined.input is not x:
            joined.input, joined.outputs = x, joined.whole(x).split(joined.sizes, dim=-1)
        output = joined.outputs[self.index]
        if self.index == len(joined.sizes) - 1:
            joined.input = joined.outputs = None
        return output
