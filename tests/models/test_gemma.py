"""The real Gemma 3 270M beside transformers, where the cache has it: BOS, and a window of 512 tokens."""

import pytest
import torch

import nokenlab as nl
from nokenlab.models import packaged

PROMPTS = ["Red is a color that is often associated with", "The capital of France is", "日本の首都は"]
pytestmark = pytest.mark.skipif(
    not packaged.home(packaged.GEMMA).exists(), reason="`nokenlab fetch gemma-3-270m` fetches the model"
)


@pytest.fixture(scope="module")
def gemma():
    return nl.load("gemma-3-270m", device="cpu", dtype="float32")


@torch.no_grad()
def plain(lab, x):
    """transformers' logits behind embeddings (1, tokens, width), with BOS in front and no cache."""
    start = lab.model.get_input_embeddings()(torch.tensor([lab.start_ids]))
    inputs = torch.cat([start, x], dim=1)
    return lab.model(inputs_embeds=inputs, logits_to_keep=1, use_cache=False).logits[:, -1]


def close(a, b):
    """Logits alike, relative to how much they vary."""
    torch.testing.assert_close(a / b.std(), b / b.std(), rtol=1e-3, atol=1e-3)


def test_its_text_is_known(gemma):
    assert gemma.start_ids == [2]
    assert gemma.generate(PROMPTS[:2], 7) == [
        " the heart, and it is a",
        " the capital of the country of France",
    ]
    assert gemma.revision == packaged.GEMMA.revision


@torch.no_grad()
def test_ids_embeddings_and_a_padded_batch_give_the_same_logits(gemma):
    batch = gemma.logits(PROMPTS)
    for prompt, logits in zip(PROMPTS, batch, strict=True):
        ids = gemma.tokenizer(prompt, return_tensors="pt").input_ids
        close(logits[None], gemma.model(ids, logits_to_keep=1).logits[:, -1])
        close(logits[None], plain(gemma, gemma.embed(prompt)))


def test_nokens_in_and_before_the_window_are_read_as_by_transformers(gemma):
    """Steps that pass the 512th token; position 2 is then seen by every sixth layer alone."""
    a, b = nl.random_nokens(gemma.width, [0, 1], norm=gemma.space.median_norm)
    x = gemma.embed(" ".join(PROMPTS[:2] * 40))[:, :509]
    x = nl.replace(nl.replace(x, 2, a[None]), 500, b[None])
    steps = list(gemma.sample(x, 5))
    fed = torch.stack([step.embeddings for step in steps[:-1]], dim=1)  # (1, steps, width)
    close(steps[-1].logits, plain(gemma, torch.cat([x, fed], dim=1)))
