"""What noise does to definitions, counted: kept shares, how much a subject bears, and what that follows.

From the tables of `decay`. The measures beside the kept share, and the control of length, are ours.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nokenlab.experiments.semantic_decay import WORD
from nokenlab.statistics import wilson

CANDIDATES = {
    "nearest": "distance to the nearest other token",
    "norm": "the vector's length",
    "distance": "distance from the centroid",
    "sure": "probability of the whole definition",
}


def shares(table: pd.DataFrame, by: str = "family") -> pd.DataFrame:
    """Kept shares of a `disturb` table by "family" or "subject", and magnitude.

    Columns: `by`, magnitude, medians, rows, angle (median), kept (share), low, high (Wilson 95 %), first
    (share), first_low, first_high, kl (median, bits).
    """
    rows = []
    for (name, magnitude), some in table.groupby([by, "magnitude"], sort=False):
        count, hits = len(some), [int(some[column].sum()) for column in ("kept", "first")]
        parts = [value for hit in hits for value in (hit / count, *wilson(hit, count))]
        head = (name, magnitude, some["medians"].iloc[0], count, some["angle"].median())
        rows.append((*head, *parts, some["kl"].median()))
    names = ["kept", "low", "high", "first", "first_low", "first_high", "kl"]
    return pd.DataFrame(rows, columns=[by, "magnitude", "medians", "rows", "angle", *names])


def crossing(magnitudes: Sequence[float], values: Sequence[float], level: float) -> float:
    """The magnitude where values, over growing magnitudes, first come to `level`; infinite if they never do.

    Interpolated on the logarithm of the magnitude. 0 where the first value is there already: it is somewhere
    between no noise and the smallest magnitude.
    """
    over = np.asarray(values, dtype=float) >= level
    if not over.any():
        return float("inf")
    first = int(over.argmax())
    if first == 0:
        return 0.0
    (a, b), (y, z) = np.log(magnitudes[first - 1 : first + 1]), values[first - 1 : first + 1]
    return float(np.exp(a + (b - a) * (level - y) / (z - y)))


def halves(table: pd.DataFrame, bits: float = 0.1) -> pd.DataFrame:
    """How much noise each subject of a `disturb` table bears, a row a subject.

    Columns: subject, family, half (the magnitude where the share of kept definitions falls to one half),
    half_first (the same for the first token), tenth (where the median kl comes to `bits`). See `crossing`.
    """
    rows, families = [], table.groupby("subject")["family"].first()
    for name, some in shares(table, "subject").groupby("subject", sort=False):
        m = some["magnitude"].to_numpy()
        lost = [crossing(m, 1 - some[share].to_numpy(), 0.5) for share in ("kept", "first")]
        rows.append((name, families[name], *lost, crossing(m, some["kl"].to_numpy(), bits)))
    return pd.DataFrame(rows, columns=["subject", "family", "half", "half_first", "tenth"])


def by_family(halves: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Medians by family.

    Columns: family, subjects (count), nearest, distance, norm, half, half_first, tenth, degrees (the angle by
    which noise of length `tenth`, at right angles to the vector, turns it).
    """
    joined = halves.merge(subjects, on=["subject", "family"])
    joined["degrees"] = np.degrees(np.arctan(joined["tenth"] / joined["norm"]))
    by = joined.groupby("family", sort=False)
    found = by[["nearest", "distance", "norm", "half", "half_first", "tenth", "degrees"]].median()
    found.insert(0, "subjects", by.size())
    return found.reset_index()


def only_turned(table: pd.DataFrame, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """How much of the noise's change is left when the length is held, from a `disturb` table.

    Columns: subjects ("words", "nokens"), magnitude, medians, count (subjects), grown (median), kl, kl_turned
    (means, bits), share (kl_turned / kl), low, high (95 % of `draws` bootstrap samples of subjects).
    """
    rows, luck = [], np.random.default_rng(seed)
    for name, some in _groups(table).items():
        for magnitude, one in some.groupby("magnitude"):
            kls = one.groupby("subject")[["kl", "kl_turned"]].mean().to_numpy()  # (subjects, 2)
            again = kls[luck.integers(len(kls), size=(draws, len(kls)))].mean(1)  # (draws, 2)
            low, high = np.quantile(again[:, 1] / again[:, 0], [0.025, 0.975])
            head = (name, magnitude, one["medians"].iloc[0], len(kls), one["grown"].median())
            mean = kls.mean(0)
            rows.append((*head, *mean, mean[1] / mean[0], low, high))
    names = ["count", "grown", "kl", "kl_turned", "share", "low", "high"]
    return pd.DataFrame(rows, columns=["subjects", "magnitude", "medians", *names])


def spearman(x: Sequence[float], y: Sequence[float], draws: int = 5000, seed: int = 0) -> tuple:
    """Rank correlation of x and y, its two-sided permutation p-value, and a bootstrap 95 % interval.

    Ties have their mean rank. Returns rho, p, low, high; NaN for fewer than 4 pairs, and where x or y does
    not vary.
    """
    pairs, luck = np.array([x, y], dtype=float), np.random.default_rng(seed)  # (2, n)
    n = pairs.shape[1]
    if n < 4 or (pairs == pairs[:, :1]).all(axis=1).any():
        return (float("nan"),) * 4
    rho = _correlation(pairs[:, None])[0]
    shuffled = luck.permuted(np.tile(pairs[1], (draws, 1)), axis=1)
    chance = _correlation(np.stack([np.tile(pairs[0], (draws, 1)), shuffled]))
    p = (1 + (np.abs(chance) >= abs(rho) - 1e-9).sum()) / (1 + draws)
    again = _correlation(pairs[:, luck.integers(n, size=(draws, n))])  # NaN where all of a sample are one
    return (rho, p, *np.nanquantile(again, [0.025, 0.975]))


def explained(halves: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Does what a subject bears follow one of the `CANDIDATES`? Rank correlations, see `spearman`.

    Columns: subjects ("words", "nokens"), count, of ("half", "tenth"), candidate, rho, p, low, high.
    """
    rows = []
    for name, some in _groups(halves.merge(subjects, on=["subject", "family"])).items():
        for of in ("half", "tenth"):
            for candidate in CANDIDATES:
                found = spearman(some[candidate], some[of])
                rows.append((name, len(some), of, candidate, *found))
    names = ["subjects", "count", "of", "candidate", "rho", "p", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _groups(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of words and those of nokens, where there are any."""
    parts = {"words": table[table["family"] == WORD], "nokens": table[table["family"] != WORD]}
    return {name: part for name, part in parts.items() if len(part)}


def _correlation(pairs: np.ndarray) -> np.ndarray:
    """Spearman's rho along the last axis: (2, samples, n) -> (samples,); NaN where one side does not vary."""
    ranks = np.stack([pd.DataFrame(side).rank(axis=1).to_numpy() for side in pairs])
    ranks -= ranks.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (ranks[0] * ranks[1]).sum(-1) / np.sqrt((ranks**2).sum(-1).prod(0))
