"""Figures of a word with a use: lines of learning, bars beside each other, words likelier or not."""

import itertools

import pandas as pd
import pytest
from helpers.figures import drawn, words

from workbook.word_with_a_use import figures

BEHAVIOURS = ("capitals", "short")


def test_a_line_a_behaviour(tmp_path):
    rows = [(behaviour, step, 3.0 - step) for behaviour in BEHAVIOURS for step in range(3)]
    table = pd.DataFrame(rows, columns=["behaviour", "step", "nll"])
    (ax,) = drawn(figures.learning_lines(table), tmp_path).axes
    assert [list(line.get_ydata()) for line in ax.lines] == [[3, 2, 1]] * 2


def test_bars_are_shares(tmp_path):
    rows = [
        {"behaviour": behaviour, "frame": frame, "of": of, "shows": int(n <= number)}
        for behaviour, frame in itertools.product(BEHAVIOURS, ("learned in", "another"))
        for number, of in enumerate(figures.COLOURS)
        for n in range(5)
    ]
    axes = drawn(figures.use_bars(pd.DataFrame(rows)), tmp_path).axes
    assert [ax.get_title() for ax in axes] == list(BEHAVIOURS)
    assert [bar.get_height() for bar in axes[0].patches] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0] * 2)


def test_a_dot_a_word(tmp_path):
    nll = {"learned": 5.0, "shuffled examples": 6.0, "random noken": 7.0}
    rows = [
        {"behaviour": behaviour, "word": word, "of": of, "nll": nll[of]}
        for behaviour, word, of, _ in itertools.product(BEHAVIOURS, ("loud", "$5"), nll, range(2))
    ]
    fig = drawn(figures.meant_dots(pd.DataFrame(rows)), tmp_path)
    assert words(fig).count("loud") == 2 and r"\$5" in words(fig)
    dots = fig.axes[0].lines[0]
    assert list(dots.get_xdata()) == [7, 7] and list(dots.get_ydata()) == [5, 5]
