"""Intervals and tests, over SciPy. The unit of analysis is the caller's to say: one value a unit."""

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval for the share behind `hits` out of `count`: low, high, within 0 to 1.

    Source: E. B. Wilson, "Probable inference", 1927. It stays honest for few counts, and for none or all.
    """
    if not 0 <= hits <= count or count < 1:
        raise ValueError(f"{hits} out of {count} is no share")
    low, high = stats.binomtest(int(hits), int(count)).proportion_ci(method="wilson")
    return float(low), float(high)


def sign_test(below: int, above: int) -> tuple[float, float]:
    """The exact 95 % interval of the share below / (below + above): low, high. NaN where both are 0.

    `below` counts pairs whose first value is the smaller one, `above` the others; ties are left out. The
    two-sided sign test has p < 0.05 where 0.5 is outside. Source: C. Clopper and E. Pearson, "The use of
    confidence or fiducial limits illustrated in the case of the binomial", 1934.
    """
    if not below + above:
        return float("nan"), float("nan")
    low, high = stats.binomtest(int(below), int(below + above)).proportion_ci(method="exact")
    return float(low), float(high)


def newcombe(a_hits: int, a_count: int, b_hits: int, b_count: int) -> tuple[float, float]:
    """The 95 % interval of a difference of two shares, a less b: low, high.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions", 1998,
    method 10: the distances of both Wilson intervals' ends, put together as sides of a right angle.
    """
    a, b = a_hits / a_count, b_hits / b_count
    (a_low, a_high), (b_low, b_high) = wilson(a_hits, a_count), wilson(b_hits, b_count)
    return a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low)


def bootstrap(
    statistic: Callable[..., np.ndarray], *columns: Sequence[float], draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of a statistic when its units are drawn anew from themselves: low, high.

    `columns` are equally long, one value a unit in each; units are drawn whole. `statistic` takes such
    arrays (…, units) and the axis. NaN for fewer than two units. Draws without a value are left out.
    """
    values = [np.asarray(column, dtype=float) for column in columns]
    if len(values[0]) < 2:
        return float("nan"), float("nan")
    how = {"paired": True, "vectorized": True, "n_resamples": draws, "method": "percentile"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of draws in which nothing varies
        found = stats.bootstrap(values, statistic, rng=np.random.default_rng(seed), **how)
    low, high = np.nanquantile(found.bootstrap_distribution, [0.025, 0.975])
    return float(low), float(high)


def ratio_of_means(above: np.ndarray, below: np.ndarray, axis: int = -1) -> np.ndarray:
    """mean(above) / mean(below) along an axis, for `bootstrap`."""
    return above.mean(axis) / below.mean(axis)


def bootstrap_difference(
    a: Sequence[float], b: Sequence[float], draws: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The 95 % interval of mean(a) - mean(b), two groups of units, each drawn anew from itself: low, high.

    NaN where a group has fewer than two units.
    """
    if min(len(a), len(b)) < 2:
        return float("nan"), float("nan")
    how = {"n_resamples": draws, "method": "percentile", "rng": np.random.default_rng(seed)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of draws in which nothing varies
        found = stats.bootstrap((a, b), lambda a, b, axis: a.mean(axis) - b.mean(axis), **how)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


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


def mean_test(values: Sequence[float], bound: float) -> float:
    """The two-sided p of the mean of units against `bound`: is it another? NaN where that cannot be said.

    Where each unit is a yes or a no (1 or 0) it is the exact binomial test's, else Student's t test's.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return float("nan")
    if 0 <= bound <= 1 and np.isin(values, (0, 1)).all():
        return float(stats.binomtest(int(values.sum()), len(values), bound).pvalue)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns where nothing varies
        return float(stats.ttest_1samp(values, bound).pvalue)


def rank_correlation(
    x: Sequence[float], y: Sequence[float], draws: int = 5000, seed: int = 0
) -> tuple[float, float, float, float]:
    """Spearman's rank correlation of x and y, one value a unit: rho, p, low, high.

    p is that of a two-sided permutation test; low to high the 95 % bootstrap interval. NaN for fewer than 4
    units, and where x or y does not vary.
    """
    x, y = (stats.rankdata(side) for side in (x, y))  # infinity is a rank too
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return (float("nan"),) * 4
    shuffled = stats.PermutationMethod(n_resamples=draws, rng=np.random.default_rng(seed))
    test = stats.spearmanrho(x, y, method=shuffled)
    interval = bootstrap(_rho, x, y, draws=draws, seed=seed)
    return float(test.statistic), float(test.pvalue), *interval


def _rho(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
    return stats.spearmanrho(x, y, axis=axis).statistic
