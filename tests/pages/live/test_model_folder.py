"""The live page's model is nokenlab's: the same weights, and by both graphs the same logits and texts."""

import json
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from helpers import live
from safetensors import safe_open

import nokenlab as nl
from nokenlab.models import packaged

PROMPT = "My favourite color is"


@pytest.fixture(scope="module")
def nokens(lab):
    """64 prompts with a noken at position 3, (64, tokens, width)."""
    vectors = nl.random_nokens(lab.width, range(64), norm=lab.space.median_norm)
    return nl.replace(lab.embed(PROMPT), 3, vectors)


@pytest.fixture(scope="module")
def expected(lab, nokens):
    """What nokenlab says: the first logits of 24 of them, and the texts of all."""
    return lab.logits(nokens[:24]).numpy(), lab.generate(nokens, 20)


@pytest.fixture(scope="module", params=["wasm.onnx", "webgpu.onnx"])
def model(request, unpacked):
    """Each of the two graphs."""
    with live.Elsewhere(ctx=get_context("spawn")) as elsewhere:
        yield elsewhere.Model(unpacked, request.param)


def plain_names(name: str) -> list[str]:
    """The matrices of transformers that one of the live page's is made of."""
    if name == "embedding":
        return ["model.embed_tokens.weight"]
    layer, part = name.split(".")
    parts = {
        "qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        "output": ["self_attn.o_proj"],
        "gate_up": ["mlp.gate_proj", "mlp.up_proj"],
        "down": ["mlp.down_proj"],
    }
    return [f"model.layers.{layer}.{part}.weight" for part in parts[part]]


def test_weights_are_those_of_nokenlab_bit_for_bit(folder):
    seen, file = set(), packaged.folder(packaged.DEFAULT) / "model.safetensors"
    for name, matrix in live.matrices(folder):
        seen |= set(plain_names(name))
        with safe_open(file, "numpy") as weights:  # its pages go with it
            want = np.concatenate([weights.get_tensor(plain) for plain in plain_names(name)])
        assert np.array_equal(matrix.floats(), want), name
    with safe_open(file, "numpy") as weights:
        names = weights.keys()
    assert seen == {name for name in names if "norm" not in name}


def test_logits_and_greedy_texts_are_those_of_nokenlab(lab, folder, nokens, expected, model):
    want, texts = expected
    logits, ids = model.greedy(nokens.numpy(), 20)
    assert np.abs(logits[:24] - want).max() < 1e-2
    end = json.loads((folder / "layout.json").read_text())["end"]
    assert lab.eos_ids == [end]
    rows = [row[: row.index(end)] if end in row else row for row in ids.tolist()]
    assert sum(lab.text(row) == text for row, text in zip(rows, texts, strict=True)) >= 60


def test_a_row_alone_is_as_in_a_batch(nokens, model):
    x = nokens[:3].numpy()
    together, _ = model.read(x, model.empty(3))
    alone, _ = model.read(x[1:2], model.empty(1))
    assert np.abs(together[1] - alone[0]).max() < 1e-3


def test_a_prompt_in_two_pieces_is_as_at_once(nokens, model):
    x = nokens[:1].numpy()  # onnxruntime goes on with several tokens for one row only
    whole, past = model.read(x, model.empty(1))
    _, half = model.read(x[:, :2], model.empty(1))
    pieces, joined = model.read(x[:, 2:], half)
    assert np.abs(whole - pieces).max() < 1e-3
    assert all(np.allclose(past[name], joined[name], atol=1e-3) for name in past)


def test_nokens_and_the_cloud_of_tokens_are_those_of_nokenlab(lab, folder):
    nokens = np.fromfile(folder / "nokens.f32", np.float32).reshape(100, lab.width)
    assert np.array_equal(nokens, nl.random_nokens(lab.width, range(100)).numpy())
    centroid = torch.from_numpy(np.fromfile(folder / "centroid.f32", np.float32))
    assert torch.allclose(centroid, lab.space.centroid, atol=1e-6) and len(centroid) == lab.width
    lengths = json.loads((folder / "space.json").read_text())
    assert lengths["median_norm"] == pytest.approx(lab.space.median_norm, rel=1e-6)
    assert lengths["median_distance"] == pytest.approx(lab.space.median_distance, rel=1e-6)
    assert json.loads((folder / "layout.json").read_text())["vocabulary"] == len(lab.space)
