"""Figures of soft inputs: dots at their divergences, lines at their means, awkward frames."""

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn

from workbook.soft_inputs import figures
from workbook.soft_inputs.soft_prompts import ALONE, PASS, TOKENS, VECTORS
from workbook.soft_inputs.tables import METHODS


def compared(frames=("one", "two")):
    rows = [
        {"method": method, "frame": frame, "js_top1": 0.1 + 0.2 * m, "js_marginal": 0.2 + 0.1 * f}
        for m, method in enumerate(METHODS)
        for f, frame in enumerate(frames)
    ]
    return pd.DataFrame(rows)


def answered(frames=("one", "two"), samples=8):
    conditions = [(ALONE, 0, 1.0), (ALONE, 0, 1.5), (VECTORS, 4, 1.0), (TOKENS, 4, 1.0)]
    rows = [
        {"frame": frame, "kind": kind, "k": k, "temperature": t, "entropy": 2.0 + task + number}
        | {f"pass_{n}": (task + 1) / 4 if n <= samples else float("nan") for n in PASS}
        for frame in frames
        for number, (kind, k, t) in enumerate(conditions)
        for task in (0, 1)
    ]
    return pd.DataFrame(rows)


def test_a_dot_is_a_prefix(tmp_path):
    fig = drawn(figures.top1_against_marginal(compared()), tmp_path)
    soft, moi, *_ = fig.axes
    dots = [(line.get_xdata()[0], line.get_ydata()[0]) for line in moi.lines[1:]]
    assert dots == [(0.2, pytest.approx(0.3)), (pytest.approx(0.3), pytest.approx(0.3))]
    assert soft.get_title() == "soft: 100% below" and moi.get_title() == "MoI: 0% below"
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["one", "two"]


def test_lines_are_means_of_texts_beside_greedy(tmp_path):
    rows = [
        {"method": method, "step": step, "entropy": text + step + number, "same": method == "greedy"}
        for number, method in enumerate(["greedy", *METHODS])
        for text in (1, 3)
        for step in (0, 1)
    ]
    first, second, *_ = drawn(figures.along_the_texts(pd.DataFrame(rows)), tmp_path).axes
    assert [list(line.get_ydata()) for line in first.lines] == [[2, 3], [3, 4]]
    assert [list(line.get_ydata()) for line in second.lines] == [[2, 3], [4, 5]]
    assert first.get_title() == "soft: 0% greedy's tokens"


def test_a_row_is_a_condition_and_a_dot_a_task(tmp_path):
    fig = drawn(figures.pass_at_k(answered()), tmp_path)
    upper, lower = fig.axes[0], fig.axes[2]
    assert [list(line.get_xdata()) for line in upper.lines[::5]] == [[0.375] * 4] * 4
    assert [list(line.get_xdata()) for line in lower.lines] == [[2, 3], [3, 4], [4, 5], [5, 6]]
    labels = ["temperature 1 alone", "temperature 1.5 alone", "random vectors, 4", "random tokens, 4"]
    assert [text.get_text() for text in upper.get_yticklabels()] == labels
    assert [text.get_text() for text in fig.legends[0].get_texts()] == [f"k = {k}" for k in (1, 2, 4, 8)]


@pytest.mark.parametrize("text", AWKWARD)
def test_any_frame_is_drawn(tmp_path, text):
    drawn(figures.top1_against_marginal(compared([f"{text}!"])), tmp_path)
    drawn(figures.pass_at_k(answered([text], samples=1)), tmp_path)
