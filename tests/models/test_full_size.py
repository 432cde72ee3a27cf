"""A model of Phi-2's shape, 2.78 billion random parameters, on a GPU: NOKENLAB_TEST_DEVICE=cuda runs it.

With `pytest -s` it says what was measured.
"""

import os
import sys
import time

import pytest
import torch
import transformers
from helpers.tiny_models import tiny_tokenizer

import nokenlab as nl
from nokenlab.answers import blends as lerp
from nokenlab.models import memory
from workbook.manual_sampling import tables as manual_sampling
from workbook.random_nokens import tables as random_nokens

pytestmark = pytest.mark.skipif(os.environ.get("NOKENLAB_TEST_DEVICE") != "cuda", reason="needs a GPU")
PROMPTS = ["Red is a color that is often associated with", "White whippets are", "Black whippets are"]
PHI_2 = transformers.PhiConfig(
    vocab_size=51200,
    hidden_size=2560,
    intermediate_size=10240,
    num_hidden_layers=32,
    num_attention_heads=32,
    partial_rotary_factor=0.4,
    max_position_embeddings=2048,
    initializer_range=0.05,
    bos_token_id=1,
    eos_token_id=2,
)


def write(folder):
    """Phi-2's shape into a folder; `python tests/test_full_size.py FOLDER` does it for the bench."""
    torch.manual_seed(0)
    with torch.device("cuda"):
        network = transformers.AutoModelForCausalLM.from_config(PHI_2, dtype=torch.bfloat16)
    network.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Phi-2's shape as a folder of bfloat16 safetensors, 5.6 GB."""
    return write(tmp_path_factory.mktemp("models") / "phi-2-shape")


@pytest.fixture(scope="module")
def big(folder):
    begin = time.perf_counter()
    lab = nl.load(folder)
    print(f"\n{lab}: loaded in {time.perf_counter() - begin:.1f} s")
    return lab


def test_it_is_loaded_in_bfloat16_on_the_gpu(big):
    assert (big.device.type, big.dtype) == ("cuda", torch.bfloat16)
    assert sum(p.numel() for p in big.model.parameters()) == memory.count(PHI_2) == 2_779_683_840
    print(f"GPU memory {torch.cuda.memory_allocated() / 1e9:.2f} GB; {big.provenance()}")


@torch.no_grad()
def test_ids_and_embeddings_give_the_same_logits(big):
    ids = big.ids(PROMPTS[0])[None].to(big.device)
    by_id, by_embedding = big.model(ids).logits[:, -1].float(), big.logits(PROMPTS[0])
    print(f"largest difference of logits {(by_id - by_embedding).abs().max():.4f} of {by_id.std():.2f} std")
    torch.testing.assert_close(by_id, by_embedding, rtol=0.05, atol=0.05 * by_id.std().item())


def test_what_the_notebooks_compute(big):
    torch.cuda.reset_peak_memory_stats()
    for name, compute in {
        "03 replacements": lambda: random_nokens.replacements(big, PROMPTS[0], 0, range(10)),
        "04 blends, 101": lambda: lerp.blend(big, *PROMPTS[1:], lerp.grid(101)),
        "05 steps": lambda: manual_sampling.step_table(
            big,
            nl.replace(big.embed("Red is the first"), 0, nl.random_nokens(big.width, range(11))),
            range(11),
        ),
    }.items():
        begin = time.perf_counter()
        table = compute()
        print(f"{name}: {len(table)} rows in {time.perf_counter() - begin:.2f} s")
        assert not table.drop(columns="seed", errors="ignore").isna().any().any()
    print(f"at most {torch.cuda.max_memory_allocated() / 1e9:.2f} GB")


def test_float32_beside_bfloat16(folder, big):
    """How many of the greedy tokens are the same in both: printed, for a random model's guesses are close."""
    full = nl.load(folder, dtype="float32")
    rows = [[step.ids for step in lab.sample(PROMPTS[0], 20)] for lab in (big, full)]
    same = sum(int(a.equal(b)) for a, b in zip(*rows, strict=False))
    gap = (big.logits(PROMPTS[0]) - full.logits(PROMPTS[0])).abs().max() / full.logits(PROMPTS[0]).std()
    print(f"float32 and bfloat16: {same} of 20 tokens the same, logits differ by up to {gap:.3f} std")
    assert gap < 0.5


def test_float16_is_refused(folder):
    with pytest.raises(ValueError, match="overflow in float16"):
        nl.load(folder, dtype="float16")


def test_rows_are_halved_when_memory_ends_and_nothing_is_lost(big, monkeypatch):
    rows = nl.replace(big.embed(PROMPTS[0]), 0, nl.random_nokens(big.width, range(2048), norm=3.0))
    sizes, sample = [], big.sample

    def counted(some, *args, **how):
        sizes.append(len(some))
        return sample(some, *args, **how)

    monkeypatch.setattr(big, "sample", counted)
    big.decoders.forget()
    torch.cuda.empty_cache()
    there = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 8e9) / there)
    try:
        texts = big.generate(rows, 8, batch_size=2048)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    print(f"\nbatches asked for: {sizes}")
    assert len(texts) == 2048 and sizes[0] == 2048 and sizes[-1] < 2048
    assert texts == big.generate(rows, 8, batch_size=sizes[-1])


if __name__ == "__main__":
    write(sys.argv[1])
