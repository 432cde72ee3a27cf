"""Products with packed weights beside the plain one."""

import pytest
import torch

import nokenlab as nl
from nokenlab import graphs
from nokenlab.packed import FEW, GROUP, PackedLinear, in_four_bits, pack_linears


def four_bits(rows=32, columns=96, seed=0):
    """A weight whose groups hold sixteen evenly spaced numbers each, both ends among them."""
    luck = torch.Generator().manual_seed(seed)
    q = torch.randint(0, 16, (rows, columns // GROUP, GROUP), generator=luck)
    q[..., 0], q[..., 1] = 0, 15
    scale = torch.rand(rows, columns // GROUP, 1, generator=luck) + 0.1
    return (q * scale - 4 * torch.rand(rows, columns // GROUP, 1, generator=luck)).view(rows, columns)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("rows", "error"), [(1, 1e-2), (FEW, 1e-2), (FEW + 1, 1e-3), (300, 1e-3)])
def test_a_packed_product_is_the_product(rows, error, bias):
    layer = torch.nn.Linear(96, 32, bias=bias)
    layer.weight.data = four_bits()
    x = torch.randn(rows, 1, 96, generator=torch.Generator().manual_seed(1))
    plain = layer(x)
    pack_linears(layer)
    found = layer(x)
    assert found.shape == plain.shape and found.dtype == plain.dtype
    assert layer.packed16 is None or not torch.equal(found, plain)  # it does go the other way
    assert (found - plain).norm() < error * plain.norm()


@pytest.mark.parametrize("rows", [1, 2, FEW])
def test_weights_that_are_not_of_four_bits_stay_finer(rows):
    layer = torch.nn.Linear(96, 32)
    x = torch.randn(rows, 96, generator=torch.Generator().manual_seed(1))
    plain = layer(x)
    pack_linears(layer)
    assert layer.packed4 is None
    assert (layer(x) - plain).norm() < 1e-3 * plain.norm()


def test_a_machine_without_the_product_in_half_precision_keeps_the_plain_one(monkeypatch):
    monkeypatch.setattr("nokenlab.packed.ENGINES", ())
    layer = torch.nn.Linear(96, 32)
    x = torch.randn(FEW, 96)
    plain = layer(x)
    pack_linears(layer)
    assert torch.equal(layer(x), plain)


def test_other_weights_have_no_four_bits():
    assert in_four_bits(torch.randn(32, 96, generator=torch.Generator().manual_seed(0))) is None
    assert in_four_bits(four_bits()[:30]) is None and in_four_bits(four_bits()[:, :80]) is None
    assert in_four_bits(torch.zeros(32, 96)) is not None


def test_other_formats_are_left_alone():
    layer = torch.nn.Linear(96, 32, dtype=torch.bfloat16)
    pack_linears(layer)
    assert type(layer) is torch.nn.Linear


@pytest.fixture(scope="module")
def fast():
    return nl.load(fast=True)


def test_all_of_the_default_model_but_its_vocabulary_is_of_four_bits(fast):
    changed = [m for m in fast.model.modules() if isinstance(m, PackedLinear)]
    assert len(changed) == 7 * fast.model.config.num_hidden_layers + 1
    assert [m for m in changed if m.packed4 is None] == [fast.model.get_output_embeddings()]


@pytest.mark.parametrize(("rows", "error"), [(1, 0.1), (graphs.FEW, 0.01), (graphs.FEW + 1, 0.01)])
def test_a_fast_lab_is_near_the_plain_one(lab, fast, rows, error):
    nokens = nl.random_nokens(lab.width, range(rows), norm=3.0)
    x = nl.replace(lab.embed("Red is a color"), 0, nokens)
    for plain, quick in zip(lab.sample(x, 4, feed=same), fast.sample(x, 4, feed=same), strict=True):
        assert (plain.logits - quick.logits).std() < error * plain.logits.std()


def same(step):
    """The same vectors whatever was chosen."""
    rows, width = step.embeddings.shape
    return nl.random_nokens(width, range(step.index, step.index + rows), norm=3.0)
