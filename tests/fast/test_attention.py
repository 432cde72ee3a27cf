"""The attention for many rows beside the usual one; NOKENLAB_TEST_DEVICE=cuda tries its kernel."""

import os
from types import SimpleNamespace

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from nokenlab.fast import attention

DEVICE = os.environ.get("NOKENLAB_TEST_DEVICE", "cpu")


@pytest.fixture(autouse=True)
def as_in_sampling():
    with torch.no_grad():
        yield


def asked(rows=5, heads=4, groups=2, new=1, tokens=29, size=80, dtype=torch.float32):
    luck = torch.Generator().manual_seed(0)
    shapes = ((rows, new, heads, size), *[(rows, heads // groups, tokens, size)] * 2)
    q, k, v = (torch.randn(shape, generator=luck).to(DEVICE, dtype) for shape in shapes)
    return SimpleNamespace(num_key_value_groups=groups, training=False), q.transpose(1, 2), k, v


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [8, 64, 80, 128])
@pytest.mark.parametrize(
    ("new", "tokens"), [(1, 1), (1, 29), (1, 128), (1, 300), (9, 9), (4, 20), (33, 64), (121, 126)]
)
def test_it_is_the_usual_attention(new, tokens, size, dtype):
    module, q, k, v = asked(new=new, tokens=tokens, size=size, dtype=dtype)
    before = torch.arange(tokens, device=DEVICE) <= torch.arange(new, device=DEVICE)[:, None] + tokens - new
    padded = before[None, None].expand(5, 1, new, tokens).clone()
    padded[1, :, :, : tokens - new] = False  # a row that is padded on the left
    added = torch.zeros_like(padded, dtype=dtype).masked_fill_(~padded, torch.finfo(dtype).min)
    for mask in (None, padded, added) if new in (1, tokens) else (padded, added):
        ours, _ = attention.short_attention(module, q, k, v, mask, scaling=0.1)
        usual, _ = sdpa_attention_forward(module, q, k, v, mask, scaling=0.1)
        close = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 2e-2}
        torch.testing.assert_close(ours, usual, **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(("rows", "tokens"), [(64, 29), (65, 1), (64, 128), (260, 129), (3, 129)])
def test_one_query_of_many_rows_finds_the_usual(rows, tokens, groups, dtype):
    module, q, k, v = asked(rows=rows, groups=groups, tokens=tokens, dtype=dtype)
    seen = torch.rand(rows, 1, 1, tokens, device=DEVICE) < 0.5
    seen[..., :70] &= torch.arange(rows, device=DEVICE)[:, None, None, None] % 2 == 0  # a long padding
    seen[..., -1] = True
    added = torch.zeros_like(seen, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)
    exact = [x.double() for x in (q, k, v)]
    for mask in (None, seen, added):
        wanted, _ = sdpa_attention_forward(module, *exact, mask if mask is not added else seen, scaling=0.1)
        ours, _ = attention.short_attention(module, q, k, v, mask, scaling=0.1)
        assert ours.dtype == dtype
        error = 1e-5 if dtype == torch.float32 else 1e-2
        torch.testing.assert_close(ours.double(), wanted, rtol=error, atol=error)


@pytest.mark.parametrize("rows", [2, 64])
@pytest.mark.parametrize("groups", [1, 2])
def test_values_may_be_shorter_than_keys(rows, groups):
    module, q, k, v = asked(rows=rows, groups=groups)
    ours, _ = attention.short_attention(module, q, k, v[..., :16], None, scaling=0.1)
    usual, _ = sdpa_attention_forward(module, q, k, v[..., :16], None, scaling=0.1)
    torch.testing.assert_close(ours, usual, rtol=1e-4, atol=1e-4)


def usual_or_not(monkeypatch, **changes):
    """Whether the usual attention is asked for such tensors."""
    monkeypatch.setattr(attention, "sdpa_attention_forward", lambda *args, **named: "usual")
    return attention.short_attention(*asked(**changes), None) == "usual"


def test_what_it_is_not_made_for_goes_the_usual_way(monkeypatch):
    on_gpu = DEVICE == "cuda"
    assert not usual_or_not(monkeypatch)
    assert not usual_or_not(monkeypatch, groups=1)
    assert usual_or_not(monkeypatch, new=9, tokens=9) != on_gpu
    assert not usual_or_not(monkeypatch, tokens=300)
    assert usual_or_not(monkeypatch, new=80, tokens=80)
    assert usual_or_not(monkeypatch, size=256) == on_gpu
    bias = {"position_bias": torch.zeros(1)}
    assert attention.short_attention(*asked(), None, **bias) == "usual"
    with torch.enable_grad():
        assert usual_or_not(monkeypatch)


@pytest.mark.parametrize("heads, kv_heads", [(4, 4), (6, 2), (3, 1)])
@pytest.mark.parametrize("new, before", [(1, 5), (7, 5), (9, 0)])
@torch.enable_grad()
def test_few_queries_have_the_gradients_of_the_usual_way(heads, kv_heads, new, before):
    """As nokens are learned: new positions behind a cache, booleans for a mask, heads that share keys."""
    draw = torch.Generator().manual_seed(0)
    sizes = [(3, heads, new, 8), (3, kv_heads, before + new, 8), (3, kv_heads, before + new, 8)]
    ours = [torch.randn(size, generator=draw).transpose(1, 2).contiguous().transpose(1, 2) for size in sizes]
    usual = [x.clone().requires_grad_() for x in ours]
    ours = [x.requires_grad_() for x in ours]
    mask = torch.ones(new, before + new, dtype=torch.bool).tril(before).expand(3, 1, -1, -1)
    module = torch.nn.Module().eval()
    module.num_key_value_groups, module.is_causal = heads // kv_heads, True
    found, _ = attention.short_attention(module, *ours, mask, dropout=0.0)
    wanted, _ = sdpa_attention_forward(module, *usual, mask)
    torch.testing.assert_close(found, wanted)
    weights = torch.randn(found.shape, generator=draw)
    for each in (found, wanted):
        (each * weights).sum().backward()
    for own, theirs in zip(ours, usual, strict=True):
        torch.testing.assert_close(own.grad, theirs.grad)
