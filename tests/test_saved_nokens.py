"""Nokens in a file, with the model they belong to."""

import copy

import pytest
import torch
from helpers.tiny_models import TINY, tiny_model, tiny_tokenizer
from safetensors import safe_open

import nokenlab as nl
from nokenlab import saved_nokens


@pytest.fixture(scope="module")
def lab():
    tokenizer = tiny_tokenizer(TINY["gpt2"][2])
    return nl.Lab(tiny_model("gpt2", len(tokenizer)), tokenizer, "tiny-gpt2", "abc1")


def test_vectors_prompt_and_table_come_back(lab, tmp_path):
    learned = nl.learn(lab, ["The <noken> is", "A <noken>"], [" often", " Blüe\n"], steps=2, progress=False)
    path, prompts = tmp_path / "new" / "nokens.safetensors", ["The <noken> is", "A <noken>"]
    nl.save_nokens(path, lab, learned.vectors, prompt=prompts, table=learned.table)
    saved = nl.load_nokens(path, lab)
    assert torch.equal(saved.vectors, learned.vectors)
    assert saved.prompt == prompts
    wanted = learned.table
    assert saved.table.columns.tolist() == wanted.columns.tolist()
    assert saved.table["target"].tolist() == wanted["target"].tolist()
    assert saved.table["exact"].tolist() == wanted["exact"].tolist()
    assert saved.table["nll"].tolist() == pytest.approx(wanted["nll"].tolist())
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_one_vector_and_k_vectors_a_row(lab, tmp_path):
    single, several = torch.randn(lab.width), torch.randn(2, 3, lab.width)
    for vectors, wanted in (
        (single, single[None]),
        (several, several),
        (several.bfloat16(), several.bfloat16().float()),
    ):
        nl.save_nokens(tmp_path / "nokens", lab, vectors)
        saved = nl.load_nokens(tmp_path / "nokens", lab)
        assert torch.equal(saved.vectors, wanted)
        assert (saved.prompt, saved.table) == (None, None)


def test_k_nokens_that_were_learned_are_filled_into_the_same_prompt(lab, tmp_path):
    prompt = "<noken><noken> is the <noken>"
    learned = nl.learn(lab, prompt, [" often"], steps=1, progress=False)
    nl.save_nokens(tmp_path / "nokens", lab, learned.vectors, prompt=prompt)
    saved = nl.load_nokens(tmp_path / "nokens", lab)
    filled = nl.fill(lab, saved.prompt, saved.vectors)
    new = lab.greedy_ids(filled, len(lab.ids_behind(" often")))
    assert [lab.text(row) for row in new] == learned.table["text"].tolist()


def test_it_is_a_safetensors_file_that_others_can_read(lab, tmp_path):
    nl.save_nokens(tmp_path / "nokens", lab, torch.ones(2, lab.width), prompt="The <noken>")
    with safe_open(tmp_path / "nokens", framework="np") as file:
        assert file.get_tensor("nokens").shape == (2, lab.width)
        assert '"model": "tiny-gpt2"' in file.metadata()["nokenlab"]


def test_another_models_are_refused_by_name(lab, tmp_path):
    nl.save_nokens(tmp_path / "nokens", lab, torch.ones(2, lab.width))
    other = nl.Lab(lab.model, lab.tokenizer, "tiny-other", "abc1")
    later = nl.Lab(lab.model, lab.tokenizer, "tiny-gpt2", "abc2")
    for wrong, name in ((other, "tiny-other"), (later, "abc2")):
        with pytest.raises(ValueError, match=f"are of tiny-gpt2, revision abc1, width 32; this is .*{name}"):
            nl.load_nokens(tmp_path / "nokens", wrong)


@pytest.mark.parametrize(
    "vectors, message",
    [
        (torch.ones(2, 31), "nokens of tiny-gpt2 must be .*got"),
        (torch.ones(0, 32), "got"),
        (torch.ones(1, 1, 1, 32), "got"),
        (torch.full((1, 32), float("nan")), "NaN or infinity"),
    ],
)
def test_what_is_no_noken_is_not_saved(lab, tmp_path, vectors, message):
    with pytest.raises(ValueError, match=message):
        nl.save_nokens(tmp_path / "nokens", lab, vectors)
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused(lab, tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        nl.load_nokens(tmp_path / "nothing", lab)
    (tmp_path / "text").write_text("hello")
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(2)}, tmp_path / "weights")
    nl.save_nokens(tmp_path / "half", lab, torch.ones(2, lab.width))
    (tmp_path / "half").write_bytes((tmp_path / "half").read_bytes()[:-40])
    for name in ("text", "weights", "half"):
        with pytest.raises(ValueError, match="not a file of nokens that nokenlab wrote"):
            nl.load_nokens(tmp_path / name, lab)


def test_a_file_of_a_newer_format_is_refused(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(saved_nokens, "FORMAT", 2)
    nl.save_nokens(tmp_path / "nokens", lab, torch.ones(2, lab.width))
    monkeypatch.undo()
    with pytest.raises(ValueError, match="was written by a newer nokenlab, format 2"):
        nl.load_nokens(tmp_path / "nokens", lab)


def test_nokens_of_another_scale_are_refused(lab, tmp_path):
    """As of a Gemma whose embeddings another version of transformers scales inside the model."""
    nl.save_nokens(tmp_path / "nokens", lab, torch.ones(2, lab.width))
    scaled = nl.Lab(copy.deepcopy(lab.model), lab.tokenizer, lab.name, lab.revision)
    scaled.model.get_input_embeddings().weight.data *= lab.width**0.5
    with pytest.raises(ValueError, match=r"a token's norm was .* when these nokens were saved and is"):
        nl.load_nokens(tmp_path / "nokens", scaled)
    half = nl.Lab(copy.deepcopy(lab.model).bfloat16(), lab.tokenizer, lab.name, lab.revision)
    assert torch.equal(nl.load_nokens(tmp_path / "nokens", half).vectors, torch.ones(2, lab.width))
