"""Weights packed to 4 bits: the same weights, and only where they are."""

import pytest
import torch

import nokenlab as nl
from nokenlab import packed
from nokenlab.packed import FEW, GROUP, pack, pack_linears


def four_bits(rows=32, columns=96, seed=0):
    """A weight whose groups hold sixteen evenly spaced numbers each, both ends among them."""
    luck = torch.Generator().manual_seed(seed)
    q = torch.randint(0, 16, (rows, columns // GROUP, GROUP), generator=luck)
    q[..., 0], q[..., 1] = 0, 15
    scale = torch.rand(rows, columns // GROUP, 1, generator=luck) + 0.1
    return (q * scale - 4 * torch.rand(rows, columns // GROUP, 1, generator=luck)).view(rows, columns)


@pytest.mark.parametrize("rows", [1, 2, FEW])
def test_a_packed_product_is_the_product(rows):
    layer = torch.nn.Linear(96, 32)
    layer.weight.data = four_bits()
    x = torch.randn(rows, 1, 96, generator=torch.Generator().manual_seed(1))
    plain = layer(x)
    pack_linears(layer)
    found = layer(x)
    assert found.shape == plain.shape and found.dtype == plain.dtype
    assert not torch.equal(found, plain)  # it does go the other way
    assert (found - plain).norm() < 0.01 * plain.norm()


def test_more_rows_go_the_plain_way():
    layer = torch.nn.Linear(96, 32)
    layer.weight.data = four_bits()
    x = torch.randn(FEW + 1, 96)
    plain = layer(x)
    pack_linears(layer)
    assert torch.equal(layer(x), plain)


def test_other_weights_are_left_alone():
    assert pack(torch.randn(32, 96, generator=torch.Generator().manual_seed(0))) is None
    assert pack(four_bits()[:30]) is None and pack(four_bits()[:, :80]) is None
    assert pack(torch.zeros(32, 96)) is not None


def test_the_default_model_is_packed_but_for_its_vocabulary(lab):
    fast = nl.load(fast=True)
    changed = [m for m in fast.model.modules() if isinstance(m, packed.PackedLinear)]
    assert len(changed) == 7 * fast.model.config.num_hidden_layers
    x = nl.replace(
        lab.embed("Red is a color"), 0, nl.random_nokens(lab.width, range(packed.FEW + 4), norm=3.0)
    )
    assert torch.equal(fast.logits(x), lab.logits(x))  # many rows: the plain weights
    steps = zip(lab.sample(x[:1], 3, feed=same), fast.sample(x[:1], 3, feed=same), strict=True)
    for plain, quick in steps:
        assert (plain.logits - quick.logits).std() < 0.1 * plain.logits.std()


def same(step):
    """The same vector whatever was chosen."""
    return nl.random_nokens(step.embeddings.shape[1], [step.index], norm=3.0)
