"""Figures of what lies between two prompts say what their tables say, for few rows and many, and any text."""

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn

from nokenlab.answers import blends
from workbook.lerp import figures


def plateau_table(p, answers, interpolations=("lerp", "slerp")):
    sweeps = [pd.DataFrame({"p": p, "way": m, "response": answers}) for m in interpolations]
    return blends.plateaus(pd.concat(sweeps))


def texts(fig):
    return [text.get_text() for ax in fig.axes for text in ax.texts] + [text.get_text() for text in fig.texts]


def test_blocks_of_a_strip_meet_at_the_flips(tmp_path):
    fig = drawn(figures.plateau_strip(plateau_table([0, 0.2, 0.6, 1], ["x", "x", "y", "x"])), tmp_path)
    blocks = [(b.get_x(), b.get_x() + b.get_width(), b.get_facecolor()) for b in fig.axes[0].patches]
    assert [end for _, end, _ in blocks[:3]] == pytest.approx([0.4, 0.8, 1.0])
    assert [start for start, _, _ in blocks[:3]] == pytest.approx([0, 0.4, 0.8])
    assert blocks[0][2] == blocks[2][2] != blocks[1][2]  # x, y, x
    assert {"0.4", "0.8"} <= set(texts(fig))


@pytest.mark.parametrize(
    "p, answers",
    [([0.5], ["x"]), (blends.grid(len(AWKWARD)), AWKWARD), (blends.grid(61), list(map(str, range(61))))],
)
def test_a_strip_of_one_block_of_awkward_texts_of_many(p, answers, tmp_path):
    fig = drawn(figures.plateau_strip(plateau_table(p, answers)), tmp_path)
    assert len(fig.axes[0].patches) == 2 * len(answers)


def test_no_text_of_a_strip_is_lost(tmp_path):
    fig = drawn(figures.plateau_strip(plateau_table(blends.grid(5), AWKWARD)), tmp_path)
    drawn_texts = " ".join(texts(fig)).replace("\n", " ")
    for piece in (r"\$5", r"two\nlines\t\x00", "long word " * 40):
        assert piece.strip() in drawn_texts


def test_leading_lines_mark_where_the_lead_changes(tmp_path):
    table = pd.DataFrame(
        {
            "p": [0.0, 0.0, 0.5, 0.5, 1.0, 1.0],
            "way": "lerp",
            "after": " so $far\n",
            "token": [" a", "$"] * 3,
            "id": [1, 2] * 3,
            "probability": [0.6, 0.2, 0.5, 0.3, 0.1, 0.7],
        }
    )
    fig = drawn(figures.leading_lines(table), tmp_path)
    lines = [line for line in fig.axes[0].lines if len(line.get_xdata()) == 3]
    assert [line.get_ydata().tolist() for line in lines] == [[0.6, 0.5, 0.1], [0.2, 0.3, 0.7]]
    assert texts(fig) == [" 1"]
    assert fig.axes[0].get_ylim()[1] > 0.7


def test_norms_of_each_position(tmp_path):
    p = [0.0, 0.5, 1.0]
    table = pd.concat(
        pd.DataFrame(
            {"p": p, "way": m, "position": at, "norm": 1.0, "token": ["x", "y", "y"], "id": [1, 2, 2]}
        )
        for m in ("lerp", "slerp")
        for at in (0, 2)
    )
    fig = drawn(figures.norm_lines(table), tmp_path)
    assert len(fig.axes) == 2
    assert [text.get_text() for text in fig.axes[0].texts] == ["'x'", "'y'", "'y'"]
