"""Players of clips, written as files and shown beside their names; behind a slider: test_browser_face."""

import torch

import nokenlab as nl
from workbook.fuzz_the_music import clip_players


def test_clips_are_written_and_shown_once(tmp_path, monkeypatch):
    monkeypatch.setenv("NOKENLAB_OUTPUT", str(tmp_path))
    audio = clip_players.keep(nl.Results(), torch.rand(2, 8000) - 0.5, ["a", "b"], 8000)
    assert (tmp_path / "b.wav").read_bytes() == audio[1].data
    page = clip_players.players(audio, ["<a>", "b"]).data
    assert page.count("<audio") == 2 and "&lt;a&gt;" in page
    assert clip_players.slider(audio, [0, 1]).data.count(audio[1].src_attr()) == 1
