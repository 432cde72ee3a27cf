"""Linear layers on a CPU, by oneDNN, and with weights laid out for it; of 4 or 16 bits for few rows.

torch leaves products in float32 to MKL, which on processors that are not Intel's is half as fast or slower,
but for two columns, where it reads weights half as fast again as oneDNN reads them for a row.
With few rows reading weights is all the work, and float16 halves it. The default model's are of 4 bits anyway
(Q4_1: groups of 32, each with a scale and a minimum): packed so again the numbers are the very ones, while
scales, minima and inputs are rounded to bfloat16. What is to be compiled goes torch's way,
what is differentiated `input_gradient.py`'s.
"""

import platform
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import Linear, Module
from torch.nn.functional import linear, pad

from nokenlab.fast import float16_weights
from nokenlab.fast.input_gradient import ONEDNN, differentiable, product

CPUINFO = Path("/proc/cpuinfo")
GROUP = 32
FEW = 16  # rows; with more the product by oneDNN is as fast
PAIR = 2  # columns


def use_onednn(model: Module) -> None:
    """Let the linear layers of a model in float32 multiply by oneDNN, where torch's own would be slow."""
    for module in model.modules() if ONEDNN and not is_intel() else ():
        if type(module) is Linear and module.weight.dtype == torch.float32:
            module.__class__ = OneDnnLinear


def pack_linears(model: Module) -> None:
    """Let the linear layers of a model use packed weights, which lie beside their own."""
    for module in model.modules():
        if type(module) is Linear:
            module.__class__ = PackedLinear
            numbers, middles = in_four_bits(module.weight) or (None, None)
            if numbers is None:
                module.packed16 = float16_weights.in_float16(module.weight, module.bias)
            packed = {"laid_out": laid_out(module.weight), "numbers": numbers, "middles": middles}
            for name, tensor in packed.items():  # buffers: a trace takes others for constants
                module.register_buffer(name, tensor, persistent=False)


def is_intel() -> bool:
    """Whether Intel made this processor."""
    return "GenuineIntel" in (CPUINFO.read_text() if CPUINFO.exists() else platform.processor())


def laid_out(weight: Tensor) -> Tensor | None:
    """A weight (out, in) in an order that oneDNN reads fast; None if it cannot multiply such numbers here."""
    known = weight.dtype == torch.float32
    if weight.dtype == torch.bfloat16:
        known = ONEDNN and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach()) if ONEDNN and known else None


def in_four_bits(weight: Tensor) -> tuple[Tensor, Tensor] | None:
    """A weight (out, in) as 4-bit numbers, scale and middle of each group; None if that would lose some."""
    rows, columns = weight.shape
    if rows % 16 or columns % GROUP or weight.dtype != torch.float32:
        return None
    groups = weight.detach().view(rows, columns // GROUP, GROUP)
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    scale = ((high - low) / 15).clamp_min(1e-12)
    q = ((groups - low) / scale).round()
    if (q * scale + low - groups).abs().max() > 1e-3 * groups.abs().max():
        return None
    numbers = torch.ops.aten._convert_weight_to_int4pack_for_cpu(q.int().view(rows, columns), 1)
    middles = torch.cat([scale, low + 8 * scale], dim=-1)  # (out, groups, 2)
    return numbers, middles.transpose(0, 1).contiguous().bfloat16()


class OneDnnLinear(Linear):
    """A linear layer by oneDNN."""

    def forward(self, x: Tensor) -> Tensor:
        """The product with x, (…, in), and the bias if there is one: (…, out)."""
        if _is_for_torch():
            return differentiable(x, self.weight, self.bias)
        if x.numel() <= PAIR * self.in_features:
            return self._of_a_pair(x)
        return product(x, self.weight, self.bias)

    def _of_a_pair(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, self.in_features)
        columns = pad(rows, (0, 0, 0, PAIR - len(rows))).t()  # (in, pair)
        out = torch.mm(self.weight, columns)[:, : len(rows)].t()
        out = out.reshape(*x.shape[:-1], self.out_features)
        return out if self.bias is None else out + self.bias


class PackedLinear(Linear):
    """A linear layer with its weight as it is, laid out for oneDNN, and smaller for few rows."""

    packed16 = None

    def forward(self, x: Tensor) -> Tensor:
        """The product with x, (…, in), and the bias if there is one: (…, out)."""
        if _is_for_torch():
            if self.laid_out is None:
                return linear(x, self.weight, self.bias)
            return differentiable(x, self.weight, self.bias, self.laid_out)
        few = len(x.reshape(-1, self.in_features)) <= FEW
        if few and self.numbers is not None:
            return self._of_four_bits(x)
        if few and self.packed16 is not None:
            return float16_weights.product(x, self.packed16)
        if self.laid_out is not None:
            return product(x, self.laid_out, self.bias)
        return linear(x, self.weight, self.bias)

    def _of_four_bits(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, self.in_features).bfloat16()
        out = torch.ops.aten._weight_int4pack_mm_for_cpu(flat, self.numbers, GROUP, self.middles)
        out = out.to(x.dtype).view(*x.shape[:-1], self.out_features)
        return out if self.bias is None else out + self.bias


def _is_for_torch() -> bool:
    """Whether the product is to be differentiated, or compiled."""
    return torch.is_grad_enabled() or torch.compiler.is_compiling()
