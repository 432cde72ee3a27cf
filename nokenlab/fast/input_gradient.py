"""A linear layer's product by oneDNN that is differentiated by its input alone: nokens are learned so."""

import platform

import torch
from torch import Tensor
from torch.nn.functional import linear

ONEDNN = torch.backends.mkldnn.is_available() and platform.machine() in ("x86_64", "AMD64")


def differentiable(x: Tensor, weight: Tensor, bias: Tensor | None, laid_out: Tensor | None = None) -> Tensor:
    """The product of x (…, in) with a weight (out, in) in float32 and the bias if there is one: (…, out).

    `laid_out` is the same weight as oneDNN reads it fast. By torch where it is to be compiled, or where the
    weights themselves are learned.
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
