"""Figures of half-trained tokens show what their tables hold."""

import pandas as pd
import pytest

from workbook.half_trained_tokens import figures


def test_precision_has_a_line_for_each_kind_and_strength():
    rows = {"of": ["candidate", "candidate", "matched token"], "rank": [1, 2, 1], "strong": [1, 0.5, 0]}
    (ax,) = figures.precision_lines(pd.DataFrame(rows | {"weak": [1, 1, 0]})).axes
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1, 1], [1, 0.5], [0], [0]]


def test_verified_candidates_have_a_ring_and_five_percent_a_line():
    rows = {"prompt": "A <noken> is", "of": ["candidate"] * 2 + ["matched token"] * 2, "pair": [0, 1, 0, 1]}
    reads = pd.DataFrame(rows | {"id": [1, 2, 3, 4], "reads_kl": [0.0, 0.5, 1.0, 3.0]})
    (ax,) = figures.read_dots(reads, reads.assign(weak=[1, 0, 0, 0])).axes
    ring, line = ax.lines[2], ax.lines[3]
    assert ring.get_xdata().tolist() == [1] and line.get_ydata()[0] == pytest.approx(0.1)
    assert ring.get_ydata().min() > 0  # no logarithm of 0


def test_ranks_are_of_verified_pairs_where_there_are_any():
    says = pd.DataFrame({"prompt": ["Echo:<noken>"] * 2, "pair": [0, 1], "weak": [1, 0]})
    says = says.assign(**{name: [4, 9] for name in figures.SAID})
    fig = figures.said_lines(says)
    assert [line.get_xdata().tolist() for line in fig.axes[0].lines] == [[4]] * 6
    assert fig.get_supxlabel().startswith("1 pairs: weakly verified")
    assert figures.said_lines(says.assign(weak=0)).get_supxlabel().startswith("2 pairs: all")


def test_a_walk_has_both_ends_and_the_proportional_answer():
    rows = [(to, a, 1 - a) for to in ("untrained centre", "centroid") for a in (0, 0.5, 1.0)]
    table = pd.DataFrame(rows, columns=["to", "alpha", "left"]).assign(prompt="A <noken> is")
    (ax,) = figures.walk_lines(table).axes
    assert [line.get_ydata().tolist() for line in ax.lines[:3]] == [[1, 0.5, 0], [1, 0.5, 0], [1, 0.25, 0]]
