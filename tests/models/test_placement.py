"""device="auto": layers on the CPU and on disk say what they say on one device, and where they lie."""

import gc
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers.tiny_models import save_tiny, tiny_model, tiny_tokenizer

import nokenlab as nl
from nokenlab.models import placement


@pytest.fixture
def room(monkeypatch):
    """A machine whose memory has room for so many bytes of weights; the rest goes to disk."""

    def make(size: int) -> None:
        there = {"cpu": size}
        monkeypatch.setattr(
            "transformers.integrations.accelerate.accelerate_max_memory", lambda _: dict(there)
        )

    return make


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """Where the temporary folders of weights come to be; a function that lists them."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return lambda: list((tmp_path / "temporary").iterdir())


@pytest.fixture(scope="module")
def eight_layers(tmp_path_factory):
    """A folder with a tiny Llama of eight layers, and how many bytes its weights are."""
    folder, tokenizer = tmp_path_factory.mktemp("eight"), tiny_tokenizer("bytes, start")
    network = tiny_model("llama", len(tokenizer) + 30, num_hidden_layers=8)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, sum(weights.nbytes for weights in network.parameters())


def same(spread: nl.Lab, whole: nl.Lab) -> None:
    """Both say the same of the same nokens, and their embeddings are the same."""
    rows = nl.replace(whole.embed("Red is a color"), 1, nl.random_nokens(whole.width, range(3)))
    assert torch.equal(spread.space.vectors, whole.space.vectors)
    assert torch.equal(spread.embed("Red is"), whole.embed("Red is"))
    torch.testing.assert_close(spread.logits(rows), whole.logits(rows))
    assert spread.generate(rows, 8, seeds=1) == whole.generate(rows, 8, seeds=1)
    assert spread.generate(rows, 8, batch_size=2) == whole.generate(rows, 8)
    step, other = (next(lab.sample(rows, 2, hidden=True)) for lab in (spread, whole))
    torch.testing.assert_close(step.hidden, other.hidden)


def test_layers_on_the_cpu_and_on_disk(eight_layers, room, folders, capsys):
    folder, size = eight_layers
    room(int(size * 0.7))
    spread = nl.load(folder, device="auto")
    where = placement.in_words(spread.model)
    assert "embed_tokens, layers 0 to " in where and "to 7, norm" in where and where.endswith("on disk")
    assert capsys.readouterr().err.endswith(f'device="auto": {where}\n')
    assert spread.provenance()["device"] == f"auto: {where}" and f"float32 on auto: {where})" in repr(spread)
    assert spread.device == torch.device("cpu") and spread.rows_at_once == 128
    same(spread, nl.load(folder, device="cpu"))


@pytest.mark.parametrize("kind", ["gemma", "gpt2", "phi"])
def test_an_embedding_table_on_disk(kind, tmp_path, room, folders, capsys):
    folder = save_tiny(kind, tmp_path / kind)
    room(1)
    spread = nl.load(folder, device="auto")
    assert spread.model.get_input_embeddings().weight.device.type == "meta"
    assert spread.device == torch.device("cpu") and spread.provenance()["device"] == "auto: all of it on disk"
    same(spread, nl.load(folder, device="cpu"))


def test_what_is_written_to_disk_goes_with_the_model(tmp_path, room, folders):
    folder = save_tiny("mixtral", tmp_path / "mixtral")  # its experts are joined, so they are written anew
    room(1)
    spread = nl.load(folder, device="auto")
    same(spread, nl.load(folder, device="cpu"))
    (written,) = folders()
    assert any(Path(written).iterdir())
    del spread
    gc.collect()
    assert folders() == []


def test_nothing_is_left_on_disk_of_a_model_that_cannot_be_read(eight_layers, folders, monkeypatch):
    def broken(*args, **options):
        assert len(folders()) == 1
        raise OSError("the disk is full")

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", broken)
    with pytest.raises(ValueError, match="the disk is full"):
        nl.load(eight_layers[0], device="auto")
    assert folders() == []


def test_what_fits_one_device_is_there_and_as_quick_as_ever(eight_layers, folders, capsys, monkeypatch):
    monkeypatch.setenv("NOKENLAB_DEVICE", "auto")
    small = nl.load(eight_layers[0])
    assert not placement.is_spread(small.model) and not small.provenance()["device"].startswith("auto")
    assert 'device="auto": all of it on ' in capsys.readouterr().err
    assert type(small.decoders) is type(nl.load(eight_layers[0], device=small.device).decoders)


def test_fast_is_refused_by_name(eight_layers):
    with pytest.raises(ValueError, match="fast=True knows cuda and cpu, not auto; leave it out"):
        nl.load(eight_layers[0], device="auto", fast=True)


def network(**places):
    return SimpleNamespace(hf_device_map={name.replace("__", "."): place for name, place in places.items()})


def test_places_in_words():
    layers = {
        f"model__layers__{i}": 0 if i < 3 else 1 if i < 4 else "cpu" if i < 7 else "disk" for i in range(9)
    }
    spread = network(model__embed_tokens=0, **layers, model__norm="disk", lm_head="disk")
    assert placement.in_words(spread) == (
        "embed_tokens, layers 0 to 2 on cuda:0; layers 3 on cuda:1; layers 4 to 6 on cpu; "
        "layers 7 to 8, norm, lm_head on disk"
    )
    assert placement.is_spread(spread) and placement.device(spread) == "cuda:0"
    assert placement.device(network(embed="cpu", layers__0=1, layers__1=0)) == "cuda:1"
