"""Linear layers on a CPU by oneDNN; with packed weights, of 4 or 16 bits, for few rows.

torch leaves products in float32 to MKL, which on processors that are not Intel's is half as fast or slower,
but for two columns, where it reads weights half as fast again as oneDNN reads them for one row. With few rows
the time goes into reading weights. The default model's are of 4 bits anyway: torch's product of 4 bits takes
the same codes and rounds scales, minima and inputs to bfloat16. Other models' are rounded to float16.
Products to be compiled are left to torch; gradients are those of the input alone, for learned nokens.
"""

import platform
from pathlib import Path
from weakref import WeakValueDictionary

import torch
from torch import ScriptObject, Tensor
from torch.nn import Linear, Module
from torch.nn.functional import linear, pad

from nokenlab.models.gguf_weights import BLOCK, PackedMatrix

ONEDNN = torch.backends.mkldnn.is_available() and platform.machine() in ("x86_64", "AMD64")
CPUINFO = Path("/proc/cpuinfo")
FEW = 16  # rows; with more the product by oneDNN is as fast
PAIR = 2  # columns


def use_onednn(model: Module) -> None:
    """Let the linear layers of a model in float32 multiply by oneDNN, where torch's own would be slow."""
    if not ONEDNN or is_intel():
        return
    for module in model.modules():
        if type(module) is Linear and module.weight.dtype == torch.float32:
            module.__class__ = OneDnnLinear


def pack_linears(model: Module, matrices: dict[Linear, PackedMatrix]) -> None:
    """Let the linear layers of a model use packed weights, held beside their own.

    `matrices` are the weights of those layers that a GGUF file has. Those of 4 bits are used.
    """
    for module in model.modules():
        if type(module) is Linear:
            module.__class__ = PackedLinear
            matrix = matrices.get(module)
            codes, scales = None, None
            if matrix is not None and matrix.bits == 4:
                codes, scales = in_four_bits(matrix)
            else:
                module.float16 = in_float16(module.weight, module.bias)
            buffers = {"laid_out": laid_out(module.weight), "codes": codes, "scales": scales}
            for name, tensor in buffers.items():  # buffers, because a trace takes other tensors for constants
                module.register_buffer(name, tensor, persistent=False)


def is_intel() -> bool:
    """Whether Intel made this processor."""
    return "GenuineIntel" in (CPUINFO.read_text() if CPUINFO.exists() else platform.processor())


def laid_out(weight: Tensor) -> Tensor | None:
    """A weight (out, in) in the order that oneDNN reads fastest; None if it has no product for its dtype."""
    supported = ONEDNN and weight.dtype in (torch.float32, torch.bfloat16)
    if supported and weight.dtype == torch.bfloat16:
        supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.ops.mkldnn._reorder_linear_weight(weight.detach()) if supported else None


def in_four_bits(matrix: PackedMatrix) -> tuple[Tensor, Tensor]:
    """Codes as torch's product of 4 bits reads them, and (groups, out, 2) scales and values of code 8."""
    codes = torch.from_numpy(matrix.codes).int().view(matrix.shape)
    scales = torch.from_numpy(matrix.scales).float()
    middles = torch.from_numpy(matrix.minima).float() + 8 * scales
    pairs = torch.stack([scales, middles], dim=-1).transpose(0, 1).contiguous().bfloat16()
    return torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1), pairs


class OneDnnLinear(Linear):
    """A linear layer by oneDNN."""

    def forward(self, x: Tensor) -> Tensor:
        """The product with x, (…, in), and the bias if there is one: (…, out)."""
        if _is_for_torch():
            return differentiable(x, self.weight, self.bias)
        if x.numel() > PAIR * self.in_features:
            return product(x, self.weight, self.bias)
        rows = x.reshape(-1, self.in_features)
        columns = pad(rows, (0, 0, 0, PAIR - len(rows))).t()  # (in, PAIR)
        out = torch.mm(self.weight, columns)[:, : len(rows)].t().contiguous()  # some models view it
        out = out.view(*x.shape[:-1], self.out_features)
        return out if self.bias is None else out + self.bias


class PackedLinear(Linear):
    """A linear layer with its weight as it is, laid out for oneDNN, and in 4 or 16 bits for few rows."""

    float16: ScriptObject | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The product with x, (…, in), and the bias if there is one: (…, out)."""
        if _is_for_torch():
            if self.laid_out is None:
                return linear(x, self.weight, self.bias)
            return differentiable(x, self.weight, self.bias, self.laid_out)
        few = len(x.reshape(-1, self.in_features)) <= FEW
        if few and self.codes is not None:
            return self._of_four_bits(x)
        if few and self.float16 is not None:
            return _product_in_float16(x, id(self.float16))
        if self.laid_out is not None:
            return product(x, self.laid_out, self.bias)
        return linear(x, self.weight, self.bias)

    def _of_four_bits(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, self.in_features).bfloat16()
        out = torch.ops.aten._weight_int4pack_mm_for_cpu(flat, self.codes, BLOCK, self.scales)
        out = out.to(x.dtype).view(*x.shape[:-1], self.out_features)
        return out if self.bias is None else out + self.bias


def _is_for_torch() -> bool:
    """Whether the product is to be differentiated, or compiled."""
    return torch.is_grad_enabled() or torch.compiler.is_compiling()


# torch's product in float16 on all threads takes an object; a trace knows only tensors and numbers, so it is
# given the object's id
_in_float16: WeakValueDictionary[int, ScriptObject] = WeakValueDictionary()


def in_float16(weight: Tensor, bias: Tensor | None) -> ScriptObject | None:
    """A weight (out, in) in float16 with its bias, held by the caller; None where torch has no product."""
    if weight.dtype != torch.float32 or "fbgemm" not in torch.backends.quantized.supported_engines:
        return None
    packed = torch.ops.quantized.linear_prepack_fp16(weight.detach(), bias)
    _in_float16[id(packed)] = packed
    return packed


@torch.library.custom_op("nokenlab::product_in_float16", mutates_args=())
def _product_in_float16(x: Tensor, packed: int) -> Tensor:
    return torch.ops.quantized.linear_dynamic_fp16(x, _in_float16[packed])


def differentiable(x: Tensor, weight: Tensor, bias: Tensor | None, laid_out: Tensor | None = None) -> Tensor:
    """The product of x (…, in) with a weight (out, in) in float32 and the bias if there is one: (…, out).

    `laid_out` is the same weight as oneDNN reads it fastest. The gradient is that of x. By torch where the
    product is to be compiled, or where the weights themselves are learned.
    """
    if torch.compiler.is_compiling() or weight.requires_grad or weight.dtype != torch.float32:
        return linear(x, weight, bias)
    return _InputGradient.apply(x, weight, bias, laid_out)


class _InputGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None, laid_out: Tensor | None) -> Tensor:
        ctx.weight = weight  # frozen: it need not be watched
        return product(x, weight if laid_out is None else laid_out, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):
        return product(gradient, ctx.weight.t(), None), None, None, None


def product(x: Tensor, weight: Tensor, bias: Tensor | None):
    """The product by oneDNN, not differentiated: x (…, in) with a weight (out, in), (…, out)."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


if ONEDNN:  # elsewhere there is no such operation to look up
    product = torch.jit.script(product)  # as it is its list cannot be traced
