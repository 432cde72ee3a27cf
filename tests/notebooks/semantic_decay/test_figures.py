"""Figures of semantic decay show what their tables say."""

import numpy as np
import pytest
from helpers.noise import noise_table

from workbook.semantic_decay.counts import against_words, halves, shares, turned_or_longer
from workbook.semantic_decay.figures import decay_lines, difference_lines, half_dots, turned_lines

NOISE = [1.0, 10.0, 100.0]
TABLE = noise_table({"a": [4, 2, 0], "b": [4, 4, 4], "c": [3, 1, 0], "z": [1, 0, 0]})
SUBJECTS = halves(TABLE).assign(family=["word"] * 3 + ["r = 1"], nearest=range(1, 5))


def heights(ax) -> list[list[float]]:
    return [list(line.get_ydata()) for line in ax.lines]


def test_a_line_a_family_with_bars_from_low_to_high():
    table = shares(noise_table({name: [4, i % 4, i % 2] for i, name in enumerate("abcdefghijqrstuvwxyz")}))
    fig = decay_lines(table)
    left, right = fig.axes
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["word", "r = 1"]
    assert heights(left)[:2] == [rows["kept"].tolist() for _, rows in table.groupby("family", sort=False)]
    assert heights(right)[:2] == [rows["kl"].tolist() for _, rows in table.groupby("family", sort=False)]
    bars = [segment[:, 1].tolist() for bar in left.collections for segment in bar.get_segments()]
    assert np.allclose(bars, table[["low", "high"]])
    assert left.get_xticks().tolist() == NOISE


def test_dots_with_their_names_and_hollow_signs_for_what_is_off_the_scale():
    fig = half_dots(SUBJECTS, NOISE)
    words, every = fig.axes[:2]
    assert [text.get_text() for text in words.texts] == ["a", "b", "c"]
    assert np.nansum(heights(every)[0]) == pytest.approx(10 + 10**0.5)  # a and c are measured
    hollow = [line for line in every.lines if line.get_markerfacecolor() == "none" and len(line.get_xdata())]
    low, high = every.get_ylim()
    assert {(line.get_marker(), *line.get_xdata(), *line.get_ydata()) for line in hollow} == {
        ("^", 2, high),  # b keeps all
        ("v", 4, low),  # z keeps less than half from the first
    }


def test_names_of_neighbours_at_one_height_are_on_both_sides_of_it():
    words = SUBJECTS.iloc[[0, 0, 0, 2]].assign(nearest=[1, 1.1, 3, 2])
    sides = [text.get_position()[1] > 0 for text in half_dots(words, NOISE).axes[0].texts]
    assert sorted(sides[:2]) == [False, True]


def test_without_words_the_axes_for_them_are_empty():
    fig = half_dots(SUBJECTS[SUBJECTS["family"] != "word"], NOISE)
    fig.canvas.draw()
    assert not fig.axes[0].texts and sum(len(line.get_xdata()) for line in fig.axes[0].lines) == 0


def test_differences_are_lines_about_the_words():
    against = against_words(TABLE)
    fig = difference_lines(against)
    for _, rows in against.groupby("family"):
        assert rows["difference"].tolist() in heights(fig.axes[0])
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["words", "r = 1", "matched"]
    fig.canvas.draw()  # one noken has no interval


def test_turned_lines_are_the_shares():
    turned = turned_or_longer(TABLE)
    fig = turned_lines(turned)
    for name, rows in turned.groupby("subjects"):
        for ax, share in zip(fig.axes, ("turned", "longer"), strict=True):
            assert rows[share].tolist() in heights(ax), name
    fig.canvas.draw()  # one noken has no interval
