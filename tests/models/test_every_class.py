"""Every class of transformers that goes on with a text, tiny and random: it works here, or is refused.

NOKENLAB_TEST_CLASSES=all tries all of them, as `.ci/run` does; else a few. The page notebooks/docs/models.md
lists them: `python -m helpers.small_configs`, run in tests/, writes that part of it.
"""

import os
from pathlib import Path

import pytest
import torch
from helpers.small_configs import CLASSES, default_config, page, refusal, save_small
from helpers.tiny_models import tiny_lab, tiny_tokenizer
from torch.nn.functional import cross_entropy

import nokenlab as nl
from nokenlab.conformance.checks import failures
from nokenlab.models import memory
from nokenlab.prompt import fill, word_vector
from nokenlab.readout import patching, teacher_forcing

PAGE = Path(__file__).parents[2] / "notebooks" / "docs" / "models.md"
WITHOUT_STATES = ("hrm_text", "longcat_flash")  # they run a layer more than once, or two as one
FEW = ("deepseek_v2", "gemma3", "gemma4_unified_text", "longcat_flash", "phi3")
ALL = os.environ.get("NOKENLAB_TEST_CLASSES") == "all"
TRIED = sorted(CLASSES) if ALL else sorted(CLASSES.keys() & set(FEW))  # an older transformers has not all
NEW = 6  # tokens
PROMPT = "Red is a color <noken> is"


@pytest.mark.parametrize("kind", TRIED)
def test_it_works_or_is_refused(kind, tmp_path):
    if refusal(default_config(CLASSES[kind])):
        return
    lab = nl.load(save_small(kind, tmp_path), device="cpu", dtype="float32")
    for check in CHECKS:
        check(lab)


@pytest.mark.skipif(not ALL, reason="it imports all classes, which takes ten seconds")
def test_the_page_lists_what_works_and_what_is_refused():
    assert page() in PAGE.read_text(encoding="utf-8")


FACTORS = {"factor": 4.0, "short_factor": [1.0] * 4, "long_factor": [1.0, 2.0, 3.0, 4.0]}
SCALED = {"rope_theta": 1e4, "original_max_position_embeddings": 16} | FACTORS


@pytest.mark.parametrize(
    "kind, rope, most", [("phi3", "longrope", 16), ("llama", "longrope", 16), ("llama", "dynamic", 24)]
)
def test_a_text_ends_before_rotary_factors_change(kind, rope, most):
    """Keys in a cache would have the old factors, and a short row those of the longest."""
    lengths = {"original_max_position_embeddings": 16, "max_position_embeddings": 24}
    lab = tiny_lab(kind, tiny_tokenizer(), rope_parameters=SCALED | {"rope_type": rope}, **lengths)
    verdicts = nl.conform(lab).set_index("check")["verdict"]
    assert verdicts["rotary switch"] == ("same" if rope == "longrope" else "not here")
    long = [prompt(lab, 4), prompt(lab, most - NEW + 1)]
    with pytest.raises(ValueError, match=f"takes {most} tokens.*at most 5"):
        lab.generate(long, NEW)
    if rope == "longrope":
        with pytest.raises(ValueError, match="with more, its rotary factors change"):
            lab.logits(prompt(lab, most))


def it_reads_vectors_as_tokens(lab):
    assert failures(nl.conform(lab)) == []


def nokens_are_read(lab):
    first, second = lab.logits(nl.replace(prompt(lab, 14), 9, nl.random_nokens(lab.width, range(2))))
    assert (first - second).abs().max() > 0.01 * first.std()


def states_are_those_of_transformers(lab):
    x = prompt(lab, 12)
    if lab.model.config.model_type in WITHOUT_STATES:
        with pytest.raises(ValueError, match="has no list of its"):
            lab.states(x)
        return
    theirs = lab.model(inputs_embeds=x, output_hidden_states=True, use_cache=False).hidden_states
    for ours, layer in zip(lab.states(x)[:-1], theirs[:-1], strict=True):
        close(ours, layer[0])


def states_in_their_own_layer_change_nothing(lab):
    if lab.model.config.model_type in WITHOUT_STATES:
        return
    x = fill(lab, PROMPT, word_vector(lab, patching.PLACEHOLDER))
    position = len(lab.ids(PROMPT.split(" <noken>")[0]))
    for layer, state in enumerate(lab.states(x)[:, position]):
        close(patching.read_logits(lab, state[None], PROMPT, layer), lab.logits(x))


def a_noken_is_learned_by_the_gradient_without_a_cache(lab):
    template = teacher_forcing.CachedTemplate(lab, PROMPT)
    vectors = nl.random_nokens(lab.width, range(2), norm=lab.space.median_norm)[:, None].requires_grad_()
    targets = [lab.ids(" a whippet"), lab.ids(" often the")]
    nll, _ = teacher_forcing.score(lab, template, vectors, targets)
    gradients = torch.autograd.grad(nll.sum(), vectors)[0]
    for row, target in enumerate(targets):
        vector = vectors[row].detach().clone().requires_grad_()
        x = torch.cat([template.fill(vector[None]), lab.embed_ids(target)[None]], dim=1)
        logits = lab.model(inputs_embeds=x, use_cache=False).logits[0, -len(target) - 1 : -1]
        right = cross_entropy(logits, target)
        close(gradients[row], torch.autograd.grad(right, vector)[0])
        torch.testing.assert_close(nll[row], right, rtol=1e-3, atol=1e-3)
    learned = nl.learn(lab, PROMPT, [" a blue"], steps=2, progress=False)
    assert learned.history["nll"].notna().all()


def the_cache_of_a_row_is_counted(lab):
    cache = lab.model(input_ids=torch.full((1, 64), 20), use_cache=True).past_key_values
    held = sum(x.nbytes for layer in cache.layers for x in (layer.keys, layer.values))
    assert memory.row_size(lab.model.config, 4) >= 1.5 * held


CHECKS = (
    it_reads_vectors_as_tokens,
    nokens_are_read,
    states_are_those_of_transformers,
    states_in_their_own_layer_change_nothing,
    a_noken_is_learned_by_the_gradient_without_a_cache,
    the_cache_of_a_row_is_counted,
)


def close(ours, theirs):
    """Alike, relative to how much they vary."""
    torch.testing.assert_close(ours / theirs.std(), theirs / theirs.std(), rtol=2e-3, atol=2e-3)


def prompt(lab, tokens: int) -> torch.Tensor:
    """A random prompt with a noken at position 2, (1, tokens, width)."""
    ids = torch.randint(20, 300, (1, tokens), generator=torch.Generator().manual_seed(tokens))
    return nl.replace(lab.embed_ids(ids), 2, nl.random_nokens(lab.width, tokens, norm=lab.space.median_norm))
