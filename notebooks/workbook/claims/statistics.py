"""Intervals and tests over SciPy. The caller chooses the unit of analysis and gives one value per unit."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

FEWEST = 10  # units an interval needs: with fewer, it says little
MANY = 30  # units from which on the percentile bootstrap covers the truth about as often as it says
SEEDS = range(5)  # of the bootstrap: a verdict that holds with one of them holds with all
NAN = float("nan")


def share_interval(hits: int, count: int, method: str = "wilson") -> tuple[float, float]:
    """Wilson's 95 % interval of the share behind `hits` out of `count`: low, high, within 0 to 1.

    It is reliable for small counts too, and for none or all. method "exact": that of Clopper and Pearson; the
    two-sided sign test has p < 0.05 if 0.5 is outside of it. ValueError if `hits` is not from 0 to `count`,
    or `count` is 0. Sources: E. B. Wilson, "Probable inference", 1927; C. Clopper and E. Pearson, "The use of
    confidence or fiducial limits illustrated in the case of the binomial", 1934.
    """
    if not 0 <= hits <= count or count < 1:
        raise ValueError(f"hits must be from 0 to count, and count at least 1; got {hits} out of {count}")
    low, high = stats.binomtest(int(hits), int(count)).proportion_ci(method=method)
    return float(low), float(high)


def newcombe(a_hits: int, a_count: int, b_hits: int, b_count: int) -> tuple[float, float]:
    """The 95 % interval of the difference of two shares, a less b: low, high.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions", 1998,
    method 10: the distances to the ends of both Wilson intervals, combined as the sides of a right angle.
    """
    a, b = a_hits / a_count, b_hits / b_count
    (a_low, a_high), (b_low, b_high) = share_interval(a_hits, a_count), share_interval(b_hits, b_count)
    return a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low)


def confidence_interval(
    statistic: Callable[..., np.ndarray],
    *columns: Sequence[float],
    paired: bool = True,
    fewest: int = 2,
    draws: int = 2000,
) -> tuple[float, float]:
    """The 95 % interval of a statistic of units: low, high.

    `columns` have one value per unit. If paired, a unit keeps its values of all columns together; if not,
    each column is a group of its own units. `statistic` takes arrays (…, units), one per column, and the
    axis. From `MANY` units on it is the percentile bootstrap's, the widest of `SEEDS`; with fewer, where that
    is too narrow, it is Student's t (Welch's for two groups) for means, and BCa for other statistics. NaN if
    a column has fewer than `fewest` units. Source of BCa: B. Efron, "Better bootstrap confidence intervals",
    1987.
    """
    values = [np.asarray(column, dtype=float) for column in columns]
    count = min(map(len, values))
    if count < max(fewest, 2):
        return NAN, NAN
    with warnings.catch_warnings(action="ignore"):  # SciPy warns of draws in which nothing varies
        if count < MANY and statistic is np.mean:
            return _ends(stats.ttest_1samp(*values, 0).confidence_interval())
        if count < MANY and statistic is difference_of_means:
            return _ends(stats.ttest_ind(*values, equal_var=False).confidence_interval())
        return widest(_resampled(statistic, values, paired, draws, seed) for seed in SEEDS)


def _resampled(statistic, values, paired: bool, draws: int, seed: int) -> tuple[float, float]:
    method = "BCa" if min(map(len, values)) < MANY else "percentile"
    options = {"paired": paired, "n_resamples": draws, "method": method, "vectorized": True}
    resampled = stats.bootstrap(values, statistic, rng=np.random.default_rng(seed), **options)
    ends = _ends(resampled.confidence_interval)
    has_bca = method == "BCa" and not np.isnan(ends).any()  # it has none where draws are all alike
    return ends if has_bca else middle_95(resampled.bootstrap_distribution)


def _ends(interval) -> tuple[float, float]:
    return float(interval.low), float(interval.high)


def widest(intervals: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """The lowest low and the highest high of intervals; NaN if one of them is."""
    lows, highs = zip(*intervals, strict=True)
    return float(np.min(lows)), float(np.max(highs))


def middle_95(values: np.ndarray) -> tuple[float, float]:
    """The range of the middle 95 % of values (draws,), without those that are NaN: low, high."""
    values = values[~np.isnan(values)]
    if not len(values):
        return NAN, NAN
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def ratio_of_means(above: np.ndarray, below: np.ndarray, axis: int = -1) -> np.ndarray:
    """mean(above) / mean(below) along an axis, for `confidence_interval`."""
    return above.mean(axis) / below.mean(axis)


def difference_of_means(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
    """mean(a) - mean(b) along an axis, for `confidence_interval`."""
    return a.mean(axis) - b.mean(axis)


def spearman(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    """Spearman's rank correlation along an axis, for `confidence_interval`."""
    return stats.spearmanrho(x, y, axis=axis).statistic


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float, float]:
    """Spearman's rank correlation of x and y, one value per unit: rho, p, low, high.

    p is that of a two-sided test of 5,000 permutations; low to high is `confidence_interval`, NaN for fewer
    than `FEWEST` units. All are NaN for fewer than 4 units, and if x or y does not vary.
    """
    x, y = stats.rankdata(x), stats.rankdata(y)  # infinity has a rank too
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return NAN, NAN, NAN, NAN
    permutations = stats.PermutationMethod(n_resamples=5000, rng=np.random.default_rng(0))
    test = stats.spearmanrho(x, y, method=permutations)
    ends = confidence_interval(spearman, x, y, fewest=FEWEST)
    return float(test.statistic), float(test.pvalue), *ends


def mean_test(values: Sequence[float], bound: float) -> float:
    """The two-sided p of the mean of units being `bound`. NaN for too few units.

    If each unit is a yes or a no (1 or 0) it is that of the exact binomial test, else of Student's t test.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return NAN
    if 0 <= bound <= 1 and yes_or_no(values):
        return float(stats.binomtest(int(values.sum()), len(values), bound).pvalue)
    with warnings.catch_warnings(action="ignore"):  # SciPy warns if nothing varies
        return float(stats.ttest_1samp(values, bound).pvalue)


def yes_or_no(*groups: np.ndarray) -> bool:
    """Whether every unit of all groups is a 0 or a 1; False if a group is empty."""
    return all(len(group) and np.isin(group, (0, 1)).all() for group in groups)


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's correction of p-values for their number, in their order; NaN stays NaN and does not count.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN comes last
    steps = np.maximum.accumulate((len(order) - np.arange(len(order))) * p[order])
    corrected = np.full_like(p, np.nan)
    corrected[order] = np.minimum(steps, 1)
    return corrected


def explained_share(y: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """1 - Σw(y - predicted)² / Σw·y² of pairs: y and predicted (pairs,), weight (…, pairs) -> (…).

    1 is all, 0 no more than predicting 0 for each pair, less than 0 worse than that; NaN if all y are 0. It
    is R² about 0 and not about the mean: a value whose sign depends on the order in the pair has no mean.
    """
    total = weight @ y**2
    error = weight @ (y - predicted) ** 2
    return 1 - error / np.where(total > 0, total, np.nan)


def resampled_words(a: Sequence, b: Sequence, seed: int = 0, draws: int = 2000) -> np.ndarray:
    """Each pair's weight if *words* are resampled, (draws, pairs); a and b are the words of each pair.

    A weight is how often the pair's first word was drawn, times how often its second was: so two pairs that
    share a word do not count as two facts. Source: T. Snijders and S. Borgatti, "Non-parametric standard
    errors and tests for network statistics", 1999.
    """
    words = sorted({*a, *b})
    rng = np.random.default_rng(seed)
    times = rng.multinomial(len(words), np.full(len(words), 1 / len(words)), size=draws)  # (draws, words)
    first, second = (pd.Index(words).get_indexer(side) for side in (a, b))
    return times[:, first] * times[:, second]
