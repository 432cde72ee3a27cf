"""Steps of one row with packed weights beside the plain ones."""

import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
import torch
from helpers.tiny_models import TINY, tiny_model, tiny_tokenizer
from torch import Tensor

import nokenlab as nl
from nokenlab.decode.kv_cache import PlainDecoder
from nokenlab.fast import setup
from nokenlab.fast.captured_step import CapturedStep

llama_step = pytest.importorskip("nokenlab.fast.llama_step", reason="needs numba, the extra `fast`")
STEPS = 6
THREADS = """
import torch
from nokenlab.fast.llama_step import _numbas_threads
with _numbas_threads():
    print(torch.get_num_threads())
"""
OTHERS = [("mistral", {}), ("llama", {"attention_bias": True}), ("llama", {"hidden_act": "gelu"})]


def of_few_bits(weight: Tensor, bits: int) -> Tensor:
    """A matrix near a given one whose groups of 32 are what GGUF's Q4_1 or Q8_0 can hold."""
    groups = weight.detach().unflatten(-1, (-1, 32))
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    if bits == 4:
        scale, low = ((high - low) / 15).half().float(), low.half().float()
        return (((groups - low) / scale).round().clamp(0, 15) * scale + low).flatten(-2)
    scale = (torch.maximum(high, -low) / 127).half().float()
    return ((groups / scale).round().clamp(-127, 127) * scale).flatten(-2)


def folder_of_groups(folder, kind="llama", **changes):
    """A tiny model whose layers are of 4 bits and whose vocabulary is of 8, as the default model's."""
    sizes = {"hidden_size": 64, "intermediate_size": 96, "head_dim": 16}
    model = tiny_model(kind, 640, **sizes | changes)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.copy_(of_few_bits(weight, 8 if "embed" in name or "head" in name else 4))
    model.save_pretrained(folder)
    tiny_tokenizer(TINY[kind][2]).save_pretrained(folder)
    return folder


def test_torch_keeps_the_threads_that_it_was_given():
    """In a process of its own, for numba's threads begin once; in this one they may have."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "3"}
    said = subprocess.check_output([sys.executable, "-c", THREADS], env=env, text=True)
    assert said.split() == ["1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folder_of_groups(tmp_path_factory.mktemp("groups"))


@pytest.fixture(scope="module")
def plain(folder):
    return nl.load(folder, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def fast(folder):
    return nl.load(folder, device="cpu", dtype="float32", fast=True)


@pytest.mark.parametrize(("bits", "of_bytes"), [(4, 16), (8, 32)])
def test_packed_matrices_are_the_same_again(bits, of_bytes):
    luck = torch.Generator().manual_seed(0)
    matrices = [of_few_bits(torch.randn(192, 64, generator=luck), bits) for _ in range(2)]
    matrices[1][0, :32] = 0
    packed = llama_step.grouped(matrices)
    assert packed.numbers.shape == (2, 2, 2, of_bytes, 96)
    out = np.empty(192, np.float32)
    for column in (0, 1, 31, 32, 63):
        one = np.zeros(64, np.float32)
        one[column] = 1
        for layer, matrix in enumerate(matrices):
            llama_step.llama_kernel.multiply(packed, layer, one, out)
            torch.testing.assert_close(torch.from_numpy(out), matrix[:, column], rtol=1e-6, atol=1e-6)


def test_what_would_be_rounded_is_not_packed():
    luck = torch.Generator().manual_seed(0)
    matrix = torch.randn(96, 64, generator=luck)
    assert llama_step.grouped([matrix]) is None
    for bits in (4, 8):
        few = of_few_bits(matrix, bits)
        assert llama_step.grouped([few]) is not None
        assert llama_step.grouped([few, matrix]) is None
        assert llama_step.grouped([few[:90]]) is None and llama_step.grouped([few[:, :48]]) is None
        assert llama_step.grouped([few.bfloat16()]) is None
    one_off = of_few_bits(matrix, 4)
    one_off[95, 63] += 1e-3 * one_off[95, 32:].abs().max()
    assert llama_step.grouped([one_off]) is None


@torch.no_grad()
@pytest.mark.parametrize("padding", [0, 2])
def test_a_step_gives_the_plain_logits(plain, fast, padding):
    step = fast.decoders.take(1, 32)
    assert type(step) is llama_step.LlamaStep
    x = plain.embed("Red is a color that " * 4)  # so long that the prompt is not rounded
    mask = torch.ones(1, padding + x.shape[1], dtype=torch.long)
    mask[:, :padding] = 0
    x = torch.cat([torch.full((1, padding, plain.width), 7.0), x], dim=1)
    steps, other = fast.decoders.take(1, mask.sum().item() + STEPS), PlainDecoder(plain.model)
    steps.prefill(x, mask, 0)  # its logits are of 16 bits
    other.prefill(x, mask, 0)
    found, wanted = [], []
    for index in range(STEPS):
        noken = nl.random_nokens(plain.width, [index], norm=3.0)
        given = noken.clone()
        found.append(steps.advance(torch.arange(1), noken))
        wanted.append(other.advance(torch.arange(1), noken))
        assert torch.equal(noken, given)
    with pytest.raises(IndexError):
        steps.advance(torch.arange(1), noken)  # no room is left
    found, wanted = torch.cat(found), torch.cat(wanted)
    torch.testing.assert_close(found / wanted.std(), wanted / wanted.std(), rtol=2e-5, atol=2e-5)


def test_texts_of_one_row_are_the_plain_ones(plain, fast):
    prompt = "Red is a color that " * 4
    assert fast.generate([prompt], 12) == plain.generate([prompt], 12)
    assert fast.generate([prompt], 12, seeds=[3]) == plain.generate([prompt], 12, seeds=[3])


def test_only_one_row_of_a_plain_llama_of_groups_is_stepped_so(folder, fast, tmp_path):
    assert type(fast.decoders.take(2, 32)) is CapturedStep
    for kind, changes in OTHERS:
        groups = folder_of_groups(tmp_path / "-".join([kind, *changes]), kind, **changes)
        other = nl.load(groups, device="cpu", dtype="float32", fast=True)
        assert type(other.decoders.take(1, 8)) is CapturedStep
    linear, lab = (
        torch.nn.Linear(64, 64, bias=False),
        nl.load(folder, device="cpu", dtype="float32", fast=True),
    )
    lab.model.model.layers[1].self_attn.o_proj = linear  # put there by a person
    assert type(lab.decoders.take(1, 8)) is CapturedStep


def test_a_lab_that_is_let_go_of_frees_its_packed_weights(folder):
    lab = nl.load(folder, device="cpu", dtype="float32", fast=True)
    lab.generate(["Red is a color that"], 3)
    model, steps = weakref.ref(lab.model), weakref.ref(lab.decoders.of_one)
    assert steps().weights
    del lab
    gc.collect()
    assert model() is None and steps() is None


def test_without_numba_a_row_is_stepped_as_before(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba.np.ufunc", None)
    lab = nl.load(folder, device="cpu", dtype="float32", fast=True)
    assert type(lab.decoders.take(1, 32)) is CapturedStep
    assert setup.make_fast(lab.model, fast=False).of_one is None


def test_rows_of_two_threads_do_not_disturb_each_other(fast):
    prompts = ["Red is a color that " * 4, "White whippets are " * 4]
    alone, together = [fast.generate([prompt], 12) for prompt in prompts], [None, None]

    def ask(index):
        together[index] = [fast.generate([prompts[index]], 12) for _ in range(5)]

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [[text] * 5 for text in alone]
