"""The figure of random soft prompts: a line what stands before, only as many samples as there are."""

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn

from workbook.soft_inputs import prompt_figures as figures
from workbook.soft_inputs.soft_prompts import ALONE, PASS, TOKENS, VECTORS


def answered(frames=("one", "two"), samples=8):
    before = [(ALONE, 0, 1.0), (ALONE, 0, 1.5), (VECTORS, 4, 1.0), (TOKENS, 4, 1.0)]
    rows = [
        {"frame": frame, "kind": kind, "k": k, "temperature": t, "entropy": 2.0 + task + place}
        | {f"pass_{n}": (task + 1) / 4 if n <= samples else float("nan") for n in PASS}
        for frame in frames
        for place, (kind, k, t) in enumerate(before)
        for task in (0, 1)
    ]
    return pd.DataFrame(rows)


def test_a_line_is_what_stands_before_and_a_dot_a_task(tmp_path):
    fig = drawn(figures.pass_at_k(answered()), tmp_path)
    upper, lower = fig.axes[0], fig.axes[2]
    assert [list(line.get_xdata()) for line in upper.lines] == [[1, 2, 4, 8]] * 4
    assert {tuple(line.get_ydata()) for line in upper.lines} == {(0.375,) * 4}
    assert [list(line.get_ydata()) for line in lower.lines] == [[2, 3], [3, 4], [4, 5], [5, 6]]
    named = ["temperature 1 alone", "temperature 1.5 alone", "random vectors, 4", "random tokens, 4"]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == named


@pytest.mark.parametrize("text", AWKWARD)
def test_any_frame_is_drawn(tmp_path, text):
    drawn(figures.pass_at_k(answered([text], samples=1)), tmp_path)
