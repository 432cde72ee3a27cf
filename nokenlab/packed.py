"""Weights packed to 4 bits for the few rows of a live slider on a CPU, where reading weights is all the work.

The default model comes in such a packing (Q4_1: groups of 32, each with a scale and a minimum), so its
4-bit numbers are the very ones; scales, minima and the inputs of a product are rounded to bfloat16.
"""

import torch
from torch import Tensor
from torch.nn import Linear, Module
from torch.nn.functional import linear

GROUP = 32
FEW = 16  # rows; with more the plain product is as fast


def pack_linears(model: Module) -> None:
    """Let a model's linear layers use packed weights for few rows, where packing loses next to nothing."""
    for module in model.modules():
        if type(module) is Linear and (packed := pack(module.weight)):
            module.__class__ = PackedLinear
            module.numbers, module.middles = packed


def pack(weight: Tensor) -> tuple[Tensor, Tensor] | None:
    """A weight (out, in) as 4-bit numbers, scale and middle of each group; None if that would lose some."""
    rows, columns = weight.shape
    if rows % 16 or columns % GROUP:
        return None
    groups = weight.detach().float().view(rows, columns // GROUP, GROUP)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = ((high - low) / 15).clamp_min(1e-12)
    q = ((groups - low) / scale).round()
    if (q * scale + low - groups).abs().max() > 1e-3 * groups.abs().max():
        return None
    numbers = torch.ops.aten._convert_weight_to_int4pack_for_cpu(q.int().view(rows, columns), 1)
    middles = torch.cat([scale, low + 8 * scale], dim=-1)  # (out, groups, 2)
    return numbers, middles.transpose(0, 1).contiguous().bfloat16()


class PackedLinear(Linear):
    """A linear layer with its weight twice: as it is, and packed for at most `FEW` rows."""

    def forward(self, x: Tensor) -> Tensor:
        """The product with x, (…, in), and the bias if there is one: (…, out)."""
        rows = x.numel() // x.shape[-1]
        if rows > FEW:
            return linear(x, self.weight, self.bias)
        flat = x.reshape(rows, -1).bfloat16()
        out = torch.ops.aten._weight_int4pack_mm_for_cpu(flat, self.numbers, GROUP, self.middles)
        out = out.to(x.dtype).view(*x.shape[:-1], -1)
        return out if self.bias is None else out + self.bias
