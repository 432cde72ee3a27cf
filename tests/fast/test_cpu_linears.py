"""Linear layers on a CPU beside torch's own."""

import importlib.util
import weakref

import gguf
import numpy as np
import pytest
import torch
from helpers.tiny_models import TINY, save_tiny, save_tiny_packed
from torch.nn import Linear
from torch.nn.functional import linear

import nokenlab as nl
from nokenlab.fast import captured_step, cpu_linears
from nokenlab.fast.cpu_linears import (
    FEW,
    OneDnnLinear,
    PackedLinear,
    differentiable,
    pack_linears,
    use_onednn,
)
from nokenlab.models.gguf_weights import unpack

ONEDNN = pytest.mark.skipif(not cpu_linears.ONEDNN, reason="needs oneDNN on x86")


def pack(model):
    """Pack a model of which there is no GGUF file."""
    pack_linears(model, {})


def four_bits(rows=32, columns=96):
    """A packed matrix of 4 bits."""
    weights = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
    return unpack(gguf.quantize(weights, gguf.GGMLQuantizationType.Q4_1), "Q4_1")


def numbers(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)


@ONEDNN
@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("change", "rows"), [*((use_onednn, rows) for rows in (1, 2, 3, 300)), (pack, FEW + 1), (pack, 300)]
)
def test_a_product_by_onednn_is_the_product(rows, change, bias, monkeypatch):
    monkeypatch.setattr(cpu_linears, "is_intel", lambda: False)
    layer = Linear(96, 32, bias=bias)
    x = numbers(rows, 2, 96)[:, -1:]  # not contiguous
    expected = layer(x)
    change(layer)
    assert type(layer) is not Linear
    torch.testing.assert_close(layer(x), expected)


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("rows", "error"), [(1, 1e-2), (FEW, 1e-2), (FEW + 1, 1e-5)])
def test_only_few_rows_are_multiplied_by_four_bits(rows, error, bias):
    layer, matrix = Linear(96, 32, bias=bias), four_bits()
    layer.weight.copy_(torch.from_numpy(matrix.floats()))
    x = numbers(rows, 1, 96)
    expected = layer(x)
    pack_linears(layer, {layer: matrix})
    out = layer(x)
    assert out.shape == expected.shape and out.dtype == expected.dtype
    assert (out - expected).norm() < error * expected.norm()
    assert (rows > FEW) == ((out - expected).norm() < 1e-5 * expected.norm())  # few are rounded


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, FEW])
def test_weights_without_a_gguf_file_are_of_sixteen_bits_for_few_rows(rows):
    layer, x = Linear(96, 32), numbers(rows, 96)
    expected = layer(x)
    pack(layer)
    assert layer.codes is None
    out = layer(x)
    assert layer.float16 is None or not torch.equal(out, expected)
    assert (out - expected).norm() < 1e-3 * expected.norm()


@torch.no_grad()
def test_weights_of_sixteen_bits_are_freed_with_their_layer():
    if cpu_linears.in_float16(torch.zeros(32, 96), None) is None:
        pytest.skip("torch has no such product here")
    layer = Linear(96, 32)
    pack(layer)
    held = weakref.ref(layer.float16)
    layer(numbers(1, 96))
    del layer
    assert held() is None


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_formats_keep_their_results(dtype):
    layer = Linear(96, 32, dtype=dtype)
    x = numbers(3, 96, dtype=dtype)
    expected = layer(x)
    pack(layer)
    assert layer.codes is None and layer.float16 is None
    torch.testing.assert_close(layer(x), expected)


@torch.no_grad()
def test_without_onednn_torchs_own_product_stays(monkeypatch):
    """The module as it is read where torch has no oneDNN, and nothing is looked up that is not there."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.jit, "script", lambda function: pytest.fail("looked up what is not there"))
    monkeypatch.setattr(torch.library, "custom_op", lambda *args, **kwargs: lambda function: function)
    spec = importlib.util.spec_from_file_location("linears_elsewhere", cpu_linears.__file__)
    elsewhere = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(elsewhere)
    monkeypatch.setattr(elsewhere, "in_float16", lambda weight, bias: None)
    layer, x = Linear(96, 32), numbers(3, 96)
    expected = layer(x)
    elsewhere.use_onednn(layer)
    assert type(layer) is Linear
    elsewhere.pack_linears(layer, {})
    assert torch.equal(layer(x), expected)


@torch.no_grad()
@pytest.mark.parametrize("change", [use_onednn, pack])
def test_a_subclass_with_its_own_product_keeps_it(change):
    class Doubled(Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    layer, x = Doubled(96, 32), numbers(3, 96)
    expected = layer(x)
    change(layer)
    assert torch.equal(layer(x), expected)


@ONEDNN
@pytest.mark.parametrize(("vendor", "kind"), [("AuthenticAMD", OneDnnLinear), ("GenuineIntel", Linear)])
def test_torchs_own_product_stays_on_processors_of_intel(vendor, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_linears, "CPUINFO", tmp_path / "cpuinfo")
    cpu_linears.CPUINFO.write_text(f"processor : 0\nvendor_id : {vendor}\n")
    layer = Linear(8, 8)
    use_onednn(layer)
    assert type(layer) is kind


@ONEDNN
@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 24)], ids=["no bias", "bias"])
@pytest.mark.parametrize("shape", [(7, 16), (2, 5, 16), (1, 3, 4, 16)])
def test_product_and_gradient_are_torchs(shape, bias):
    weight = torch.randn(24, 16)
    x = torch.randn(shape).requires_grad_()
    same_x = x.detach().clone().requires_grad_()
    out, expected = differentiable(x, weight, bias), linear(same_x, weight, bias)
    torch.testing.assert_close(out, expected)
    gradient = torch.randn(shape[-2], 24).expand_as(out)  # its numbers do not lie side by side
    out.backward(gradient)
    expected.backward(gradient)
    torch.testing.assert_close(x.grad, same_x.grad)


def test_weights_that_are_learned_get_their_gradient():
    weight, x = torch.randn(24, 16, requires_grad=True), torch.randn(3, 16)
    differentiable(x, weight, None).sum().backward()
    torch.testing.assert_close(weight.grad, x.sum(0).expand(24, 16))


def test_gradients_of_other_formats_are_torchs():
    weight, x = torch.randn(24, 16).double(), torch.randn(3, 16).double().requires_grad_()
    assert torch.equal(differentiable(x, weight, None), linear(x, weight))


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    """A tiny Llama of 4 bits, plain and fast."""
    folder = save_tiny_packed(tmp_path_factory.mktemp("packed"))
    return [nl.load(folder, device="cpu", dtype="float32", fast=fast) for fast in (False, True)]


def test_gradients_reach_a_noken_and_no_weight(labs):
    gradients = []
    for lab in labs:
        x = lab.embed("Red is a color").requires_grad_()
        lab.model(inputs_embeds=x).logits[0, -1].logsumexp(-1).backward()
        gradients.append(x.grad)
        assert not [weight for weight in lab.model.parameters() if weight.grad is not None]
    expected, gradient = gradients
    assert expected.norm() > 0
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())


def test_all_layers_but_the_vocabulary_are_of_four_bits(labs):
    model = labs[1].model
    packed = [module for module in model.modules() if isinstance(module, PackedLinear)]
    assert len(packed) == 4 * model.config.num_hidden_layers + 1  # qkv, output, gate and up, down
    assert [module for module in packed if module.codes is None] == [model.get_output_embeddings()]


@pytest.mark.parametrize(
    ("rows", "error"), [(1, 0.1), (FEW, 0.1), (captured_step.FEW, 1e-4), (captured_step.FEW + 1, 1e-4)]
)
def test_a_fast_lab_is_near_the_plain_one(labs, rows, error):
    plain, fast = labs
    nokens = nl.random_nokens(plain.width, range(rows), norm=3.0)
    x = nl.replace(plain.embed("Red is a color"), 0, nokens)
    for expected, step in zip(plain.sample(x, 4, feed=same), fast.sample(x, 4, feed=same), strict=True):
        assert (expected.logits - step.logits).std() < error * expected.logits.std()


@pytest.mark.parametrize("architecture", sorted(TINY))
def test_fast_is_right_for_every_architecture(architecture, tmp_path):
    folder = save_tiny(architecture, tmp_path)
    plain, fast = (nl.load(folder, device="cpu", dtype="float32", fast=fast) for fast in (False, True))
    for times, error in ((1, 1e-2), (FEW, 1e-4)):  # few rows are of 16 bits
        prompts = ["Red is a color that", "White whippets are"] * times
        steps = zip(plain.sample(prompts, 3, feed=same), fast.sample(prompts, 3, feed=same), strict=True)
        for expected, step in steps:
            assert (expected.logits - step.logits).abs().max() < error * expected.logits.std()


def same(step):
    """The same vectors whatever was chosen."""
    rows, width = step.embeddings.shape
    return nl.random_nokens(width, range(step.index, step.index + rows), norm=3.0)
