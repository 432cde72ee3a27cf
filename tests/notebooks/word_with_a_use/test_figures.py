"""Figures of a word with a use: lines of learning, bars beside each other, words likelier or not."""

import pandas as pd
import pytest
from helpers.figures import drawn, words

from workbook.word_with_a_use import figures

BEHAVIOURS = ("capitals", "short")


def test_a_line_a_behaviour(tmp_path):
    rows = [{"behaviour": b, "step": s, "nll": 3.0 - s} for b in BEHAVIOURS for s in range(3)]
    (ax,) = drawn(figures.learning_lines(pd.DataFrame(rows)), tmp_path).axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[3, 2, 1]] * 2


def test_bars_are_shares(tmp_path):
    rows = [
        {"behaviour": b, "frame": frame, "of": of, "shows": int(n <= place)}
        for b in BEHAVIOURS
        for frame in ("learned in", "another")
        for place, of in enumerate(figures.OF)
        for n in range(5)
    ]
    axes = drawn(figures.use_bars(pd.DataFrame(rows)), tmp_path).axes
    assert [ax.get_title() for ax in axes] == list(BEHAVIOURS)
    assert [bar.get_height() for bar in axes[0].patches] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0] * 2)


def test_a_dot_a_word(tmp_path):
    rows = [
        {"behaviour": b, "word": word, "of": of, "nll": 5.0 + place}
        for b in BEHAVIOURS
        for word in ("loud", "$5")
        for place, of in enumerate(("learned", "shuffled examples", "random noken"))
        for _ in range(2)
    ]
    fig = drawn(figures.meant_dots(pd.DataFrame(rows)), tmp_path)
    assert words(fig).count("loud") == 2 and r"\$5" in words(fig)
    assert list(fig.axes[0].lines[0].get_xdata()) == [7, 7] and list(fig.axes[0].lines[0].get_ydata()) == [
        5,
        5,
    ]
