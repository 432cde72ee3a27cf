"""Music: the tiny MusicGen, guidance on the road that keeps it, one luck for all; measures, WAV files."""

import io
import json
import math
import wave
from pathlib import Path

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

import nokenlab as nl
from nokenlab.experiments import fuzz_the_music
from nokenlab.figures import fuzz_the_music as fuzz_the_music_figures
from nokenlab.music import music_lab, sound, tiny_musicgen
from nokenlab.panels import clip_players

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "06-fuzz-the-music.ipynb"
SHORT = 0.2  # seconds
PROMPT = "80s pop track with loud drums"


@pytest.fixture(scope="module")
def tiny():
    return music_lab.load()


def test_rows_are_counted_by_its_decoder(tiny):
    assert tiny.provenance()["rows_at_once"] == 128


def first_scores(lab, guidance):
    out = lab._generate(
        lab.embed(PROMPT), 2, guidance, do_sample=False, return_dict_in_generate=True, output_scores=True
    )
    return out.scores[0]  # (codebooks, sounds)


def test_guidance_changes_the_logits(tiny):
    assert (first_scores(tiny, 3.0) - first_scores(tiny, 1.0)).abs().max() > 0.1


@torch.no_grad()
def test_guidance_is_the_way_from_no_prompt_to_the_prompt(tiny):
    """3 times as far as the prompt itself moves the logits; no prompt is an encoder output of zeros."""
    none = BaseModelOutput(last_hidden_state=torch.zeros(1, 4, tiny.width))
    blank = tiny.model.generate(
        encoder_outputs=none,
        attention_mask=torch.zeros(1, 4, dtype=torch.long),
        max_new_tokens=2,
        guidance_scale=1.0,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
    ).scores[0]
    wanted = blank + 3 * (first_scores(tiny, 1.0) - blank)
    torch.testing.assert_close(first_scores(tiny, 3.0), wanted, rtol=1e-3, atol=1e-3)


def test_embeddings_sound_as_ids_do(tiny):
    whole = tiny.tokenizer(PROMPT, return_tensors="pt")
    frames = round(SHORT * 50)
    by_id = tiny.model.generate(**whole, max_new_tokens=frames + 3, guidance_scale=3.0, do_sample=False)
    torch.testing.assert_close(tiny.play(tiny.embed(PROMPT), SHORT, seed=None)[0], by_id[0, 0])


def test_a_clip_has_its_length_and_depends_on_its_row_and_seed_alone(tiny):
    rows = nl.replace(tiny.embed(PROMPT), 1, nl.random_nokens(tiny.width, [0, 1]))
    clips = tiny.play(rows, SHORT)
    assert clips.shape == (2, round(SHORT * tiny.rate))
    assert torch.equal(tiny.play(rows[1:], SHORT)[0], clips[1])
    assert not torch.equal(clips[0], clips[1])
    assert not torch.equal(tiny.play(rows[1:], SHORT, seed=1)[0], clips[1])


def test_the_global_generator_is_left_alone(tiny):
    before = torch.get_rng_state()
    tiny.play(tiny.embed(PROMPT), SHORT)
    tiny_musicgen.tiny()
    assert torch.equal(torch.get_rng_state(), before)


def test_tables_of_fuzz_and_blend(tiny):
    table, clips = fuzz_the_music.fuzz(tiny, PROMPT, 1, [0, 7], seconds=SHORT)
    assert len(table) == len(clips) == 7
    assert table["clip"].tolist()[:3] == ["true-token", "article-0", "article-7"]
    assert table["distance"][0] == 0 < table["distance"][1:].min()
    assert torch.equal(clips[0], tiny.play(tiny.embed(PROMPT), SHORT)[0])
    table, clips = fuzz_the_music.blend(
        tiny, "calm piano melody", "loud metal drums", [0, 0.5, 1], seconds=SHORT
    )
    assert table["p"].tolist() == [0, 0.5, 1] and table["distance"][0] == 0
    assert torch.equal(clips[2], tiny.play(tiny.embed("loud metal drums"), SHORT)[0])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda lab: lab.play(lab.embed(PROMPT), 31), "0.1 to 30 seconds"),
        (lambda lab: lab.play(lab.embed(PROMPT), 0), "0.1 to 30 seconds"),
        (lambda lab: fuzz_the_music.fuzz(lab, PROMPT, 99, [0]), "outside the prompt"),
        (lambda lab: fuzz_the_music.fuzz(lab, "", 0, [0]), "prompt is empty"),
        (lambda lab: fuzz_the_music.blend(lab, "calm piano", "loud", [0]), "same number of tokens"),
    ],
)
def test_bad_input_is_named(tiny, call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny)


def test_music_is_not_text_and_text_is_no_music(tiny, tiny_folder, tmp_path):
    with pytest.raises(TypeError, match="use play"):
        tiny.generate(PROMPT)
    with pytest.raises(ValueError, match="no MusicGen but a 'llama' model"):
        music_lab.load(tiny_folder)
    tiny.model.save_pretrained(tmp_path)
    tiny.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="it makes music"):
        nl.load(tmp_path)
    again = music_lab.load(tmp_path)
    assert torch.equal(again.play(again.embed(PROMPT), SHORT), tiny.play(tiny.embed(PROMPT), SHORT))


def tone(hertz, seconds=1.0, rate=8000, loudness=0.5):
    return loudness * torch.sin(2 * math.pi * hertz * torch.arange(int(seconds * rate)) / rate)


def test_measures_of_sounds_that_are_known():
    clips = torch.stack([tone(440), tone(2000), torch.zeros(8000)])
    found = sound.measures(clips, 8000, clips[0])
    assert found["seconds"].tolist() == [1, 1, 1]
    assert found["rms"].tolist() == pytest.approx([0.5 / math.sqrt(2)] * 2 + [0], abs=1e-3)
    assert found["centroid"].tolist() == pytest.approx([440, 2000, 0], abs=15)
    assert found["distance"][0] == 0 and found["distance"][1] > 5


def test_onsets_are_counted():
    beat = torch.cat([torch.zeros(1900), tone(600, 0.0125)]).repeat(5)  # four beats a second, five of them
    found = sound.measures(beat[None], 8000, beat)
    assert found["onset_rate"][0] == pytest.approx(4, abs=0.9)


def test_wav_files_are_whole_and_small():
    file = sound.wav(torch.cat([tone(440, 3, 32000), torch.tensor([9.0, -9.0])]), 32000)
    assert len(file) < 200_000
    with wave.open(io.BytesIO(file)) as reader:
        assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, 32000)
        numbers = torch.frombuffer(bytearray(reader.readframes(reader.getnframes())), dtype=torch.int16)
    assert len(numbers) == 96002
    assert numbers[-2:].tolist() == [32767, -32767]
    torch.testing.assert_close(numbers[:-2] / 32767, tone(440, 3, 32000), atol=1e-4, rtol=0)


def test_the_slider_shows_the_clip_at_p(tmp_path, monkeypatch):
    monkeypatch.setenv("NOKENLAB_OUTPUT", str(tmp_path))
    out = nl.Results()
    audio = clip_players.keep(out, torch.stack([tone(440), tone(880)]), ["a", "b"], 8000)
    assert (tmp_path / "b.wav").read_bytes() == audio[1].data
    box = clip_players.slider(audio, [0, 1])
    (handle, names), stack = box.children[0].children, box.children[1]
    assert [clip.value for clip in stack.children] == [player.data for player in audio]
    assert handle.max == 1 and names.children[1].value == "p = 1"
    page = clip_players.players(audio, ["<a>", "b"]).data
    assert page.count("<audio") == 2 and "&lt;a&gt;" in page


def test_a_figure_has_a_row_a_clip():
    fig = fuzz_the_music_figures.picture(torch.stack([tone(440), tone(880)]), ["a $x", "b"], 8000)
    assert len(fig.axes) == 5
    fig.savefig(io.BytesIO())


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("NOKENLAB_OUTPUT", str(tmp_path))
    names: dict = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {cell['id']}", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= {"seconds": SHORT, "seeds": [3], "p": [0.0, 1.0]}
    found = {path.name for path in tmp_path.iterdir()}
    assert found >= {"fuzz.csv", "blends.csv", "clips.png", "along.png", "article-3.wav", "blend-01.wav"}
