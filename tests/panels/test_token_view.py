"""Tokens as they are typed."""

from helpers.panels import EVIL, settled

import nokenlab as nl
from nokenlab.panels.token_view import SHOWN


def test_tokens_as_typed(tiny):
    panel = nl.TokenView(tiny)
    assert panel.widget

    def frames(text: str) -> str:
        panel.face.set_state({"text": text})
        return settled(panel).face.frames

    assert "<script" not in frames(EVIL + " 🙂")
    assert panel.face.frames.count("<small>") == len(tiny.tokens(EVIL + " 🙂"))
    assert "Type something" in frames("") and not panel.note["wrong"]
    assert f"{len(tiny.tokens('word ' * 2000)):,} tokens, first {SHOWN} shown" in frames("word " * 2000)
    assert panel.face.frames.count("<small>") == SHOWN
    frames("\ud83d")
    assert panel.note["wrong"]
