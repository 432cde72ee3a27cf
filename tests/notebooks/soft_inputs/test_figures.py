"""Figures of soft inputs: dots at their divergences, lines at their means, awkward frames."""

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn

from workbook.soft_inputs import figures


def compared(methods=("soft", "MoI"), frames=("one", "two")):
    rows = [
        {"method": method, "frame": frame, "js_top1": 0.1 + 0.2 * m, "js_marginal": 0.2 + 0.1 * f}
        for m, method in enumerate(methods)
        for f, frame in enumerate(frames)
    ]
    return pd.DataFrame(rows)


def test_a_dot_is_a_prefix(tmp_path):
    fig = drawn(figures.top1_against_marginal(compared()), tmp_path)
    left, right = fig.axes
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in right.lines[1:]]
    assert dots == [(0.2, pytest.approx(0.3)), (pytest.approx(0.3), pytest.approx(0.3))]
    assert left.get_title() == "soft: 100% below" and right.get_title() == "MoI: 0% below"
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["one", "two"]


@pytest.mark.parametrize("text", AWKWARD)
def test_any_frame_and_any_number_of_methods_is_drawn(tmp_path, text):
    fig = drawn(figures.top1_against_marginal(compared(("soft", "MoI", "a", "b"), [f"{text}!"])), tmp_path)
    assert len(fig.axes) == 4


def test_lines_are_means_of_texts(tmp_path):
    rows = [
        {"method": method, "step": step, "entropy": text + step, "same": method == "greedy"}
        for method in ("greedy", "soft")
        for text in (1, 3)
        for step in (0, 1)
    ]
    fig = drawn(figures.along_the_texts(pd.DataFrame(rows)), tmp_path)
    left, right = fig.axes
    assert [list(line.get_ydata()) for line in left.lines] == [[2, 3], [2, 3]]
    assert [list(line.get_ydata()) for line in right.lines] == [[1, 1], [0, 0]]
