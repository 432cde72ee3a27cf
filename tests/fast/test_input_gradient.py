"""A linear layer by oneDNN that is differentiated by its input."""

import pytest
import torch
from torch.nn.functional import linear

from nokenlab.fast import cpu_linears
from nokenlab.fast.input_gradient import differentiable

pytestmark = pytest.mark.skipif(not cpu_linears.ONEDNN, reason="needs oneDNN on x86")


@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 24)], ids=["no bias", "bias"])
@pytest.mark.parametrize("shape", [(7, 16), (2, 5, 16), (1, 3, 4, 16)])
def test_product_and_gradient_are_torchs(shape, bias):
    weight = torch.randn(24, 16)
    x = torch.randn(shape).requires_grad_()
    again = x.detach().clone().requires_grad_()
    ours, torchs = differentiable(x, weight, bias), linear(again, weight, bias)
    torch.testing.assert_close(ours, torchs)
    gradient = torch.randn(shape[-2], 24).expand_as(ours)  # its numbers do not lie side by side
    ours.backward(gradient)
    torchs.backward(gradient)
    torch.testing.assert_close(x.grad, again.grad)


def test_weights_that_are_learned_get_their_gradient():
    weight, x = torch.randn(24, 16, requires_grad=True), torch.randn(3, 16)
    differentiable(x, weight, None).sum().backward()
    torch.testing.assert_close(weight.grad, x.sum(0).expand(24, 16))


def test_other_formats_go_torchs_way():
    weight, x = torch.randn(24, 16).double(), torch.randn(3, 16).double().requires_grad_()
    assert torch.equal(differentiable(x, weight, None), linear(x, weight))
