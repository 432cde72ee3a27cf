"""Figures of pulls: one dot per held-out pair, one line per curve, words by their pull."""

import pandas as pd
import pytest
from helpers.figures import AWKWARD, drawn

from workbook.pull_of_tokens import figures
from workbook.pull_of_tokens.pulls import BY, FIT, HELD


def test_only_held_out_pairs_are_shown(tmp_path):
    folds = [(by, fold, y) for by in BY for fold, y in ((FIT, 3.0), (HELD, 1.0), (HELD, -2.0))]
    predictions = pd.DataFrame(folds, columns=["by", "fold", "y"]).assign(
        predicted=lambda rows: rows["y"] / 2
    )
    fig = drawn(figures.predicted_and_found(predictions), tmp_path)
    titles = [ax.get_title() for ax in fig.axes]
    assert titles[:2] == ["pulls\n75% explained", "outputs mixed\n75% explained"]
    ticks = {label.get_text(): label.get_position()[0] for label in fig.axes[3].get_xticklabels()}
    assert ticks["0.50"] == 0 and ticks["0.73"] == 1
    for ax, by in zip(fig.axes, BY, strict=True):
        dots = set(zip(*ax.lines[1].get_data(), strict=True))
        assert dots == {(0.5, 1), (-1, -2)} | ({(1.5, 3)} if by == "traits" else set())
    drawn(figures.predicted_and_found(predictions.assign(y=0.0, predicted=0.0)), tmp_path)


@pytest.mark.parametrize("text", AWKWARD)
def test_any_word_is_drawn(tmp_path, text):
    fig = drawn(figures.one_pair([0, 1], {"vectors mixed": [0, 1]}, text, f"{text}!"), tmp_path)
    assert list(fig.axes[0].lines[0].get_ydata()) == [0, 1]
    words = pd.DataFrame({"word": [text, "b"], "pull": [0.5, -0.5]})
    drawn(figures.pulls_of_words(words), tmp_path)
