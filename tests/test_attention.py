"""The attention for short texts beside the usual one; NOKENLAB_TEST_DEVICE=cuda runs it on a GPU."""

import os
from types import SimpleNamespace

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

DEVICE = os.environ.get("NOKENLAB_TEST_DEVICE", "cpu")
attention = pytest.importorskip("nokenlab.attention", reason="needs triton", exc_type=ImportError)
pytestmark = pytest.mark.skipif(DEVICE != "cuda", reason="needs a GPU")


def asked(rows=5, heads=4, groups=2, new=1, tokens=29, size=80, dtype=torch.float32):
    luck = torch.Generator().manual_seed(0)
    shapes = ((rows, new, heads, size), *[(rows, heads // groups, tokens, size)] * 2)
    q, k, v = (torch.randn(shape, generator=luck).to("cuda", dtype) for shape in shapes)
    return SimpleNamespace(num_key_value_groups=groups, training=False), q.transpose(1, 2), k, v


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [8, 64, 80, 128])
@pytest.mark.parametrize(("new", "tokens"), [(1, 1), (1, 29), (1, 128), (9, 9), (4, 20), (33, 64)])
def test_it_is_the_usual_attention(new, tokens, size, dtype):
    module, q, k, v = asked(new=new, tokens=tokens, size=size, dtype=dtype)
    before = torch.arange(tokens, device="cuda") <= torch.arange(new, device="cuda")[:, None] + tokens - new
    padded = before[None, None].expand(5, 1, new, tokens).clone()
    padded[1, :, :, : tokens - new] = False  # a row that is padded on the left
    added = torch.zeros_like(padded, dtype=dtype).masked_fill_(~padded, torch.finfo(dtype).min)
    for mask in (None, padded, added) if new in (1, tokens) else (padded, added):
        ours, _ = attention.short_attention(module, q, k, v, mask, scaling=0.1)
        usual, _ = sdpa_attention_forward(module, q, k, v, mask, scaling=0.1)
        close = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 2e-2}
        torch.testing.assert_close(ours, usual, **close)


def test_what_it_is_not_made_for_goes_the_usual_way(monkeypatch):
    monkeypatch.setattr(attention, "sdpa_attention_forward", lambda *args, **named: "usual")
    module, q, k, v = asked()
    cases = {"long": asked(tokens=300)[1:], "wide": asked(size=256)[1:]}
    for case in cases.values():
        assert attention.short_attention(module, *case, None) == "usual"
    assert attention.short_attention(module, q, k, v, None, position_bias=torch.zeros(1)) == "usual"
    assert attention.short_attention(module, q, k, v, None) != "usual"
