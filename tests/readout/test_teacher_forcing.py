"""Targets behind prompts: nll and gradients against autograd on the model as transformers loads it.

NOKENLAB_TEST_DEVICE runs that elsewhere, as "cuda".
"""

import os

import pytest
import torch
from helpers.tiny_models import TINY, save_tiny
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

import nokenlab as nl
from nokenlab.readout import teacher_forcing

DEVICE = os.environ.get("NOKENLAB_TEST_DEVICE", "cpu")
PROMPTS = ["Red is a <noken> that is", "<noken> whippets are", "The <noken><noken> and <noken>"]
TARGETS = [" often associated with", " Blue", " a color that it was"]


def own_way(lab, untouched, prompt, vectors, ids):
    """One row alone: everything run at once, all logits, nothing shared. Nll and the gradient."""
    embed = untouched.get_input_embeddings()
    parts = [torch.tensor(lab.start_ids, dtype=torch.long)]
    first, *rest = prompt.split("<noken>")
    parts.append(lab.ids(first.removesuffix(" ")) if first else parts[0][:0])
    vectors = vectors.clone().requires_grad_()
    x = [embed(part.to(DEVICE)) for part in parts]
    for vector, text in zip(vectors, rest, strict=True):
        text = text if text is rest[-1] else text.removesuffix(" ")
        x += [vector[None], embed(lab.ids(text).to(DEVICE))] if text else [vector[None]]
    logits = untouched(inputs_embeds=torch.cat([*x, embed(ids)])[None]).logits[0]
    nll = cross_entropy(logits[-len(ids) - 1 : -1].float(), ids)
    nll.backward()
    return nll.detach(), vectors.grad


EVERY = [(kind, False) for kind in sorted(TINY)] + [(kind, True) for kind in ("gpt2", "llama", "phi")]


@pytest.mark.parametrize("kind, fast", EVERY)
def test_nll_and_gradients_are_autograds_on_an_untouched_model(kind, fast, tmp_path):
    folder = save_tiny(kind, tmp_path)
    lab = nl.load(folder, device=DEVICE, dtype="float32", fast=fast)
    untouched = AutoModelForCausalLM.from_pretrained(folder).eval().to(DEVICE)
    untouched.requires_grad_(False)
    ids = [lab.ids(target).to(DEVICE) for target in TARGETS]
    assert len({len(row) for row in ids}) == 3  # so that rows are padded
    for prompt in PROMPTS:
        template = teacher_forcing.CachedTemplate(lab, prompt)
        k = prompt.count("<noken>")
        vectors = nl.random_nokens(3 * k * lab.width, 5, norm=5.0 * k).view(3, k, lab.width)
        vectors = vectors.to(DEVICE).requires_grad_()
        nll, _ = teacher_forcing.score(lab, template, vectors, ids)
        nll.sum().backward()
        assert all(weight.grad is None for weight in lab.model.parameters())
        for row in range(3):
            wanted, gradient = own_way(lab, untouched, prompt, vectors[row].detach(), ids[row])
            torch.testing.assert_close(nll[row].detach(), wanted, rtol=1e-4, atol=1e-5)
            difference = (vectors.grad[row] - gradient).norm() / gradient.norm()
            assert difference < 1e-4, (prompt, row)


def test_a_targets_exactness_is_that_of_greedy_decoding(tiny):
    template = teacher_forcing.CachedTemplate(tiny, "Red is a <noken> that")
    vectors = nl.random_nokens(tiny.width, [1, 2, 3])[:, None]
    targets = [torch.tensor(ids) for ids in tiny.greedy_ids(template.fill(vectors), 5)]
    assert teacher_forcing.score(tiny, template, vectors, targets)[1].all()
    targets[1][3] += 1
    assert teacher_forcing.score(tiny, template, vectors, targets)[1].tolist() == [True, False, True]
