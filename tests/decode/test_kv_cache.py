"""A KV cache that branches and is joined again, against the model without a cache."""

import torch

from nokenlab.decode.forward import prefill
from nokenlab.decode.kv_cache import branch, join


def test_a_cache_may_be_branched_twice_and_parts_of_it_joined(any_lab):
    x = any_lab.embed("A typical definition of a dog is")
    logits, past = prefill(any_lab.model, x, torch.ones(x.shape[:2], dtype=torch.long))
    tokens, ids = x.shape[1], logits[0].topk(4).indices
    fed = any_lab.embed_ids(ids)
    with torch.no_grad():
        zeros = torch.zeros(4, dtype=torch.long)
        all_at_once, _ = branch(any_lab.model, past, zeros, fed, tokens)
        parts = [branch(any_lab.model, past, zeros[:2], fed[i : i + 2], tokens) for i in (0, 2)]
        both = join([cache for _, cache in parts])
        crossed, _ = branch(any_lab.model, both, torch.tensor([3, 0, 3]), fed[:3], tokens + 1)
    straight = torch.cat([x.expand(4, -1, -1), fed[:, None]], dim=1)
    near = {"rtol": 1e-3, "atol": 1e-3}
    torch.testing.assert_close(all_at_once, any_lab.logits(straight), **near)
    torch.testing.assert_close(torch.cat([logits for logits, _ in parts]), all_at_once, **near)
    longer = torch.cat([straight[[3, 0, 3]], fed[:3, None]], dim=1)
    torch.testing.assert_close(crossed, any_lab.logits(longer), **near)
    assert past.get_seq_length() == tokens
