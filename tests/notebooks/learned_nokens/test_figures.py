"""Figures of learned nokens: one line per noken while it learns, one row for each that says the target."""

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn

from workbook.learned_nokens import figures
from workbook.learned_nokens.tables import ABSURD, DEFINITION


def compared(texts=(" a tool.", " a wet smell."), constraints=("free", "pinned"), prompts=("one", "two")):
    """A table with the columns that figures read; nll depends on constraint, target and prompt."""
    rows = [
        {"constraint": name, "target": text, "start": 0, "kind": kind, "prompt": prompt}
        | {"seen": prompt == "one", "distance": 3.0 + c, "nll": 0.5 + c + t, "nll_nearest": 4.0}
        | {"nll_word": 1.0 if kind == DEFINITION else float("nan"), "nll_random": 5.0, "nll_ranked": 2.0}
        for c, name in enumerate(constraints)
        for t, (text, kind) in enumerate(zip(texts, (DEFINITION, ABSURD), strict=False))
        for prompt in prompts
    ]
    return pd.DataFrame(rows)


def history(constraints=("free", "pinned")):
    rows = [
        (name, kind, row, step, 3 - step - row / 2, exact)
        for name in constraints
        for row, kind in enumerate((DEFINITION, ABSURD))
        for step, exact in ((0, False), (1, row == 1))
    ]
    return pd.DataFrame(rows, columns=["constraint", "kind", "row", "step", "nll", "exact"])


def test_curves_have_one_line_per_noken_and_a_dot_where_it_is_exact(tmp_path):
    fig = drawn(figures.curves(history()), tmp_path)
    assert [ax.get_title() for ax in fig.axes] == ["free", "pinned"]
    lines = [line for line in fig.axes[0].lines if line.get_linestyle() != "None"]
    dots = [line for line in fig.axes[0].lines if line.get_linestyle() == "None"]
    assert [list(line.get_ydata()) for line in lines] == [[3, 2], [2.5, 1.5]]
    assert [list(zip(*dot.get_data(), strict=True)) for dot in dots if len(dot.get_xdata())] == [[(1, 1.5)]]
    assert [text.get_text() for text in fig.legends[0].get_texts()] == [DEFINITION, ABSURD]
    drawn(figures.curves(history(["free"])), tmp_path)


def test_one_curve_is_the_losses(tmp_path):
    (line,) = drawn(figures.one_curve([3.0, 1.0]), tmp_path).axes[0].lines
    assert list(line.get_ydata()) == [3, 1]


def test_nokens_and_the_tokens_in_their_place_have_a_row_each(tmp_path):
    ax = drawn(figures.nll_dots(compared()), tmp_path).axes[0]
    at = {y: [] for y in range(6)}
    for line in ax.lines:
        for x, y in zip(*line.get_data(), strict=True):
            at[y] += [x] if x == x else []
    assert at == {0: [0.5, 1.5], 1: [1.5, 2.5], 2: [4, 4], 3: [2, 2], 4: [1], 5: [5, 5]}  # one word is meant
    assert {line.get_fillstyle() for line in ax.lines} == {"full", "none"}
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[:3] == [
        "noken, free (3.0 from a token)",
        "noken, pinned (4.0 from a token)",
        "the nearest token",
    ]


@pytest.mark.parametrize("changes", [{"texts": [" a."]}, {"constraints": ["free"]}, {"prompts": ["one"]}])
def test_little_is_drawn_too(tmp_path, changes):
    drawn(figures.nll_dots(compared(**changes)), tmp_path)


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_is_drawn(tmp_path, text):
    drawn(figures.nll_dots(compared(texts=[text, f"{text}!"])), tmp_path)
