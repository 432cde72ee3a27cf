"""What predictions explain of pairs, with words and not pairs as facts."""

import itertools

import numpy as np
import pandas as pd
import pytest

from workbook.claims import explained
from workbook.claims.claims import FAILS, HOLDS, UNDECIDED, Claim, answers, verdict

WORDS = [f"w{number:02}" for number in range(12)]
PAIRS = list(itertools.combinations(WORDS, 2))
ASKED = Claim(
    "it is explained",
    "17",
    "some",
    "Is it?",
    "rows",
    "a, b",
    "explained share",
    "y by guess",
    "> 0.2, estimate > 0.4",
    "none",
    a="of == 'one'",
)


def rows_of(guess, of="one", noise=0.0, seed=0):
    """A row a pair: y is what the first word has more than the second, and `guess(y)` a prediction of it."""
    luck = np.random.default_rng(seed)
    level = dict(zip(WORDS, luck.normal(size=len(WORDS)), strict=True))
    y = np.array([level[a] - level[b] for a, b in PAIRS])
    table = pd.DataFrame(PAIRS, columns=["a", "b"]).assign(of=of, y=y + luck.normal(0, noise + 1e-12, len(y)))
    return table.assign(guess=guess(y))


def answer(rows, **changes):
    (row,) = answers([ASKED._replace(**changes)], {"rows": rows}).itertuples()
    return row


@pytest.mark.parametrize("factor, share", [(1, 1), (0, 0), (0.5, 0.75), (-1, -3)])
def test_the_share_is_about_zero(factor, share):
    found = answer(rows_of(lambda y: factor * y))
    assert found.n_units == 12 and found.estimate == pytest.approx(share, abs=1e-9)


def test_which_word_is_named_first_changes_nothing():
    rows = rows_of(lambda y: 0.8 * y, noise=0.5)
    turned = rows.assign(a=rows["b"], b=rows["a"], y=-rows["y"], guess=-rows["guess"])
    mixed = pd.concat([rows[::2], turned[1::2]])
    names = ["n_units", "estimate", "low", "high"]
    assert [getattr(answer(mixed), n) for n in names] == pytest.approx(
        [getattr(answer(rows), n) for n in names]
    )


def test_a_control_is_taken_off_on_the_same_pairs():
    one, other = rows_of(lambda y: y), rows_of(lambda y: 0.5 * y, "other")
    other.loc[3, "guess"] = np.nan
    found = answer(pd.concat([one, other]), b="of == 'other'")
    assert found.estimate == pytest.approx(0.25)


def test_words_are_drawn_and_not_pairs():
    times, weights = explained.by_words(*zip(*PAIRS, strict=True))
    assert times == 12 and weights.shape == (2000, len(PAIRS))
    drawn = weights @ np.ones(len(PAIRS)) / len(PAIRS)
    assert drawn.mean() == pytest.approx(11 / 12, abs=0.02)  # a word is no pair with itself
    rows = rows_of(lambda y: 0.6 * y, noise=0.8)
    by_words = answer(rows)
    y, guess = rows["y"].to_numpy(), rows["guess"].to_numpy()
    pairs = np.random.default_rng(0).multinomial(len(y), np.full(len(y), 1 / len(y)), size=2000)
    low, high = explained.interval(explained.share(y, guess, pairs))
    assert by_words.high - by_words.low > high - low


def test_nothing_to_explain_is_no_interval():
    found = answer(rows_of(lambda y: y).assign(y=0.0))
    assert np.isnan(found.low) and found.verdict == UNDECIDED
    assert answer(rows_of(lambda y: y), a="of == 'none'").n_units == 0


def test_few_words_have_no_interval():
    rows = rows_of(lambda y: 0.5 * y)
    few = rows[rows["a"].isin(WORDS[:9]) & rows["b"].isin(WORDS[:9])]
    assert np.isnan(answer(few).low) and not np.isnan(answer(rows).low)
    assert np.isnan(answer(rows, fewest=13).low)


@pytest.mark.parametrize(
    "low, high, estimate, said",
    [
        (0.3, 0.6, 0.5, HOLDS),
        (0.3, 0.6, 0.39, UNDECIDED),  # it may be as much
        (0.25, 0.38, 0.3, FAILS),  # it is not
        (0.1, 0.6, 0.5, UNDECIDED),
        (0.1, 0.15, 0.12, FAILS),
    ],
)
def test_an_estimate_can_have_a_bound_of_its_own(low, high, estimate, said):
    rule = "> 0.2, estimate > 0.4"
    assert verdict(low, high, rule, estimate=estimate) == said
    mirrored = "< -0.2, estimate < -0.4"
    assert verdict(-high, -low, mirrored, estimate=-estimate) == said
