"""Figures of the ways between words and beyond one say what their tables say."""

import pandas as pd
import pytest

from workbook.between_and_beyond import figures
from workbook.between_and_beyond.tables import MIXED, RANDOM, WORDS

PAIRS = [("dog", "cat"), ("two\nlines", "$5")]
NAMES = [f"{a}, {b}" for a, b in PAIRS]


def test_a_panel_a_way_has_each_pair_of_words_and_their_median():
    curves = {"lerp": ([0.0, 0.2, 1.0], [0.0, 0.6, 1.0]), "slerp": ([0.0, 0.1, 1.0], [0.0, 0.3, 1.0])}
    rows = [
        (WORDS, *pair, name, p, value)
        for name, both in curves.items()
        for pair, curve in zip(PAIRS, both, strict=True)
        for p, value in zip((0, 0.5, 1), curve, strict=True)
    ]
    rows += [(RANDOM, "x", "y", "lerp", p, 1.0) for p in (0, 0.5, 1)]
    fig = figures.turn_lines(pd.DataFrame(rows, columns=["of", "a", "b", "way", "p", "to_b"]))
    assert [ax.get_title() for ax in fig.axes] == ["lerp", "slerp"]
    for ax, middle in zip(fig.axes, (0.4, 0.2), strict=True):
        drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
        assert drawn["median of the pairs"].tolist() == [0, middle, 1]
        assert sum(len(line.get_xdata()) == 3 for line in ax.lines) == 3


def test_each_pair_has_a_dot_a_way_where_it_turns():
    rows = [(WORDS, pair, name, turn) for name, turn in (("lerp", 0.4), ("slerp", 0.6)) for pair in NAMES]
    table = pd.DataFrame([*rows, (RANDOM, "x, y", "lerp", 0.9)], columns=["of", "pair", "way", "turn"])
    (ax,) = figures.turn_dots(table).axes
    assert [list(line.get_xdata()) for line in ax.lines[:2]] == [[0.4, 0.4], [0.6, 0.6]]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["dog, cat", r"two\nlines, \$5"]


def test_widths_of_the_line_stand_beside_those_of_both_mixtures():
    widths = {"lerp": (0.2, 0.4), "slerp": (0.9, 0.9)} | dict(
        zip(MIXED, [(0.5, 0.6), (0.5, 0.9)], strict=True)
    )
    rows = [
        (WORDS, pair, name, w) for name, both in widths.items() for pair, w in zip(NAMES, both, strict=True)
    ]
    table = pd.DataFrame([*rows, (RANDOM, "x, y", "lerp", 0.0)], columns=["of", "pair", "way", "width"])
    (ax,) = figures.width_lines(table).axes
    assert [list(line.get_ydata()) for line in ax.lines[:2]] == [[0.2, 0.5, 0.5], [0.4, 0.6, 0.9]]
    assert ax.lines[2].get_ydata() == pytest.approx([0.3, 0.55, 0.7])
    assert [t.get_text() for t in ax.get_xticklabels()] == ["lerp", *MIXED]


def test_rays_have_a_place_a_scale_and_a_line_where_the_token_is():
    rows = [(word, s, 1.05 * s, s, 6.0) for word in ("dog", "king") for s in (0.0, 1.0, 100.0)]
    fig = figures.ray_lines(pd.DataFrame(rows, columns=["word", "scale", "medians", "kl", "entropy"]))
    left, _ = fig.axes
    assert [t.get_text() for t in fig.legends[0].get_texts()] == ["dog", "king"]
    assert [t.get_text() for t in left.get_xticklabels()] == ["0\n0", "1\n1.1", "100\n105"]
    assert left.lines[0].get_ydata().tolist() == [0, 1, 100]
    assert left.lines[2].get_xdata() == [1, 1]  # the token's place
