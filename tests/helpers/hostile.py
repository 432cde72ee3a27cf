"""A tiny model that has but hostile tokens to say: markup that runs, ends a script, turns a line around."""

import torch

import nokenlab as nl
from helpers.tiny_models import tiny_model, tiny_tokenizer

TEXTS = [
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 2</script>",
    '"><img src=x onerror="window.ran = 3">',
    "'><svg onload='window.ran = 4'>",
    "</style><iframe srcdoc='<script>parent.ran = 5</script>'>",
    "<!--",
    "]]>",
    "&lt;b&amp;",
    "\\u003c${`",
    "\u2028",
    "\u202e.drawkcab\u202c",
]
PROMPT = "is".join(TEXTS)  # all of them, and never two side by side that another text could begin in


def hostile_lab() -> nl.Lab:
    """A lab with TEXTS for tokens beside those of the tiny tokenizer: whatever it reads, it says TEXTS."""
    tokenizer = tiny_tokenizer.__wrapped__("bytes")  # a new one
    assert tokenizer.add_tokens(TEXTS) == len(TEXTS)
    model = tiny_model("llama", len(tokenizer))
    ids = tokenizer.convert_tokens_to_ids(TEXTS)
    embeddings, head = model.model.embed_tokens.weight.data, model.lm_head.weight.data
    embeddings[ids] = torch.linalg.qr(torch.randn(embeddings.shape[1], len(ids)))[0].T  # at right angles
    head.zero_()
    head[ids] = embeddings[[*ids[-1:], *ids[:-1]]]  # after each comes the next
    for layer in model.model.layers:  # which then leave the last token as it is
        layer.self_attn.o_proj.weight.data.zero_()
        layer.mlp.down_proj.weight.data.zero_()
    return nl.Lab(model, tokenizer, TEXTS[0])
