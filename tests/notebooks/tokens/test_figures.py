"""Figures of tokens hold what the tables hold, for any text."""

import pytest
from helpers.figures import drawn, words

from workbook.tokens.figures import cost_bars, token_frames
from workbook.tokens.tables import cost, tokens_of

ODD = ["Hello world :)", "cost $5 and $6", "🙂犬\u200b", "a\nb\tc", "<b>", "word " * 100, "\\$x$"]

pytestmark = pytest.mark.filterwarnings("error::UserWarning")


def test_frames_hold_every_token_of_short_texts(lab, tmp_path):
    pieces = tokens_of(lab, ODD[:5])
    fig = drawn(token_frames(pieces), tmp_path)
    assert len(fig.axes[0].patches) == len(pieces)
    assert [int(word) for word in words(fig)[6::2]] == pieces["id"].tolist()
    assert "Hello" in words(fig) and "␣world" in words(fig) and r"␣\$" in words(fig)
    assert any("🙂犬" in word for word in words(fig))


def test_any_text_can_be_drawn(any_lab, tmp_path):
    pieces = tokens_of(any_lab, ODD)
    frames = drawn(token_frames(pieces), tmp_path).axes[0].patches
    assert len(frames) == len(pieces.groupby("text").head(60))
    bars = drawn(cost_bars(cost(pieces)), tmp_path).axes[0].patches
    assert [bar.get_width() for bar in bars][::-1] == cost(pieces)["characters_per_token"].tolist()


@pytest.mark.parametrize("letter", ["=", "犬"])  # some vocabularies have such
def test_frames_stay_on_the_page(lab, letter):
    pieces = tokens_of(lab, ODD)
    pieces.loc[0, "token"] = letter * 200
    (ax,) = token_frames(pieces).axes
    right, bottom = ax.get_xlim()[1], ax.get_ylim()[0]
    assert all(p.get_x() + p.get_width() <= right for p in ax.patches)
    assert all(p.get_y() + p.get_height() <= bottom for p in ax.patches)


def test_every_token_fits_its_frame(lab, tmp_path):
    odd = ["犬は速い。", "\\xf0\\x9f", "🙂🚀👋", "il"]
    pieces = tokens_of(lab, ["Hello world :)", "a"]).assign(token=odd)
    fig = drawn(token_frames(pieces), tmp_path)
    tokens = [text for text in fig.axes[0].texts if text.get_text() in odd]
    boxes = [frame.get_window_extent() for frame in fig.axes[0].patches]
    assert len(tokens) == len(boxes) == 4
    for text, box in zip(tokens, boxes, strict=True):
        assert box.x0 < text.get_window_extent().x0 < text.get_window_extent().x1 < box.x1
