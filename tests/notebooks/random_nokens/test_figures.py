"""Figures of random nokens say what their tables say, for any model."""

import pytest
from helpers.figures import drawn, words

from workbook.random_nokens import figures, tables

pytestmark = pytest.mark.filterwarnings("error::UserWarning")


def test_replacement_figures_for_any_model(any_lab, tmp_path):
    table = tables.replacements(any_lab, "Red is $5 or", 0, [0, 1, 2, 30000], 5)
    kl = drawn(figures.kl_dots(table), tmp_path)
    assert words(kl) and set(map(str, words(kl))) == {"0", "1", "2", "30000"}
    assert len(words(drawn(figures.responses(table), tmp_path))) == 1 + 1 + 3 + 4 + 4 * 3


def test_one_seed_an_empty_answer_and_no_change_can_be_drawn(lab, tmp_path):
    table = tables.replacements(lab, "Red is", 0, [1], 2).assign(kl=0.0, response="")
    assert set(words(drawn(figures.kl_dots(table), tmp_path))) == {"1"}
    assert "(nothing)" in words(drawn(figures.responses(table), tmp_path))


def test_nearness_counts_everything(lab, tmp_path):
    table = tables.nearness(lab, 7)
    heights = [patch.get_height() for patch in drawn(figures.nearness_bars(table), tmp_path).axes[0].patches]
    assert sum(heights) == len(table)
