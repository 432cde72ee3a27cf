"""What is told from a configuration alone: models that cannot work, and weights that do not fit."""

import shutil
import tempfile
import warnings

import pytest
import torch
import transformers
from helpers.tiny_models import SIZES, TINY, save_tiny, tiny_model

import nokenlab as nl
from nokenlab.models import fitness, memory

GB = 10**9


@pytest.mark.parametrize(
    "config, reason",
    [
        (transformers.BertConfig(), "an encoder: it fills gaps"),
        (transformers.RobertaConfig(), "an encoder: it fills gaps"),
        (transformers.ModernBertConfig(), "an encoder: it fills gaps"),
        (
            transformers.RobertaConfig(is_decoder=True),
            "an encoder: it fills gaps",
        ),  # counts positions otherwise
        (transformers.TrOCRConfig(is_decoder=True), "encoder-decoder"),
        (transformers.T5Config(), "encoder-decoder"),
        (transformers.BartConfig(), "encoder-decoder"),
        (transformers.Gemma3nTextConfig(), "token ids again in every layer"),
        (transformers.BltConfig(), "token ids again in every layer"),
        (transformers.MambaConfig(), "running state"),
        (
            transformers.Lfm2Config(num_hidden_layers=2, layer_types=["conv", "full_attention"]),
            "running state",
        ),
        (transformers.CTRLConfig(), "cannot go on from embeddings"),
        (transformers.GitConfig(), "cannot go on from embeddings"),
        (transformers.MoshiConfig(), "cannot go on from embeddings"),
        (transformers.Emu3Config(), "cannot generate text"),
        (transformers.XLNetConfig(), "cannot go on from embeddings"),
        (transformers.ViTConfig(), "cannot generate text"),
        (transformers.MusicgenDecoderConfig(), "makes music"),
    ],
    ids=lambda value: getattr(value, "model_type", ""),
)
def test_a_model_that_cannot_work_is_refused_with_the_reason(config, reason):
    with pytest.raises(ValueError, match=reason):
        fitness.check_kind(config)


@pytest.mark.parametrize("kind", sorted(TINY))
def test_models_that_work_pass(kind):
    fitness.check_kind(tiny_model(kind, 100).config)


def test_load_refuses_before_it_reads_weights(tmp_path):
    transformers.BertConfig(**SIZES, vocab_size=100).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"never read")
    with pytest.raises(ValueError, match=f"cannot load the model '{tmp_path.name}': it is an encoder"):
        nl.load(tmp_path)


def test_phi_is_never_run_in_float16(tmp_path):
    with pytest.raises(ValueError, match="overflow in float16"):
        nl.load(save_tiny("phi", tmp_path), dtype="float16")
    fitness.check_dtype(transformers.LlamaConfig(), "float16")


def test_weights_are_counted_without_making_them():
    phi_2 = transformers.PhiConfig()
    phi_2.update({"vocab_size": 51200, "hidden_size": 2560, "intermediate_size": 10240})
    phi_2.update({"num_hidden_layers": 32, "num_attention_heads": 32})
    assert memory.count(phi_2) == 2_779_683_840  # as its card says
    tied = tiny_model("gpt2", 100)
    assert memory.count(tied.config) == sum(p.numel() for p in tied.parameters())


@pytest.fixture
def machine(monkeypatch):
    """A machine of a given memory: device -> (free, all)."""

    def make(**there):
        both = [sum(sizes) for sizes in zip(*there.values(), strict=True)]
        every = there | {"auto": both}
        monkeypatch.setattr(memory, "free_and_total", lambda device: every[device.split(":")[0]])
        monkeypatch.setattr(memory, "devices", lambda: list(there))

    return make


@pytest.mark.parametrize(
    "there, device, dtype, message",
    [
        (
            {"cpu": (9 * GB, 16 * GB)},
            "cpu",
            "float32",
            'device="cpu" with dtype="bfloat16" would do .14.5 GB',
        ),
        ({"cpu": (9 * GB, 8 * GB)}, "cpu", "bfloat16", "too small for it even in bfloat16"),
        (
            {"cuda": (8 * GB, 8 * GB), "cpu": (9 * GB, 8 * GB)},
            "cuda",
            "bfloat16",
            'device="auto" with dtype="bfloat16" would do .14.5 GB',
        ),
        (
            {"cuda": (8 * GB, 8 * GB), "cpu": (4 * GB, 4 * GB)},
            "auto",
            "bfloat16",
            "GPUs, memory and disk together have 12.0 GB; this machine is too small",
        ),
        (
            {"cuda": (8 * GB, 8 * GB), "cpu": (30 * GB, 32 * GB)},
            "cuda",
            "bfloat16",
            'device="cpu" with dtype="f',
        ),
    ],
)
def test_a_model_that_does_not_fit_is_refused_with_what_would(machine, there, device, dtype, message):
    machine(**there)
    mistral_7b = transformers.MistralConfig()
    with pytest.raises(ValueError, match=message) as caught:
        fitness.check_fits(mistral_7b, dtype, device)
    assert f"its weights take {'29.0' if dtype == 'float32' else '14.5'} GB in {dtype}" in str(caught.value)


def test_too_little_free_memory_is_only_a_warning(machine):
    machine(cpu=(9 * GB, 16 * GB))
    with pytest.warns(UserWarning, match=r"14.5 GB in bfloat16, and the cpu has 9.0 GB that are free now"):
        fitness.check_fits(transformers.MistralConfig(), "bfloat16", "cpu")


def test_auto_has_all_that_the_machine_has(machine):
    disk = shutil.disk_usage(tempfile.gettempdir())
    free, total = memory.free_and_total("auto")  # of this machine
    assert total >= memory.free_and_total("cpu")[1] + disk.total and 0 < free < total
    machine(cuda=(8 * GB, 8 * GB), cpu=(8 * GB, 8 * GB))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitness.check_fits(transformers.MistralConfig(), "bfloat16", "auto")


@pytest.mark.parametrize("kind", sorted(TINY))
def test_the_cache_of_a_row_is_counted_at_least(kind):
    network = tiny_model(kind, 100)
    cache = network(input_ids=torch.ones(1, 64, dtype=torch.long), use_cache=True).past_key_values
    held = sum(x.nbytes for layer in cache.layers for x in (layer.keys, layer.values))
    assert memory.row_size(network.config, 4) >= 1.5 * held


def test_the_memory_of_this_machine():
    free, total = memory.free_and_total("cpu")
    assert 0 < free < total
    assert memory.devices()[-1] == "cpu"
