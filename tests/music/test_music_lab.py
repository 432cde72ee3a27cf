"""A MusicLab: guidance on the road that keeps it, the same luck for all clips of any batch, and no text."""

import pytest
import torch
from scipy.stats import chisquare
from transformers.modeling_outputs import BaseModelOutput

import nokenlab as nl
from nokenlab.models import memory
from nokenlab.music import draws, music_lab
from workbook.fuzz_the_music import tiny_musicgen

SHORT = 0.2  # seconds
PROMPT = "80s pop track with loud drums"


@pytest.fixture(scope="module")
def music():
    return tiny_musicgen.load("default")


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


def codes(music, prompts, **options):
    """The codes that the codec gets for each clip, (rows, codebooks, frames)."""
    decode, found = music.model.audio_encoder.decode, []

    def watched(ids, **others):
        found.append(ids[0])
        return decode(ids, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(music.model.audio_encoder, "decode", watched)
        clips = music.play(prompts, SHORT, **options)
    assert clips.shape == (len(prompts), round(SHORT * music.rate)) and clips.isfinite().all()
    return torch.cat(found)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("seed", [0, None])
def test_a_clip_is_the_same_alone_and_in_a_batch_with_padding(music, guidance, seed):
    prompts = [PROMPT, "slow piano", "very happy techno with warm strings and some distorted guitar"]
    options = {"guidance": guidance, "seed": seed}
    three = codes(music, prompts, **options)
    alone = [codes(music, [prompt], **options)[0] for prompt in prompts]
    assert all(torch.equal(a, b) for a, b in zip(alone, three, strict=True))
    assert torch.equal(codes(music, prompts, batch_size=2, **options), three)
    assert torch.equal(codes(music, prompts[::-1], **options), three.flip(0))
    same = codes(music, [prompts[1]] * 3, **options)  # no padding, no other neighbours
    assert (same == alone[1]).all()
    assert not torch.equal(three[0], three[1])


def test_every_row_has_the_luck_of_the_seed_or_of_its_own(music):
    rows = nl.replace(music.embed(PROMPT), 1, nl.random_nokens(music.width, [0, 1]))
    first, second = codes(music, rows), codes(music, rows, seed=1)
    assert not torch.equal(first, second)
    own = codes(music, rows, seed=[1, 0])
    assert torch.equal(own[0], second[0]) and torch.equal(own[1], first[1])
    twice = codes(music, music.embed(PROMPT).expand(2, -1, -1), seed=5)  # one prompt, one seed, one sound
    assert torch.equal(twice[0], twice[1])


def test_draws_have_the_shares_that_the_scores_give_them(music, monkeypatch):
    """The first code of the first codebook, over many seeds, beside its softmax behind guidance and top-k."""
    scores = first_scores(music, monkeypatch, 3.0)[0].double()
    best = scores.topk(draws.TOP_K).indices
    share = torch.zeros_like(scores).index_put_((best,), scores[best].softmax(-1))
    seeds = range(1500)
    rows = music.embed(PROMPT).expand(len(seeds), -1, -1)
    found = codes(music, rows, seed=seeds, batch_size=500)[:, 0, 0].bincount(minlength=len(share))
    assert found[share == 0].sum() == 0
    common = share * len(seeds) >= 5
    seen, wanted = ([*x[common].tolist(), x[~common].sum().item()] for x in (found, share * len(seeds)))
    assert common.sum() > 3 and chisquare(seen, wanted).pvalue > 0.01


def test_when_memory_ends_half_as_many_are_played_and_no_clip_is_lost(music, monkeypatch):
    wanted, generate, tried = codes(music, [PROMPT] * 5, seed=range(5)), music.model.generate, []

    def short_of_memory(**options):
        tried.append(len(options["inputs_embeds"]))
        if tried[-1] > 2:
            raise torch.OutOfMemoryError("no room")
        return generate(**options)

    monkeypatch.setattr(music.model, "generate", short_of_memory)
    assert torch.equal(codes(music, [PROMPT] * 5, seed=range(5)), wanted)
    assert tried == [5, 2, 2, 1]


def test_longer_clips_run_in_smaller_batches_where_there_is_less_memory(music, monkeypatch):
    assert music.clips_at_once(3) == 128
    gigabyte = 10**9
    monkeypatch.setattr(memory, "free_and_total", lambda device: (gigabyte, gigabyte))
    assert music.clips_at_once(30) < music.clips_at_once(3) == 128


def test_a_bar_counts_clips(music, capfd):
    music.play([PROMPT] * 3, SHORT, batch_size=2, progress=True)
    assert "3/3" in (said := capfd.readouterr().err) and "s of sound/s" in said
    music.play([PROMPT], SHORT)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "prompts, options, message",
    [
        ([], {}, "no prompts"),
        ([PROMPT, PROMPT], {"seed": [1]}, "2 rows, 1 seeds"),
        (torch.ones(1, 2, 7), {}, "embeddings must be"),
        (torch.full((1, 2, 32), float("nan")), {}, "NaN"),
        ("", {}, "prompt is empty"),
    ],
)
def test_bad_prompts_are_named(music, prompts, options, message):
    with pytest.raises(ValueError, match=message):
        music.play(prompts, SHORT, **options)


def test_playing_leaves_the_global_generator_alone(music):
    before = torch.get_rng_state()
    music.play(music.embed(PROMPT), SHORT)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "options, message",
    [({"seconds": seconds}, "to 30 seconds") for seconds in (31, 0, "3", None, float("nan"))]
    + [({"guidance": x}, "guidance must be a number from 1 to 1000") for x in (0, -1, float("nan"), "3")]
    + [({"batch_size": x}, "batch_size must be a whole number, at least 1") for x in (-1, 1.5, 0)],
)
def test_arguments_are_checked_before_a_clip_is_played(music, options, message):
    with pytest.raises(ValueError, match=message):
        music.play(music.embed(PROMPT), **{"seconds": SHORT} | options)


def test_music_is_not_text_and_text_is_no_music(music, tiny_folder, tmp_path):
    assert repr(music).startswith("MusicLab(tiny random MusicGen, width 32,")
    assert not any(hasattr(music, name) for name in ("generate", "sample", "logits"))
    with pytest.raises(ValueError, match="not a MusicGen but a 'llama' model"):
        music_lab.load(tiny_folder)
    music.model.save_pretrained(tmp_path)
    music.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="it makes music"):
        nl.load(tmp_path)
    with pytest.raises(ValueError, match="the tiny MusicGen has no revisions"):
        tiny_musicgen.load("default", revision="x")
    config = tmp_path / "config.json"
    text = config.read_text()
    config.write_text(text.replace('"model_type": "musicgen"', '"model_type": "musicgen_melody"'))
    for load in (nl.load, music_lab.load):  # one answer: neither sends to the other
        with pytest.raises(ValueError, match="it is a MusicGen Melody, which nokenlab does not have"):
            load(tmp_path)
    config.write_text(text)
    again = music_lab.load(tmp_path)
    assert torch.equal(again.play(again.embed(PROMPT), SHORT), music.play(music.embed(PROMPT), SHORT))
