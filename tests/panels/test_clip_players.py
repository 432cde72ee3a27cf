"""Players of clips: each beside its name, or one behind a slider."""

import torch

import nokenlab as nl
from nokenlab.panels import clip_players


def test_the_slider_shows_the_clip_at_p(tmp_path, monkeypatch):
    monkeypatch.setenv("NOKENLAB_OUTPUT", str(tmp_path))
    out = nl.Results()
    audio = clip_players.keep(out, torch.rand(2, 8000) - 0.5, ["a", "b"], 8000)
    assert (tmp_path / "b.wav").read_bytes() == audio[1].data
    box = clip_players.slider(audio, [0, 1])
    (handle, names), stack = box.children[0].children, box.children[1]
    assert [clip.value for clip in stack.children] == [player.data for player in audio]
    assert handle.max == 1 and names.children[1].value == "p = 1"
    page = clip_players.players(audio, ["<a>", "b"]).data
    assert page.count("<audio") == 2 and "&lt;a&gt;" in page
