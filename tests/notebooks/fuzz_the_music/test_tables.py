"""Fuzz the music: tables of clips, their names, and what is refused; the notebook, with few clips."""

import json
from pathlib import Path

import pytest
import torch

from workbook.fuzz_the_music import tables, tiny_musicgen

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "06-fuzz-the-music.ipynb"
SHORT = 0.2  # seconds
PROMPT = "80s pop track with loud drums"


@pytest.fixture(scope="module")
def music():
    return tiny_musicgen.load("default")


def test_tables_of_fuzz_and_blend(music):
    table, clips = tables.fuzz(music, PROMPT, 1, [0, 7], seconds=SHORT)
    assert len(table) == len(clips) == 9
    assert table["clip"].tolist()[:3] == ["true-token", "article-0", "article-7"]
    assert table["distance"][0] == 0 < table["distance"][1:].min()
    torch.testing.assert_close(clips[0], music.play(music.embed(PROMPT), SHORT)[0])
    other = table[table["scale"] == "other luck"]  # the same prompt, drawn anew
    assert other["draw"].tolist() == [1, 8] and (other["norm"] == table["norm"][0]).all()
    torch.testing.assert_close(clips[other.index[1]], music.play(music.embed(PROMPT), SHORT, seed=8)[0])
    assert (table[table["scale"] != "other luck"]["draw"] == 0).all()
    table, clips = tables.blend(music, "calm piano melody", "loud metal drums", [0, 0.5, 1], seconds=SHORT)
    assert table["p"].tolist() == [0, 0.5, 1] and table["distance"][0] == 0
    torch.testing.assert_close(clips[2], music.play(music.embed("loud metal drums"), SHORT)[0])


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda lab: tables.fuzz(lab, PROMPT, 99, [0]), "outside the prompt"),
        (lambda lab: tables.fuzz(lab, "", 0, [0]), "prompt is empty"),
        (lambda lab: tables.blend(lab, "calm piano", "loud", [0]), "same number of tokens"),
    ],
)
def test_bad_input_is_named(music, call, message):
    with pytest.raises(ValueError, match=message):
        call(music)


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("NOKENLAB_OUTPUT", str(tmp_path))
    names: dict = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {cell['id']}", "exec"), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= {"seconds": SHORT, "seeds": [3], "p": [0.0, 1.0]}
    files = {path.name for path in tmp_path.iterdir()}
    assert files >= {"fuzz.csv", "blends.csv", "clips.png", "along.png", "article-3.wav", "blend-01.wav"}
