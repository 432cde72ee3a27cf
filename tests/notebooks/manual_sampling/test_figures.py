"""Figures of sampling step by step: a cell a token, for few rows and many, and for any text."""

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn

from workbook.manual_sampling import figures


def steps_of(tokens, seeds=(0, 1)):
    rows = [
        {"seed": s, "step": i, "token": t, "entropy": float(i), "probability": 0.5, "fed": i == 0}
        for s in seeds
        for i, t in enumerate(tokens)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("tokens, seeds", [(AWKWARD[:3], (5, 3)), ([" a"], (0,)), ([" a"] * 50, range(20))])
def test_a_grid_has_a_cell_a_token_and_frames_the_fed_ones(tokens, seeds, tmp_path):
    fig = drawn(figures.step_grid(steps_of(tokens, seeds)), tmp_path)
    columns, rows = min(len(seeds), 12), min(len(tokens), 40)
    assert len(fig.axes[0].texts) == columns * rows
    assert len(fig.axes[0].patches) == columns
    assert [label.get_text() for label in fig.axes[0].get_xticklabels()] == list(map(str, seeds))[:columns]


def test_rows_that_ended_early_leave_cells_empty(tmp_path):
    table = steps_of(["a", "b", "c"])
    fig = drawn(figures.step_grid(table.drop(index=[2])), tmp_path)
    assert len(fig.axes[0].texts) == 5


def test_a_panel_for_each_way_of_choosing(tmp_path):
    table = pd.concat([steps_of(["a", "b"]).assign(how=how) for how in ("greedy", "drawn")])
    fig = drawn(figures.chosen_probability(table), tmp_path)
    assert [ax.get_title() for ax in fig.axes] == ["greedy: median 0.50", "drawn: median 0.50"]
