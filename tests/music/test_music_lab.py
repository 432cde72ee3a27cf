"""A MusicLab: guidance on the road that keeps it, one generator for all clips, and no text."""

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

import nokenlab as nl
from nokenlab.music import music_lab

SHORT = 0.2  # seconds
PROMPT = "80s pop track with loud drums"


@pytest.fixture(scope="module")
def music():
    return music_lab.load()


def test_provenance_is_that_of_what_makes_the_sound(music):
    found = music.provenance()
    assert (found["model"], found["revision"]) == ("tiny random MusicGen", "random weights of seed 0")
    assert (found["device"], found["dtype"]) == ("cpu", "float32") and found["threads"] >= 1


def first_scores(music, monkeypatch, guidance):
    """The scores of the first codes, (codebooks, sounds), when the prompt is played."""
    generate, found = music.model.generate, []

    def watched(**options):
        out = generate(**options, return_dict_in_generate=True, output_scores=True)
        found.append(out.scores[0])
        return out.sequences

    with monkeypatch.context() as patch:
        patch.setattr(music.model, "generate", watched)
        music.play(music.embed(PROMPT), SHORT, seed=None, guidance=guidance)
    return found[0]


def test_guidance_changes_the_logits(music, monkeypatch):
    assert (first_scores(music, monkeypatch, 3.0) - first_scores(music, monkeypatch, 1.0)).abs().max() > 0.1


@torch.no_grad()
def test_guidance_is_the_way_from_no_prompt_to_the_prompt(music, monkeypatch):
    """3 times as far as the prompt itself moves the logits; no prompt is an encoder output of zeros."""
    none = BaseModelOutput(last_hidden_state=torch.zeros(1, 4, music.width))
    blank = music.model.generate(
        encoder_outputs=none,
        attention_mask=torch.zeros(1, 4, dtype=torch.long),
        max_new_tokens=2,
        guidance_scale=1.0,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
    ).scores[0]
    wanted = blank + 3 * (first_scores(music, monkeypatch, 1.0) - blank)
    torch.testing.assert_close(first_scores(music, monkeypatch, 3.0), wanted, rtol=1e-3, atol=1e-3)


def test_embeddings_sound_as_ids_do(music):
    whole = music.tokenizer(PROMPT, return_tensors="pt")
    frames = round(SHORT * 50)
    by_id = music.model.generate(**whole, max_new_tokens=frames + 3, guidance_scale=3.0, do_sample=False)
    torch.testing.assert_close(music.play(music.embed(PROMPT), SHORT, seed=None)[0], by_id[0, 0])


def test_a_clip_has_its_length_and_depends_on_its_row_and_seed_alone(music):
    rows = nl.replace(music.embed(PROMPT), 1, nl.random_nokens(music.width, [0, 1]))
    clips = music.play(rows, SHORT)
    assert clips.shape == (2, round(SHORT * music.rate))
    assert torch.equal(music.play(rows[1:], SHORT)[0], clips[1])
    assert not torch.equal(clips[0], clips[1])
    assert not torch.equal(music.play(rows[1:], SHORT, seed=1)[0], clips[1])


def test_playing_leaves_the_global_generator_alone(music):
    before = torch.get_rng_state()
    music.play(music.embed(PROMPT), SHORT)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seconds", [31, 0])
def test_a_clip_too_long_or_too_short_is_refused(music, seconds):
    with pytest.raises(ValueError, match="to 30 seconds"):
        music.play(music.embed(PROMPT), seconds)


def test_music_is_not_text_and_text_is_no_music(music, tiny_folder, tmp_path):
    assert repr(music).startswith("MusicLab(tiny random MusicGen, width 32,")
    assert not any(hasattr(music, name) for name in ("generate", "sample", "logits"))
    with pytest.raises(ValueError, match="no MusicGen but a 'llama' model"):
        music_lab.load(tiny_folder)
    music.model.save_pretrained(tmp_path)
    music.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="it makes music"):
        nl.load(tmp_path)
    again = music_lab.load(tmp_path)
    assert torch.equal(again.play(again.embed(PROMPT), SHORT), music.play(music.embed(PROMPT), SHORT))
