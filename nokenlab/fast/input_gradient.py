"""A linear layer's product by oneDNN that is differentiated by its input alone: nokens are learned so."""

import torch
from torch import Tensor
from torch.nn.functional import linear


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
        return _product(x, weight if laid_out is None else laid_out, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):
        return _product(gradient, ctx.weight.t(), None), None, None, None


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
