"""Steps of one row with packed weights beside the plain ones."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from functools import partial

import gguf
import numpy as np
import pytest
import torch
from helpers.tiny_models import save_tiny_packed, tiny_model, tiny_tokenizer

import nokenlab as nl
from nokenlab.decode.kv_cache import PlainDecoder
from nokenlab.fast import setup
from nokenlab.fast.captured_step import CapturedStep
from nokenlab.models.gguf_weights import unpack

llama_step = pytest.importorskip("nokenlab.fast.llama_step", reason="needs numba, the extra `fast`")
STEPS = 6
THREADS = """
import torch
from nokenlab.fast.llama_step import _numba_threads
with _numba_threads():
    print(torch.get_num_threads())
"""


def test_torch_keeps_its_number_of_threads():
    """In a process of its own, for numba's threads start once; in this one they may have."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "3"}
    output = subprocess.check_output([sys.executable, "-c", THREADS], env=env, text=True)
    assert output.split() == ["1"]


@torch.no_grad()
def save_tiny_gemma(folder):
    """A tiny Gemma 3 with both kinds of layers, and weights of 8 bits that rounding does not change."""
    sizes = {"hidden_size": 64, "intermediate_size": 96, "head_dim": 16, "sliding_window": 64}
    kinds = ["sliding_attention", "full_attention"]
    model = tiny_model("gemma3_text", 640, layer_types=kinds, query_pre_attn_scalar=24, **sizes)
    for weight in model.parameters():
        if weight.dim() == 1:
            weight.uniform_(-0.5, 0.5)
        else:
            weight.copy_(torch.from_numpy(llama_step.rounded(weight).floats()))
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=[save_tiny_packed, save_tiny_gemma])
def folder(tmp_path_factory, request):
    return request.param(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def load_fast(folder):
    return partial(nl.load, folder, device="cpu", dtype="float32", fast=True)


@pytest.fixture(scope="module")
def plain(folder):
    return nl.load(folder, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def fast(load_fast):
    return load_fast()


@pytest.mark.parametrize(("kind", "code_bytes"), [("Q4_1", 16), ("Q8_0", 32)])
def test_products_with_packed_matrices_are_those_of_their_weights(kind, code_bytes):
    generator = np.random.default_rng(0)
    weights = generator.standard_normal((2, 192, 64)).astype(np.float32)
    weights[1, :, :32] = 0
    matrices = [unpack(gguf.quantize(weight, gguf.GGMLQuantizationType[kind]), kind) for weight in weights]
    packed = llama_step.in_blocks(matrices)
    assert packed.codes.shape == (2, 2, 2, code_bytes, 96)
    x, out = generator.standard_normal(64).astype(np.float32), np.empty(192, np.float32)
    for layer, matrix in enumerate(matrices):
        llama_step.llama_kernel.multiply(packed, layer, x, out)
        np.testing.assert_allclose(out, matrix.floats() @ x, rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("padding", [0, 2])
def test_a_step_gives_the_plain_logits(plain, fast, padding):
    x = plain.embed("Red is a color that " * 4)  # so long that the prompt is not rounded
    mask = torch.ones(1, padding + x.shape[1], dtype=torch.long)
    mask[:, :padding] = 0
    x = torch.cat([torch.full((1, padding, plain.width), 7.0), x], dim=1)
    steps, plain_steps = fast.decoders.take(1, mask.sum().item() + STEPS), PlainDecoder(plain.model)
    assert type(steps) is llama_step.LlamaStep
    steps.prefill(x, mask, 0)  # its logits are of 16 bits
    plain_steps.prefill(x, mask, 0)
    logits, plain_logits = [], []
    for index in range(STEPS):
        noken = nl.random_nokens(plain.width, [index], norm=3.0)
        before = noken.clone()
        logits.append(steps.advance(torch.arange(1), noken))
        plain_logits.append(plain_steps.advance(torch.arange(1), noken))
        assert torch.equal(noken, before)
    with pytest.raises(IndexError):
        steps.advance(torch.arange(1), noken)  # no room is left
    logits, plain_logits = torch.cat(logits), torch.cat(plain_logits)
    scale = plain_logits.std()
    torch.testing.assert_close(logits / scale, plain_logits / scale, rtol=2e-5, atol=2e-5)


def test_texts_of_one_row_are_the_plain_ones(plain, fast):
    prompt = "Red is a color that " * 4
    phrase = nl.random_nokens(plain.width, range(2), norm=3.0)[None]
    feeds = {"feed": lambda step: phrase if step.index == 2 else None}
    assert fast.generate([prompt], 12, **feeds) == plain.generate([prompt], 12, **feeds)
    *_, state = (step.state() for step in fast.sample([prompt], 4))
    steps = fast.sample(state=state, max_new_tokens=8)
    assert [step.ids.item() for step in steps] == plain.greedy_ids([prompt], 12)[0][4:]
    assert fast.generate([prompt], 12) == plain.generate([prompt], 12)
    assert fast.generate([prompt], 12, seeds=[3]) == plain.generate([prompt], 12, seeds=[3])


def test_other_batches_other_models_and_replaced_layers_use_captured_steps(tiny_folder, fast, load_fast):
    assert type(fast.decoders.take(2, 32)) is CapturedStep
    not_packed = nl.load(tiny_folder, device="cpu", dtype="float32", fast=True)
    assert type(not_packed.decoders.take(1, 8)) is CapturedStep
    lab = load_fast()
    lab.model.model.layers[1].self_attn.o_proj = torch.nn.Linear(64, 64, bias=False)
    assert type(lab.decoders.take(1, 8)) is CapturedStep


def test_a_deleted_lab_frees_its_packed_weights(load_fast):
    lab = load_fast()
    lab.generate(["Red is a color that"], 3)
    model, steps = weakref.ref(lab.model), weakref.ref(lab.decoders.one_row)
    assert steps().weights
    del lab
    gc.collect()
    assert model() is None and steps() is None


def test_without_numba_one_row_has_a_captured_step(load_fast, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba.np.ufunc", None)
    lab = load_fast()
    assert type(lab.decoders.take(1, 32)) is CapturedStep
    assert setup.make_fast(lab.model, fast=False).one_row is None


def test_rows_of_two_threads_do_not_disturb_each_other(fast):
    prompts = ["Red is a color that " * 4, "White whippets are " * 4]
    alone, together = [fast.generate([prompt], 12) for prompt in prompts], [None, None]

    def generate(index):
        together[index] = [fast.generate([prompts[index]], 12) for _ in range(5)]

    threads = [threading.Thread(target=generate, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [[text] * 5 for text in alone]
