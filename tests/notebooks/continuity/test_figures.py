"""Figures of continuity: one curve per partner, one dot per pair, filled where it passes the gate."""

import itertools

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn

from workbook.continuity import figures


def points(pairs=("a, b", "c, d")):
    shifts = (("related", 0.0), ("unrelated", 0.3))
    rows = [
        {"pair": pair, "of": of, "way": way, "p": p, "contrast": 1 - 2 * p + shift, "line": 1 - 2 * p}
        for pair, (of, shift), way, p in itertools.product(pairs, shifts, ("lerp", "slerp"), (0.0, 0.5, 1.0))
    ]
    return pd.DataFrame(rows)


def test_a_panel_is_a_pair_on_the_line(tmp_path):
    fig = drawn(figures.contrast_curves(points()), tmp_path)
    assert [ax.get_title() for ax in fig.axes] == ["a, b", "c, d"]
    assert len(figures.contrast_curves(points(["a, b", "c, d", "e, f"])).axes) == 4
    assert list(fig.axes[0].lines[0].get_ydata()) == [1, 0, -1]
    assert list(fig.axes[0].lines[2].get_ydata()) == [1.3, 0.3, -0.7]


def test_a_dot_is_a_pair(tmp_path):
    deviations = (("related", 0.1), ("unrelated", 0.2))
    rows = [
        {"pair": pair, "gate": pair == "a, b", "of": of, "way": way, "deviation": deviation}
        for pair, (of, deviation), way in itertools.product(("a, b", "c, d"), deviations, ("lerp", "slerp"))
    ]
    fig = drawn(figures.deviations(pd.DataFrame(rows)), tmp_path)
    dots = fig.axes[0].lines[:2]
    assert [dot.get_fillstyle() for dot in dots] == ["full", "none"]
    assert [dot.get_xydata().tolist() for dot in dots] == [[[0.2, 0.1]]] * 2


@pytest.mark.parametrize("text", AWKWARD)
def test_any_pair_is_drawn(tmp_path, text):
    drawn(figures.contrast_curves(points([f"{text}, b"])), tmp_path)
