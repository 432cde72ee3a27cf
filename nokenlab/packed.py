"""Products with packed weights, on a CPU: with few rows reading weights is all the work.

In half precision, multiplied in float32: half the reading, and a quicker product for many rows too. And for
the few rows of a live slider in 4 bits, where weights are of 4 bits anyway. The default model's are (Q4_1:
groups of 32, each with a scale and a minimum): the numbers are the very ones, while scales, minima and inputs
are rounded to bfloat16.
"""

import torch
from torch import Tensor
from torch.nn import Linear, Module
from torch.nn.functional import linear

ENGINES = torch.backends.quantized.supported_engines
GROUP = 32
FEW = 8  # rows; with more the product in half precision is as fast


def pack_linears(model: Module) -> None:
    """Let the linear layers of a model in float32 use packed weights, which lie beside their own."""
    for module in model.modules():
        if type(module) is Linear and module.weight.dtype == torch.float32:
            module.__class__ = PackedLinear
            module.packed16 = in_float16(module.weight, module.bias)
            module.packed4 = in_four_bits(module.weight)


def in_float16(weight: Tensor, bias: Tensor | None):
    """A weight (out, in) in float16, as torch's product wants it; None on a machine without that product."""
    if "fbgemm" not in ENGINES:  # it is there on x86
        return None
    return torch.ops.quantized.linear_prepack_fp16(weight.detach(), bias)


def in_four_bits(weight: Tensor) -> tuple[Tensor, Tensor] | None:
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
    """A linear layer with its weight as it is, in half precision, and perhaps in 4 bits."""

    def forward(self, x: Tensor) -> Tensor:
        """The product with x, (…, in), and the bias if there is one: (…, out)."""
        rows = x.numel() // x.shape[-1]
        if self.packed4 is not None and rows <= FEW:
            return self._of_four_bits(x.reshape(rows, -1)).view(*x.shape[:-1], -1)
        if self.packed16 is not None:
            return torch.ops.quantized.linear_dynamic_fp16(x, self.packed16)
        return linear(x, self.weight, self.bias)

    def _of_four_bits(self, x: Tensor) -> Tensor:
        numbers, middles = self.packed4
        out = torch.ops.aten._weight_int4pack_mm_for_cpu(x.bfloat16(), numbers, GROUP, middles).to(x.dtype)
        return out if self.bias is None else out + self.bias
