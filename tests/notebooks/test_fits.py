"""Whether parameters fit the model and the memory, told before long work."""

import pytest

from nokenlab.models import memory
from workbook import fits


def test_what_fits_is_not_said(tiny):
    fits.check(
        tiny, ["Red"], new={"n": 1}, at={"position": -1, "places": [0]}, rows={"r": 1}, vectors={"v": 9}
    )
    fits.check(tiny, [])


def test_new_tokens_beyond_the_context(tiny):
    room = tiny.context - tiny.batch("Red")[0].shape[1]
    fits.check(tiny, ["Red"], new={"depth": room})
    with pytest.raises(
        ValueError, match=rf"^depth is {room + 1}, but tiny-.* takes 128 tokens, .*; at most {room}$"
    ):
        fits.check(tiny, ["Red"], new={"depth": room + 1})


def test_positions_outside_a_prompt(tiny):
    count = len(tiny.ids("Red is the first"))
    with pytest.raises(
        ValueError, match=rf"^places: {count} is outside the prompt, which has {count} tokens: 0 to"
    ):
        fits.check(tiny, ["Red is the first"], at={"places": [0, count]})


@pytest.mark.parametrize("what", ["rows", "vectors"])
def test_more_than_the_memory(tiny, what, monkeypatch):
    monkeypatch.setattr(memory, "free_and_total", lambda device: (10**9, 10**9))
    with pytest.raises(
        ValueError, match=rf"^many is too large: 10,000,000 {what} take about .* 1.0 GB are free; at m"
    ):
        fits.check(tiny, ["Red"], **{what: {"many": 10**7}})
