"""Figures of the cloud of tokens say what their tables say."""

import pandas as pd
import pytest

from workbook.embedding_space import figures


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_half_of_the_variance_is_marked_where_it_is_reached():
    shares = pd.Series([0.4, 0.3, 0.2, 0.1])
    table = pd.DataFrame({"component": range(1, 5), "share": shares, "cumulative": shares.cumsum()})
    each, together = figures.variance_lines(table).axes
    assert each.lines[0].get_ydata().tolist() == pytest.approx([40, 30, 20, 10])
    assert each.lines[1].get_ydata()[0] == 25  # a round cloud's
    assert "half of the variance: 2 of 4" in labels(together)


def test_each_clouds_mean_cosine_is_marked():
    cosines = pd.DataFrame({"of": ["as it is", "as it is", "round"], "cosine": [0.25, 0.75, 0.0]})
    (ax,) = figures.cosine_bars(cosines).axes
    assert labels(ax) == ["as it is: mean 0.50", "round: mean 0.00"]
    assert [line.get_xdata()[0] for line in ax.lines] == [0.5, 0.0]
    assert ax.get_xlim() == pytest.approx((-0.05, 0.8))


def test_each_token_is_a_dot_and_the_repeated_ones_are_counted():
    columns = {"of": ["candidate", "candidate", "matched token"] * 2, "distance": [0.1, 0.2, 3.0] * 2}
    columns |= {"probability": [1e-6, 0.0, 0.5] * 2, "repeated": [False, False, True, True, False, False]}
    columns["prompt"] = ["first\nRepeat:<noken>,"] * 3 + ["Echo:<noken>"] * 3
    ax, other = figures.repeat_dots(pd.DataFrame(columns)).axes
    assert (ax.get_title(), other.get_title()) == ("Repeat:<noken>,", "Echo:<noken>")
    assert labels(ax) == ["candidate: 0 of 2 repeated", "matched token: 1 of 1 repeated"]
    assert labels(other) == ["candidate: 1 of 2 repeated", "matched token: 0 of 1 repeated"]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[0.1, 0.2], [3.0]]
    assert ax.lines[0].get_ydata().min() > 0  # no logarithm of 0
