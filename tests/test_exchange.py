"""Nokens in the files and requests of other tools, and what these say to them."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from helpers.tiny_models import save_tiny, tiny_lab, tiny_tokenizer
from safetensors.torch import save_file

import nokenlab as nl


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return nl.load(
        save_tiny("qwen2", tmp_path_factory.mktemp("models") / "qwen"), device="cpu", dtype="float32"
    )


@pytest.fixture
def vectors(small):
    return nl.random_nokens(small.width, range(3), norm=small.space.median_norm)


def test_peft_says_what_is_said_here(small, vectors, tmp_path):
    """A prompt tuning that we wrote is read by PEFT, and the other way round."""
    peft = pytest.importorskip("peft")
    nl.save_peft(tmp_path / "ours", small, vectors)
    tuned = peft.PeftModel.from_pretrained(small.model, tmp_path / "ours")
    ids = small.ids("White whippets are")[None]
    options = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 8, "do_sample": False}
    new = tuned.generate(input_ids=ids, **options)[0, -8:].tolist()
    x = torch.cat([vectors[None], small.embed_ids(ids)], dim=1)
    assert new == small.greedy_ids(x, 8)[0]
    assert new != small.greedy_ids("White whippets are", 8)[0]
    tuned.save_pretrained(tmp_path / "theirs")
    assert torch.equal(nl.load_peft(tmp_path / "theirs", small), vectors)


def test_what_another_adapter_is(small, vectors, tmp_path):
    nl.save_peft(tmp_path, small, vectors)
    assert torch.equal(nl.load_peft(tmp_path, small), vectors)
    other = tiny_lab("qwen2", small.tokenizer)
    with pytest.raises(ValueError, match=r"the adapter is of 'qwen'; this is tiny-qwen2"):
        nl.load_peft(tmp_path, other)
    path = tmp_path / "adapter_config.json"
    config = json.loads(path.read_text())
    for bad, message in (
        (config | {"peft_type": "LORA"}, "must be a PROMPT_TUNING, got 'LORA'"),
        ({}, "has no valid adapter_config.json of PEFT"),
        ([], "has no valid adapter_config.json of PEFT"),
    ):
        path.write_text(json.dumps(bad))
        with pytest.raises(ValueError, match=message):
            nl.load_peft(tmp_path, small)


@pytest.mark.parametrize("name", ["x.npy", "x.safetensors"])
def test_plain_files(small, vectors, tmp_path, name):
    for rows in (vectors, vectors[None], vectors[0]):
        nl.save_vectors(tmp_path / name, small, rows)
        assert torch.equal(nl.load_vectors(tmp_path / name, small), torch.atleast_2d(rows))
    wide = tiny_lab("llama", tiny_tokenizer(), hidden_size=64)
    with pytest.raises(ValueError, match=r"nokens of tiny-llama must be \(rows, 64\), got \(1, 32\)"):
        nl.load_vectors(tmp_path / name, wide)


def test_files_that_are_refused(small, vectors, tmp_path):
    with pytest.raises(ValueError, match=r"\.npy or \.safetensors, got .*x\.pt"):
        nl.save_vectors(tmp_path / "x.pt", small, vectors)
    with pytest.raises(ValueError, match=r"nokens of .* must be"):
        nl.save_peft(tmp_path / "k", small, vectors[None])
    assert not list(tmp_path.iterdir())
    np.save(tmp_path / "code.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.save(tmp_path / "ids.npy", np.ones((2, small.width), int))
    save_file({"a": vectors, "b": vectors + 1}, tmp_path / "two.safetensors")
    nl.save_vectors(tmp_path / "cut.npy", small, vectors)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-8])
    for name, message in {
        "none.npy": "there is no file",
        "code.npy": "is not a valid .npy or .safetensors file",
        "cut.npy": "is not a valid .npy or .safetensors file",
        "ids.npy": "floating-point",
        "two.safetensors": "must have one tensor of vectors, it has 2",
    }.items():
        with pytest.raises(ValueError, match=message):
            nl.load_vectors(tmp_path / name, small)


def test_a_request_of_vllm_is_the_complete_prompt():
    """As vLLM documents it: torch's file of (tokens, width) in base64. vLLM itself is not run."""
    lab = tiny_lab("llama", tiny_tokenizer("bytes, start"))
    x = nl.fill(lab, "The <noken> is", nl.random_nokens(lab.width, 0))
    sent = torch.load(io.BytesIO(base64.b64decode(nl.vllm_prompt(lab, x))), weights_only=True)
    assert torch.equal(sent, lab.batch(x)[0][0]) and len(sent) == x.shape[1] + 1  # with <s>
    assert lab.generate(sent[None, 1:], 6) == lab.generate(x, 6)
    with pytest.raises(ValueError, match="one prompt, got 2"):
        nl.vllm_prompt(lab, x.expand(2, -1, -1))


def test_llama_cpp_says_what_is_said_here(lab):
    """The default model's own GGUF file. llama.cpp rounds activations to 8 bits: texts may part later."""
    pytest.importorskip("llama_cpp")
    learned = nl.learn(
        lab, "The <noken> is", [" a small blue animal that plays chess."], steps=60, progress=False
    )
    x = nl.fill(lab, "The <noken> is", learned.vectors)
    assert nl.llama_cpp_generate(lab, [x, "Red is a color"], 8) == lab.generate([x, "Red is a color"], 8)


def test_llama_cpp_requires_a_gguf_file(small):
    with pytest.raises(ValueError, match=r"llama.cpp reads GGUF files: default, .*; got 'qwen'"):
        nl.llama_cpp_generate(small, "The")
