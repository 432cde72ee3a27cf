"""Linear layers on a CPU beside torch's own."""

import importlib.util
import sys
import weakref

import pytest
import torch
from helpers.tiny_models import TINY, save_tiny, tiny_tokenizer
from safetensors import safe_open
from torch.nn import Linear
from transformers import AutoConfig, AutoModelForCausalLM

import nokenlab as nl
from nokenlab.fast import cpu_linears, float16_weights, input_gradient, step_pool
from nokenlab.fast.cpu_linears import (
    FEW,
    GROUP,
    OneDnnLinear,
    PackedLinear,
    in_four_bits,
    pack_linears,
    use_onednn,
)
from nokenlab.models import default_model

ONEDNN = pytest.mark.skipif(not cpu_linears.ONEDNN, reason="needs oneDNN on x86")


def four_bits(rows=32, columns=96, seed=0):
    """A weight whose groups hold sixteen evenly spaced numbers each, both ends among them."""
    luck = torch.Generator().manual_seed(seed)
    q = torch.randint(0, 16, (rows, columns // GROUP, GROUP), generator=luck)
    q[..., 0], q[..., 1] = 0, 15
    scale = torch.rand(rows, columns // GROUP, 1, generator=luck) + 0.1
    return (q * scale - 4 * torch.rand(rows, columns // GROUP, 1, generator=luck)).view(rows, columns)


def numbers(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)


@ONEDNN
@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("change", "rows"),
    [
        (use_onednn, 1),
        (use_onednn, 2),
        (use_onednn, 3),
        (use_onednn, 300),
        (pack_linears, FEW + 1),
        (pack_linears, 300),
    ],
)
def test_a_product_by_onednn_is_the_product(rows, change, bias, monkeypatch):
    monkeypatch.setattr(cpu_linears, "is_intel", lambda: False)
    layer = Linear(96, 32, bias=bias)
    x = numbers(rows, 2, 96)[:, -1:]  # not contiguous
    plain = layer(x)
    change(layer)
    assert type(layer) is not Linear
    torch.testing.assert_close(layer(x), plain)


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("rows", "error"), [(1, 1e-2), (FEW, 1e-2), (FEW + 1, 1e-5)])
def test_only_few_rows_are_multiplied_by_four_bits(rows, error, bias):
    layer = Linear(96, 32, bias=bias)
    layer.weight.copy_(four_bits())
    x = numbers(rows, 1, 96)
    plain = layer(x)
    pack_linears(layer)
    found = layer(x)
    assert found.shape == plain.shape and found.dtype == plain.dtype
    assert (found - plain).norm() < error * plain.norm()
    assert (rows > FEW) == ((found - plain).norm() < 1e-5 * plain.norm())  # few do go the other way


@torch.no_grad()
@pytest.mark.parametrize("rows", [1, FEW])
def test_weights_that_are_not_of_four_bits_are_of_sixteen_for_few_rows(rows):
    layer, x = Linear(96, 32), numbers(rows, 96)
    plain = layer(x)
    pack_linears(layer)
    assert layer.numbers is None
    found = layer(x)
    assert layer.packed16 is None or not torch.equal(found, plain)
    assert (found - plain).norm() < 1e-3 * plain.norm()


@torch.no_grad()
def test_weights_of_sixteen_bits_go_with_their_layer():
    if float16_weights.in_float16(torch.zeros(32, 96), None) is None:
        pytest.skip("torch has no such product here")
    layer = Linear(96, 32)
    pack_linears(layer)
    held = weakref.ref(layer.packed16)
    layer(numbers(1, 96))
    del layer
    assert held() is None


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_formats_keep_their_results(dtype):
    layer = Linear(96, 32, dtype=dtype)
    x = numbers(3, 96, dtype=dtype)
    plain = layer(x)
    pack_linears(layer)
    assert layer.numbers is None and layer.packed16 is None
    torch.testing.assert_close(layer(x), plain)


@torch.no_grad()
def test_a_machine_without_onednn_keeps_torchs_own(monkeypatch):
    monkeypatch.setattr(cpu_linears, "ONEDNN", False)
    monkeypatch.setattr(float16_weights, "in_float16", lambda weight, bias: None)
    layer, x = Linear(96, 32), numbers(3, 96)
    plain = layer(x)
    use_onednn(layer)
    assert type(layer) is Linear
    pack_linears(layer)
    assert torch.equal(layer(x), plain)


def test_the_module_can_be_read_where_torch_has_no_onednn(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.jit, "script", lambda function: pytest.fail("looked up what is not there"))
    monkeypatch.setattr("nokenlab.fast.input_gradient", input_gradient)  # is put back, as is the next
    monkeypatch.delitem(sys.modules, input_gradient.__name__)
    spec = importlib.util.spec_from_file_location("linears_elsewhere", cpu_linears.__file__)
    elsewhere = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(elsewhere)
    layer, x = Linear(96, 32), numbers(3, 96)
    with torch.no_grad():
        plain = layer(x)
        elsewhere.use_onednn(layer)
        assert type(layer) is Linear
        elsewhere.pack_linears(layer)
        assert (layer(x) - plain).norm() < 1e-3 * plain.norm()


@torch.no_grad()
@pytest.mark.parametrize("change", [use_onednn, pack_linears])
def test_a_layer_with_a_product_of_its_own_keeps_it(change):
    class Doubled(Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    layer, x = Doubled(96, 32), numbers(3, 96)
    plain = layer(x)
    change(layer)
    assert torch.equal(layer(x), plain)


def test_other_weights_have_no_four_bits():
    assert in_four_bits(torch.randn(32, 96, generator=torch.Generator().manual_seed(0))) is None
    assert in_four_bits(four_bits()[:30]) is None and in_four_bits(four_bits()[:, :80]) is None
    assert in_four_bits(four_bits().double()) is None
    assert in_four_bits(torch.zeros(32, 96)) is not None


def test_every_layer_of_the_default_model_is_of_four_bits():
    path = default_model.folder() / "model.safetensors"
    with safe_open(path, "pt") as file:
        names = [name for name in file.keys() if name.endswith("_proj.weight")]  # noqa: SIM118
    assert len(names) == 7 * AutoConfig.from_pretrained(default_model.folder()).num_hidden_layers
    for name in names:
        with safe_open(path, "pt") as file:  # its pages go with it
            assert in_four_bits(file.get_tensor(name)), name


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A folder with the default model's first layers and words, as many as a small tokenizer has."""
    folder, tokenizer = tmp_path_factory.mktemp("short"), tiny_tokenizer()
    model = AutoModelForCausalLM.from_pretrained(default_model.folder(), num_hidden_layers=2)
    model.resize_token_embeddings(len(tokenizer))
    for part in (model, tokenizer):
        part.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def plain(short):
    return nl.load(short)


@pytest.fixture(scope="module")
def fast(short):
    return nl.load(short, fast=True)


def test_gradients_reach_a_noken_and_no_weight(plain, fast):
    found = []
    for each in (plain, fast):
        x = each.embed("Red is a color").requires_grad_()
        each.model(inputs_embeds=x).logits[0, -1].logsumexp(-1).backward()
        found.append(x.grad)
        assert not [weight for weight in each.model.parameters() if weight.grad is not None]
    assert found[0].norm() > 0
    torch.testing.assert_close(found[1], found[0], rtol=1e-3, atol=1e-3 * found[0].abs().max().item())


@ONEDNN
@pytest.mark.parametrize(("maker", "kind"), [("AuthenticAMD", OneDnnLinear), ("GenuineIntel", Linear)])
def test_torchs_own_product_stays_where_intel_made_the_processor(maker, kind, tmp_path, monkeypatch):
    monkeypatch.setattr(cpu_linears, "CPUINFO", tmp_path / "cpuinfo")
    cpu_linears.CPUINFO.write_text(f"processor : 0\nvendor_id : {maker}\n")
    layer = Linear(8, 8)
    use_onednn(layer)
    assert type(layer) is kind


def test_only_the_vocabulary_is_packed_without_four_bits(fast):
    changed = [m for m in fast.model.modules() if isinstance(m, PackedLinear)]
    assert len(changed) == 4 * fast.model.config.num_hidden_layers + 1  # qkv, out, gate and up, down
    assert [m for m in changed if m.numbers is None] == [fast.model.get_output_embeddings()]


@pytest.mark.parametrize(
    ("rows", "error"), [(1, 0.1), (FEW, 0.1), (step_pool.FEW, 1e-4), (step_pool.FEW + 1, 1e-4)]
)
def test_a_fast_lab_is_near_the_plain_one(plain, fast, rows, error):
    nokens = nl.random_nokens(plain.width, range(rows), norm=3.0)
    x = nl.replace(plain.embed("Red is a color"), 0, nokens)
    for slow, quick in zip(plain.sample(x, 4, feed=same), fast.sample(x, 4, feed=same), strict=True):
        assert (slow.logits - quick.logits).std() < error * slow.logits.std()


@pytest.mark.parametrize("architecture", sorted(TINY))
def test_fast_is_right_for_every_architecture(architecture, tmp_path):
    folder = save_tiny(architecture, tmp_path)
    plain, fast = (nl.load(folder, device="cpu", dtype="float32", fast=fast) for fast in (False, True))
    for times, error in ((1, 1e-2), (FEW, 1e-4)):  # few rows are of 16 bits
        prompts = ["Red is a color that", "White whippets are"] * times
        for one, other in zip(
            plain.sample(prompts, 3, feed=same), fast.sample(prompts, 3, feed=same), strict=True
        ):
            assert (one.logits - other.logits).abs().max() < error * one.logits.std()


def same(step):
    """The same vectors whatever was chosen."""
    rows, width = step.embeddings.shape
    return nl.random_nokens(width, range(step.index, step.index + rows), norm=3.0)
