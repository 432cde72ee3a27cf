"""Intervals and tests against their formulas, SciPy, and what they promise of simulated samples."""

import numpy as np
import pytest
from scipy import stats

from workbook.claims import statistics
from workbook.claims.statistics import (
    FEWEST,
    MANY,
    confidence_interval,
    difference_of_means,
    holm,
    mean_test,
    newcombe,
    rank_correlation,
    ratio_of_means,
    resampled_words,
    share_interval,
    spearman,
    yes_or_no,
)

X, Y = np.random.default_rng(2).normal(size=(2, 12))
TIES = np.round(2 * X)


def difference(a, b, **options):
    return confidence_interval(difference_of_means, a, b, paired=False, **options)


@pytest.mark.parametrize("hits, count", [(0, 1), (0, 10), (3, 10), (10, 10), (2488, 4800)])
def test_wilson_is_the_classical_formula(hits, count):
    p, z = hits / count, 1.959964
    middle = (p + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(p * (1 - p) / count + (z / (2 * count)) ** 2)
    low, high = share_interval(hits, count)
    assert (low, high) == pytest.approx((middle - half, middle + half), abs=1e-6)
    assert 0 <= low <= p <= high <= 1


@pytest.mark.parametrize("hits, count", [(-1, 5), (6, 5), (0, 0)])
def test_hits_that_are_no_share_are_refused(hits, count):
    with pytest.raises(ValueError, match=f"got {hits} out of {count}"):
        share_interval(hits, count)


@pytest.mark.parametrize("count", [5, 6, 20])
def test_the_interval_of_a_sign_test_leaves_out_a_half_where_its_p_is_small(count):
    for below in range(count + 1):
        low, high = share_interval(below, count, "exact")
        assert 0 <= low <= below / count <= high <= 1
        assert (not low <= 0.5 <= high) == (stats.binomtest(below, count).pvalue < 0.05)


def test_newcombe_is_that_of_his_paper():
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=5e-5)  # his table II, row (a)
    assert newcombe(9, 10, 3, 10) == pytest.approx((0.1705, 0.8090), abs=5e-5)  # row (b)
    assert newcombe(10, 10, 0, 20) == pytest.approx((0.6791, 1), abs=5e-5)  # row (g)
    low, high = newcombe(7, 20, 3, 9)
    assert newcombe(3, 9, 7, 20) == pytest.approx((-high, -low))


def test_the_bootstrap_is_near_the_normal_interval_and_narrows_with_more_units():
    x = np.random.default_rng(0).normal(size=400)
    error = x.std() / np.sqrt(len(x))
    low, high = confidence_interval(np.mean, x)
    assert (low, high) == pytest.approx((x.mean() - 1.96 * error, x.mean() + 1.96 * error), abs=0.15 * error)
    few_low, few_high = confidence_interval(np.mean, x[:25])
    assert few_high - few_low > 3 * (high - low)  # √(400 / 25) = 4 times
    a, b = np.random.default_rng(0).normal(1, 1, 300), np.random.default_rng(1).normal(0, 2, 200)
    error, middle = np.sqrt(a.var() / len(a) + b.var() / len(b)), a.mean() - b.mean()
    assert difference(a, b) == pytest.approx((middle - 1.96 * error, middle + 1.96 * error), abs=0.15 * error)


def test_intervals_have_the_truth_in_them_about_as_often_as_they_say():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(100, 40)), rng.normal(2, 2, (100, 30))
    means = [confidence_interval(np.mean, x, draws=200) for x in a]
    differences = [difference(*pair, draws=200) for pair in zip(a, b, strict=True)]
    hits = np.random.default_rng(0).binomial(40, 0.3, size=1000)
    by_hits = {n: share_interval(n, 40) for n in set(hits)}
    assert 0.88 < np.mean([low <= 0 <= high for low, high in means]) < 1
    assert 0.88 < np.mean([low <= -2 <= high for low, high in differences]) < 1
    assert 0.93 < np.mean([by_hits[n][0] <= 0.3 <= by_hits[n][1] for n in hits]) < 0.97


@pytest.mark.parametrize("count", [10, 20])
def test_with_few_units_an_interval_is_not_too_narrow(count):
    """Of skewed samples too, where the percentile bootstrap has the truth in it in 85 of 100 at ten units."""
    rng = np.random.default_rng(4)
    normal, skewed = rng.normal(size=(400, count)), rng.exponential(size=(400, count))
    by_t = [confidence_interval(np.mean, x) for x in normal]
    by_welch = [difference(*pair) for pair in zip(normal, 3 * normal[::-1], strict=True)]
    assert 0.92 < np.mean([low <= 0 <= high for low, high in by_t]) < 0.98
    assert 0.92 < np.mean([low <= 0 <= high for low, high in by_welch]) < 0.98
    by_t_too = [confidence_interval(np.mean, x) for x in skewed]
    assert np.mean([low <= 1 <= high for low, high in by_t_too]) > 0.87


def test_an_interval_is_the_widest_of_its_seeds(monkeypatch):
    x = np.random.default_rng(5).normal(size=MANY)
    widest = confidence_interval(np.mean, x)
    ends = []
    for seed in statistics.SEEDS:
        monkeypatch.setattr(statistics, "SEEDS", [seed])
        ends.append(confidence_interval(np.mean, x))
    lows, highs = zip(*ends, strict=True)
    assert widest == (min(lows), max(highs)) and len(set(ends)) == 5


def test_pairs_are_resampled_together_and_groups_apart():
    x = np.arange(1.0, MANY + 1)
    assert confidence_interval(ratio_of_means, 3 * x, x) == pytest.approx((3, 3))  # three times in each unit
    low, high = confidence_interval(ratio_of_means, 3 * x, x[::-1])
    assert low < 2.5 and high > 3.5
    assert confidence_interval(difference_of_means, x, x) == (0, 0)
    low, high = difference(x, x)
    assert low < -1 and high > 1


def test_the_ratio_of_means_is_no_mean_of_ratios():
    assert ratio_of_means(np.array([1.0, 9.0]), np.array([1.0, 3.0])) == 2.5
    both = np.array([[1.0, 9.0], [2.0, 2.0]])
    assert ratio_of_means(both, np.ones((2, 2))).tolist() == [5.0, 2.0]


def test_too_few_units_and_columns_that_do_not_vary_have_no_number():
    for x, y in (([1, 2, 3], [1, 2, 3]), ([5] * 6, range(6)), (range(6), [5] * 6)):
        assert np.isnan(rank_correlation(x, y)).all()
    assert np.isnan(
        [confidence_interval(np.mean, [1.0]), difference([1.0], [1.0, 2.0]), difference([1.0, 2.0], [])]
    ).all()
    assert np.isnan(confidence_interval(np.mean, X[: FEWEST - 1], fewest=FEWEST)).all()
    assert confidence_interval(np.mean, X[:FEWEST], fewest=FEWEST) == confidence_interval(np.mean, X[:FEWEST])
    assert np.isnan(rank_correlation(X[:9], Y[:9])[2:]).all() and not np.isnan(rank_correlation(X, Y)).any()


def test_draws_without_a_value_are_left_out():
    x = np.array([0.0] * (MANY - 1) + [1])  # in a third of the draws nothing varies
    assert confidence_interval(spearman, x, x) == pytest.approx((1, 1))


@pytest.mark.parametrize("x, y", [(X, Y), (X, X + Y), (TIES, X + Y)])
def test_rank_correlation_is_scipys_with_ties_too(x, y):
    rho, p, low, high = rank_correlation(x, y)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert p == pytest.approx(stats.spearmanr(x, y).pvalue, abs=0.05)  # its p is that of a t distribution
    assert low <= rho <= high


def test_rank_correlation_depends_on_order_alone():
    x = np.arange(12.0)
    rho, p, low, high = rank_correlation(x, 2**x)
    assert (rho, low, high) == pytest.approx((1, 1, 1)) and p < 0.002
    assert rank_correlation(x, -x)[0] == pytest.approx(-1)
    assert rank_correlation([1, 2, 3, 4], [1, 2, 3, np.inf])[0] == pytest.approx(1)
    assert rank_correlation([1, 2, 2, 4], [1, 3, 2, 4])[0] == pytest.approx(0.9486833)  # ties: mean ranks


def test_chance_gives_small_p_about_as_often_as_p_says():
    pairs = np.random.default_rng(3).normal(size=(60, 2, 7))
    p = np.array([rank_correlation(x, y)[1] for x, y in pairs])
    for level in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(p <= level) == pytest.approx(level, abs=3 * np.sqrt(level * (1 - level) / 60))


def test_a_mean_is_tested_against_its_bound():
    yes = [1] * 18 + [0] * 82
    assert mean_test(yes, 0.1) == stats.binomtest(18, 100, 0.1).pvalue < 0.05 < mean_test(yes, 0.15)
    assert mean_test([1] * 10, 0.1) == pytest.approx(0.1**10) and mean_test([0] * 4, 0) == 1
    both = [*yes, -1]  # a difference of two of them
    assert mean_test(both, 0.1) == stats.ttest_1samp(both, 0.1).pvalue
    assert mean_test([2.0] * 5, 0.1) == 0 and np.isnan([mean_test([], 0), mean_test([3], 0)]).all()
    assert yes_or_no(yes, [0]) and not yes_or_no(yes, []) and not yes_or_no(both)


@pytest.mark.parametrize(
    "p, corrected",
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # that of statsmodels' multipletests
        ([0.5], [0.5]),
        ([0.6, 0.7, 0.9], [1, 1, 1]),
        ([0.001, 0.001, 0.2], [0.003, 0.003, 0.2]),
        ([np.nan, 0.01, np.nan, 0.03], [np.nan, 0.02, np.nan, 0.03]),  # NaN does not count
        ([np.nan], [np.nan]),
        ([], []),
    ],
)
def test_holm_is_its_definition(p, corrected):
    assert holm(p) == pytest.approx(corrected, nan_ok=True)


def test_holm_is_wrong_as_seldom_as_promised():
    p = np.random.default_rng(0).random((2000, 8))
    assert np.mean([holm(row).min() < 0.05 for row in p]) == pytest.approx(0.05, abs=0.015)


def test_words_of_pairs_are_resampled():
    first, second = np.triu_indices(12, 1)
    weights = resampled_words(first, second)
    assert weights.shape == (2000, 66) and not np.array_equal(weights, resampled_words(first, second, 1))
    assert weights.mean() == pytest.approx(11 / 12, abs=0.02)  # a word makes no pair with itself
