"""Every architecture, as a tiny random model in a folder: the same answers by every road.

NOKENLAB_TEST_DEVICE and NOKENLAB_TEST_DTYPE run it elsewhere, as "cuda" and "bfloat16". With numbers of 16
bits two roads may round to different tokens, so there logits are compared and texts are not. With
NOKENLAB_TEST_NOTEBOOKS=all the notebooks run on every architecture, else on a few.
"""

import json
import os
from pathlib import Path

import pytest
import torch
from helpers.tiny_models import TINY, save_tiny

import nokenlab as nl
from nokenlab.conformance.checks import failures
from nokenlab.decode.hidden_states import first, layers
from nokenlab.prompt import fill, word_vector
from nokenlab.readout import patching
from workbook.soft_inputs import soft_prompts, tables

DEVICE = os.environ.get("NOKENLAB_TEST_DEVICE", "cpu")
DTYPE = os.environ.get("NOKENLAB_TEST_DTYPE", "float32")
CLOSE = {"rtol": 1e-3, "atol": 1e-3} if DTYPE == "float32" else {"rtol": 0.05, "atol": 0.05}
PROMPTS = ["Red is a color that is often associated with", "White whippets are", "The"]
exact = pytest.mark.skipif(DTYPE != "float32", reason="greedy texts hang on the last bit")


@pytest.fixture(scope="module", params=sorted(TINY))
def small(request, tmp_path_factory):
    """Each architecture in turn, saved and loaded."""
    folder = save_tiny(request.param, tmp_path_factory.mktemp(request.param))
    return nl.load(folder, device=DEVICE, dtype=DTYPE)


@pytest.fixture
def nokens(small):
    """A prompt with four nokens in turn in the place of its third token."""
    return nl.replace(small.embed(PROMPTS[0]), 2, nl.random_nokens(small.width, range(4)))


def close(a, b):
    """Logits alike, relative to how much they vary."""
    torch.testing.assert_close(a / b.std(), b / b.std(), **CLOSE)


def whole(lab, text) -> torch.Tensor:
    """A text's ids with the start token, (1, tokens), as transformers' own roads want them."""
    return lab.tokenizer(text, return_tensors="pt").input_ids.to(lab.device)


def ids_of(lab, prompts, new=12) -> list[list[int]]:
    rows = {}
    for step in lab.sample(prompts, new):
        for row, id in zip(step.rows.tolist(), step.ids.tolist(), strict=True):
            rows.setdefault(row, []).append(id)
    return [rows[row] for row in sorted(rows)]


def hf_ids(lab, row, new=12) -> list[int]:
    """Greedy `generate` of transformers from embeddings (1, tokens, width), start token in front."""
    start = lab.model.get_input_embeddings()(torch.tensor([lab.start_ids], device=lab.device).long())
    x = torch.cat([start, row.to(start)], dim=1)
    mask = torch.ones(x.shape[:2], dtype=torch.long, device=lab.device)
    out = lab.model.generate(
        inputs_embeds=x, attention_mask=mask, max_new_tokens=new, do_sample=False, pad_token_id=0
    )
    return out[0].tolist()


def test_it_reads_vectors_as_tokens(small):
    assert failures(nl.conform(small)) == []


@torch.no_grad()
def test_a_text_has_the_logits_of_its_ids(small):
    close(small.logits(PROMPTS[0]), small.model(whole(small, PROMPTS[0])).logits[:, -1].float())


@torch.no_grad()
def test_the_states_are_hugging_faces_without_its_start_token(small):
    """All but the last, which transformers give behind the last norm."""
    theirs = small.model(whole(small, PROMPTS[0]), output_hidden_states=True).hidden_states
    states = small.states(PROMPTS[0])  # (layers + 1, tokens, width)
    assert len(states) == small.model.config.num_hidden_layers + 1
    for ours, layer in zip(states[:-1], theirs[:-1], strict=True):
        close(ours, layer[0, len(small.start_ids) :])
    assert torch.equal(small.states(small.embed(PROMPTS[0])), states)


def test_what_leaves_the_last_layer_makes_the_logits(small):
    """One text's last states put into another's run."""
    one, other = "White whippets are", "Black whippets are"
    last, own = layers(small.model)[-1], small.states(one)[-1]

    def change(_, __, output):
        first(output)[:, len(small.start_ids) :] = own

    hook = last.register_forward_hook(change)
    changed = small.logits(other)
    hook.remove()
    close(changed, small.logits(one))
    assert (changed - small.logits(other)).abs().max() > 1e-3


def test_a_prompts_own_states_in_their_own_layer_change_no_logits(small):
    asked = fill(small, "Red is <noken> is", word_vector(small, patching.PLACEHOLDER))  # (1, tokens, width)
    position = len(small.ids("Red is"))
    for layer, state in enumerate(small.states(asked)[:, position]):
        close(patching.read_logits(small, state[None], "Red is <noken> is", layer), small.logits(asked))


@exact
@torch.no_grad()
def test_greedy_is_hugging_faces(small, nokens):
    assert ids_of(small, PROMPTS[0]) == [hf_ids(small, small.embed(PROMPTS[0]))]
    assert ids_of(small, nokens) == [hf_ids(small, row[None]) for row in nokens]


def test_the_nearest_token_of_a_tokens_embedding_is_itself(small):
    rows = small.model.get_input_embeddings().num_embeddings
    assert rows > len(small.space) == len(small.tokenizer)  # Qwen's tokenizer adds one of its own
    ids = torch.arange(5, len(small.space), 40)
    found = small.space.nearest(small.space.vectors[ids], k=1)
    assert found["id"].tolist() == ids.tolist()
    assert found["distance"].max() < 1e-3 * small.space.median_norm
    text = small.tokens(PROMPTS[1])
    nearest = small.space.nearest(small.embed(PROMPTS[1])[0], k=1)
    assert nearest["id"].tolist() == text["id"].tolist()


def test_position_0_is_the_first_token_of_the_text(small):
    assert small.tokens("Red is")["token"].str.strip().tolist() == ["Red", "is"]
    assert small.start_ids == ([1] if TINY[small.model.config.model_type][2].endswith("start") else [])


def test_lerp_begins_and_ends_at_the_prompts(small):
    a, b = small.embed("White whippets are"), small.embed("Black whippets are")
    close(small.logits(nl.lerp(a, b, [0.0, 1.0])), torch.cat([small.logits(a), small.logits(b)]))


EVERY = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
NOTEBOOKS = [path for path in EVERY if path.stem != "06-fuzz-the-music"]  # of language models
BRIEF = {"fine_points": 5, "max_new_tokens": 4, "seeds": [0, 1], "cells": 5, "steps": 2}
BRIEF |= {"corners": ["Red", "White", "Blue"], "triples": ["Red, White, Blue"]}  # of one token each
BRIEF |= {"anchor": "Red", "ranked": 2, "trials": 1}
BRIEF |= {"words": ["Red", "White", "Blue", "Black"], "contrasts": 2}
BRIEF |= {"prefixes": 1, "samples": 2}
SOME = ("gemma2", "phi")  # a start token, scaled embeddings and windows; and none of these


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem[:2])
@pytest.mark.parametrize("kind", sorted(TINY) if os.environ.get("NOKENLAB_TEST_NOTEBOOKS") == "all" else SOME)
def test_the_notebooks_run_on_it(kind, notebook, tmp_path, monkeypatch):
    """The code cells one after another in this process, for a kernel each would take minutes."""
    pytest.importorskip("IPython")
    monkeypatch.setattr(tables, "OPEN", 1.1)  # random weights know no answers: all lines suit them
    monkeypatch.setattr(soft_prompts, "LIKELY", (0.0, 1.0))
    if kind != SOME[0]:  # their figures are drawn once
        monkeypatch.setattr(nl.Results, "figure", lambda *made: None)
    given = BRIEF | {"model": str(save_tiny(kind, tmp_path))}
    names: dict = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{notebook.name}, cell {cell['id']}", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= {name: value for name, value in given.items() if name in names}
    assert names["lab"].model.config.model_type == kind
