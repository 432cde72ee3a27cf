"""Where mixtures tip: ends, mixed outputs, exchanged pairs, traits, bad input."""

import itertools

import numpy as np
import pytest
import torch

import nokenlab as nl
from nokenlab.prompt import fill, word_vector
from workbook.pull_of_tokens import tables

WORDS, PROMPT, P = ["Red", "White", "Blue", "Black"], "The best <noken> is", [0, 0.25, 0.5, 0.75, 1]


@pytest.fixture(scope="module")
def table(small):
    return tables.tipping_points(small, WORDS, PROMPT, points=5)


def test_a_word_of_several_tokens_is_refused(small):
    tables.check_single(small, WORDS)
    with pytest.raises(ValueError, match="words must have one token each; 'xyzzy' has"):
        tables.check_single(small, ["Red", "xyzzy"])


def test_mixed_outputs_move_evenly():
    a, b = torch.randn(2, 30, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    p = torch.tensor(P)[:, None]
    mixed = ((1 - p) * a.exp() + p * b.exp()).log()
    assert tables.progress(mixed, a, b).tolist() == pytest.approx(P, abs=1e-5)
    assert tables.progress(mixed.flip(0), b, a).tolist() == pytest.approx(P, abs=1e-5)


@pytest.mark.parametrize(
    "curve, expected",
    [
        ([0, 0.25, 0.5, 0.75, 1], (0.5, 1, 1)),
        ([0, 0, 0, 1, 1], (0.625, 0.25, 1)),
        ([0, 1, 0, 1, 1], (0.375, 0, 3)),
        ([0.2, 0.2, 0.2, 0.2, 0.2], (0.84375, 1, 1)),  # both ends are the same
    ],
)
def test_it_tips_at_one_half(curve, expected):
    assert tables.tip(P, curve) == pytest.approx(expected)
    exchanged = tables.tip(P, [1 - value for value in curve[::-1]])
    assert exchanged[0] == pytest.approx(1 - expected[0]) or curve[0] == curve[-1]


def test_a_row_is_a_pair_and_is_what_one_pair_alone_gives(small, table):
    assert list(zip(table["a"], table["b"], strict=True)) == list(itertools.combinations(WORDS, 2))
    a, b = word_vector(small, "White"), word_vector(small, "Black")
    row = table[(table["a"] == "White") & (table["b"] == "Black")].iloc[0]
    for interpolate, column in ((nl.lerp, "p_star"), (nl.slerp, "slerp_p")):
        logits = small.logits(fill(small, PROMPT, interpolate(a, b, P)))
        curve = tables.progress(logits, logits[0], logits[-1])
        assert row[column] == pytest.approx(tables.tip(P, curve.tolist())[0], abs=1e-3)
    apart = (logits[0].softmax(-1) - logits[-1].softmax(-1)).abs().sum() / 2
    assert row["apart"] == pytest.approx(apart.item(), abs=1e-5)


def test_exchanged_words_tip_at_the_rest(small, table):
    exchanged = tables.tipping_points(small, WORDS[::-1], PROMPT, points=5)
    exchanged = exchanged.rename(columns={"a": "b", "b": "a"}).set_index(["a", "b"])
    columns = ["p_star", "null_p", "slerp_p"]
    total = table.set_index(["a", "b"])[columns] + exchanged[columns]
    np.testing.assert_allclose(total, 1, atol=1e-3)


def test_traits_are_the_words_own(small):
    traits = tables.traits(small, WORDS, PROMPT)
    for row in traits.itertuples():
        assert row.norm == pytest.approx(word_vector(small, row.word).norm().log().item(), abs=1e-5)
        assert np.exp(row.rank) == pytest.approx(int(small.ids(f" {row.word}")[0]) + 1)  # ids without a gap
    assert np.isfinite(traits[["gain"]].to_numpy()).all() and traits["gain"].nunique() == 4
