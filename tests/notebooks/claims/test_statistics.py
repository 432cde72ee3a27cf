"""Intervals and tests against their formulas, SciPy, and what they promise of simulated data."""

import math

import numpy as np
import pytest
from scipy import stats

from workbook.claims.statistics import (
    bootstrap,
    bootstrap_difference,
    holm,
    mean_test,
    newcombe,
    rank_correlation,
    ratio_of_means,
    sign_test,
    wilson,
)


def mean(x, axis=-1):
    return x.mean(axis)


@pytest.mark.parametrize("hits, count", [(0, 1), (0, 10), (3, 10), (10, 10), (2488, 4800)])
def test_wilson_is_the_classical_formula(hits, count):
    p, z = hits / count, 1.959964
    middle = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(p * (1 - p) / count + (z / (2 * count)) ** 2)
    low, high = wilson(hits, count)
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=1e-6)
    assert 0 <= low <= p <= high <= 1
    assert wilson(count - hits, count) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.parametrize("hits, count", [(-1, 5), (6, 5), (0, 0)])
def test_no_share_has_no_interval(hits, count):
    with pytest.raises(ValueError, match=f"{hits} out of {count} is no share"):
        wilson(hits, count)


@pytest.mark.parametrize("count", [5, 6, 20])
def test_the_interval_of_a_sign_test_leaves_out_a_half_where_its_p_is_small(count):
    for below in range(count + 1):
        low, high = sign_test(below, count - below)
        assert 0 <= low <= below / count <= high <= 1
        assert (not low <= 0.5 <= high) == (stats.binomtest(below, count).pvalue < 0.05)
    assert all(map(math.isnan, sign_test(0, 0)))


def test_wilson_holds_the_true_share_about_as_often_as_it_says():
    hits = np.random.default_rng(0).binomial(40, 0.3, size=1000)
    by_hits = {n: wilson(n, 40) for n in set(hits)}
    held = np.mean([by_hits[n][0] <= 0.3 <= by_hits[n][1] for n in hits])
    assert 0.93 < held < 0.97


def test_the_bootstrap_of_a_mean_is_near_its_normal_interval_and_narrows_with_more_units():
    x = np.random.default_rng(0).normal(size=400)
    error = x.std() / np.sqrt(len(x))
    low, high = bootstrap(mean, x)
    assert (low, high) == pytest.approx((x.mean() - 1.96 * error, x.mean() + 1.96 * error), abs=0.15 * error)
    few_low, few_high = bootstrap(mean, x[:25])
    assert few_high - few_low > 3 * (high - low)  # √(400 / 25) = 4 times


def test_the_bootstrap_holds_the_true_mean_about_as_often_as_it_says():
    samples = np.random.default_rng(1).normal(size=(300, 40))
    held = [low <= 0 <= high for low, high in (bootstrap(mean, x, draws=400) for x in samples)]
    assert 0.90 < np.mean(held) < 0.98


def test_units_are_drawn_whole():
    x = np.arange(1.0, 9.0)
    assert bootstrap(ratio_of_means, 3 * x, x) == pytest.approx((3, 3))  # in each unit three times as much
    low, high = bootstrap(ratio_of_means, 3 * x, x[::-1])
    assert low < 2.5 and high > 3.5


def test_the_ratio_of_means_is_no_mean_of_ratios():
    assert ratio_of_means(np.array([1.0, 9.0]), np.array([1.0, 3.0])) == 2.5
    both = np.array([[1.0, 9.0], [2.0, 2.0]])
    assert ratio_of_means(both, np.ones((2, 2))).tolist() == [5.0, 2.0]


@pytest.mark.parametrize(
    "run", [lambda s: bootstrap(mean, X, seed=s), lambda s: rank_correlation(X, Y, seed=s)]
)
def test_a_seed_gives_the_same_numbers_and_another_gives_others(run):
    assert run(0) == run(0)
    assert run(0) != run(1)


X, Y = np.random.default_rng(2).normal(size=(2, 12))
TIES = np.round(2 * X)


@pytest.mark.parametrize("x, y", [(X, Y), (X, X + Y), (TIES, np.round(X + Y))])
def test_rank_correlation_is_scipys_with_ties_too(x, y):
    rho, p, low, high = rank_correlation(x, y)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert p == pytest.approx(stats.spearmanr(x, y).pvalue, abs=0.05)  # its p is that of a t distribution
    assert low <= rho <= high


def test_rank_correlation_knows_orders_and_infinities_alone():
    x = np.arange(12.0)
    rho, p, low, high = rank_correlation(x, 2**x)
    assert (rho, low, high) == pytest.approx((1, 1, 1)) and p < 0.002
    assert rank_correlation(x, -x)[0] == pytest.approx(-1)
    assert rank_correlation([1, 2, 3, 4], [1, 2, 3, np.inf])[0] == pytest.approx(1)
    assert rank_correlation([1, 2, 2, 4], [1, 3, 2, 4])[0] == pytest.approx(0.9486833)  # ties: mean ranks


def test_chance_gives_small_p_about_as_often_as_p_says():
    pairs = np.random.default_rng(3).normal(size=(200, 2, 10))
    found = np.array([rank_correlation(x, y, draws=200)[1] for x, y in pairs])
    for level in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(found <= level) == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 200))


@pytest.mark.parametrize("x, y", [([1, 2, 3], [1, 2, 3]), ([5] * 6, range(6)), (range(6), [5] * 6)])
def test_too_few_units_and_what_does_not_vary_have_no_number(x, y):
    assert np.isnan(rank_correlation(x, y)).all()
    assert np.isnan(bootstrap(mean, [1.0])).all()


def test_draws_without_a_value_are_left_out():
    low, high = rank_correlation([0, 0, 0, 0, 1], [0, 0, 0, 0, 1])[
        2:
    ]  # in a third of the draws nothing varies
    assert low == pytest.approx(1) and high == pytest.approx(1)


def test_the_bootstrap_of_a_difference_is_near_its_normal_interval():
    a, b = np.random.default_rng(0).normal(1, 1, 300), np.random.default_rng(1).normal(0, 2, 200)
    error = np.sqrt(a.var() / len(a) + b.var() / len(b))
    middle = a.mean() - b.mean()
    ends = bootstrap_difference(a, b)
    assert ends == pytest.approx((middle - 1.96 * error, middle + 1.96 * error), abs=0.15 * error)
    assert ends == bootstrap_difference(a, b) != bootstrap_difference(a, b, seed=1)


def test_a_difference_holds_the_truth_about_as_often_as_it_says():
    a, b = np.random.default_rng(2).normal(size=(300, 40)), np.random.default_rng(3).normal(2, 2, (300, 30))
    pairs = [bootstrap_difference(*pair, draws=400) for pair in zip(a, b, strict=True)]
    assert 0.90 < np.mean([low <= -2 <= high for low, high in pairs]) < 0.98


def test_groups_are_drawn_apart_and_need_two_units():
    assert bootstrap_difference([3, 3, 3], [1, 1]) == (2, 2)
    assert np.isnan(bootstrap_difference([1.0], [1.0, 2.0])).all()
    assert np.isnan(bootstrap_difference([1.0, 2.0], [])).all()


def test_newcombe_is_that_of_his_paper():
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)  # his table II, row (a)
    assert newcombe(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)  # row (b)
    assert newcombe(10, 10, 0, 20) == pytest.approx((0.6791, 1), abs=5e-5)  # row (g)
    low, high = newcombe(7, 20, 3, 9)
    assert newcombe(3, 9, 7, 20) == pytest.approx((-high, -low))


def by_hand(p):
    """Holm's p as its definition has it: the largest of (m - k + 1) p_k up to its own place, at most 1."""
    m, order = len(p), sorted(p)
    steps = [(m - k) * value for k, value in enumerate(order)]
    return [min(1, max(steps[: order.index(value) + 1])) for value in p]


@pytest.mark.parametrize(
    "p",
    [[0.01, 0.04, 0.03, 0.005], [0.5], [0.6, 0.7, 0.9], [0.001, 0.001, 0.2], [0.04, 0.011, 0.012, 0.5, 0.03]],
)
def test_holm_is_its_definition(p):
    assert holm(p) == pytest.approx(by_hand(p))


def test_holm_of_a_known_example():
    # statsmodels: multipletests([0.01, 0.04, 0.03, 0.005], method="holm")[1]
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_does_not_count_what_is_nan():
    found = holm([np.nan, 0.01, np.nan, 0.03])
    assert np.isnan(found[[0, 2]]).all() and found[[1, 3]] == pytest.approx([0.02, 0.03])
    assert holm([]).tolist() == [] and np.isnan(holm([np.nan])).all()


def test_a_mean_is_tested_against_its_bound():
    yes = [1] * 18 + [0] * 82
    assert mean_test(yes, 0.1) == stats.binomtest(18, 100, 0.1).pvalue < 0.05 < mean_test(yes, 0.15)
    assert mean_test([1] * 10, 0.1) == pytest.approx(0.1**10) and mean_test([0] * 4, 0) == 1
    both = [*yes, -1]  # a difference of two of them
    assert mean_test(both, 0.1) == stats.ttest_1samp(both, 0.1).pvalue
    assert mean_test([2.0] * 5, 0.1) == 0 and np.isnan([mean_test([], 0), mean_test([3], 0)]).all()


def test_holm_says_a_false_thing_as_seldom_as_promised():
    p = np.random.default_rng(0).random((2000, 8))
    assert np.mean([holm(row).min() < 0.05 for row in p]) == pytest.approx(0.05, abs=0.015)
