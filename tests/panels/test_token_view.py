"""Tokens as they are typed."""

from helpers.panels import EVIL, settled

import nokenlab as nl
from nokenlab.panels.token_view import SHOWN


def test_tokens_as_typed(tiny):
    panel = nl.TokenView(tiny)
    assert panel.widget
    panel.text.value = EVIL + " 🙂"
    assert "<script" not in settled(panel).tokens.value
    assert panel.tokens.value.count("<small>") == len(tiny.tokens(EVIL + " 🙂"))
    panel.text.value = ""
    assert "prompt is empty" in settled(panel).note.value and not panel.tokens.value
    panel.text.value = "word " * 2000
    settled(panel)
    assert f"the first {SHOWN} of {len(tiny.tokens('word ' * 2000)):,}" in panel.tokens.value
    assert panel.tokens.value.count("<small>") == SHOWN and not panel.note.value
