"""What noise does to definitions, counted: kept shares, how much a subject bears, and what that follows.

From the tables of `semantic_decay`. The measures beside the kept share, and the control of length, are ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nokenlab.experiments.semantic_decay import WORD
from nokenlab.statistics import bootstrap, rank_correlation, ratio_of_means, wilson

BITS = 0.1  # of divergence: from there on the first token's probabilities have moved
EXPLANATIONS = ("nearest", "norm", "distance", "sure")  # columns of a subjects table


def shares(table: pd.DataFrame, by: str = "family") -> pd.DataFrame:
    """Kept shares of a `disturb` table by "family" or "subject", and magnitude.

    Columns: `by`, magnitude, medians, rows, angle (median), kept (share), low, high (Wilson 95 %, over rows),
    first (share), first_low, first_high, kl (median, bits).
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


def halves(table: pd.DataFrame) -> pd.DataFrame:
    """How much noise each subject of a `disturb` table bears, a row a subject.

    Columns: subject, family, half (the magnitude where the share of kept definitions falls to one half),
    half_first (the same for the first token), moved (where the median kl comes to `BITS`). See `crossing`.
    """
    rows, families = [], table.groupby("subject")["family"].first()
    for name, some in shares(table, "subject").groupby("subject", sort=False):
        m = some["magnitude"].to_numpy()
        lost = [crossing(m, 1 - some[share].to_numpy(), 0.5) for share in ("kept", "first")]
        rows.append((name, families[name], *lost, crossing(m, some["kl"].to_numpy(), BITS)))
    return pd.DataFrame(rows, columns=["subject", "family", "half", "half_first", "moved"])


def by_family(halves: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Medians by family.

    Columns: family, subjects (count), nearest, distance, norm, half, half_first, moved, degrees (the angle by
    which noise of length `moved`, at right angles to the vector, turns it).
    """
    joined = halves.merge(subjects, on=["subject", "family"])
    joined["degrees"] = np.degrees(np.arctan(joined["moved"] / joined["norm"]))
    by = joined.groupby("family", sort=False)
    found = by[["nearest", "distance", "norm", "half", "half_first", "moved", "degrees"]].median()
    found.insert(0, "subjects", by.size())
    return found.reset_index()


def only_turned(table: pd.DataFrame) -> pd.DataFrame:
    """How much of the noise's change is left when the length is held, from a `disturb` table.

    Columns: subjects ("words", "nokens"), magnitude, medians, count (subjects), grown (median), kl, kl_turned
    (means, bits), share (kl_turned / kl), low, high (bootstrap 95 %, over subjects; none for one subject).
    """
    rows = []
    for name, some in _groups(table).items():
        for magnitude, one in some.groupby("magnitude"):
            kls = one.groupby("subject")[["kl", "kl_turned"]].mean()
            kl, turned = kls.mean()
            interval = bootstrap(ratio_of_means, kls["kl_turned"], kls["kl"])
            head = (name, magnitude, one["medians"].iloc[0], len(kls), one["grown"].median())
            rows.append((*head, kl, turned, turned / kl, *interval))
    names = ["count", "grown", "kl", "kl_turned", "share", "low", "high"]
    return pd.DataFrame(rows, columns=["subjects", "magnitude", "medians", *names])


def explained(halves: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Does what a subject bears follow one of the `EXPLANATIONS`? A row each: see `rank_correlation`.

    A unit is a subject. Columns: subjects ("words", "nokens"), count, of ("half", "moved"), explanation, rho,
    p, low, high.
    """
    rows = []
    for name, some in _groups(halves.merge(subjects, on=["subject", "family"])).items():
        for of in ("half", "moved"):
            for explanation in EXPLANATIONS:
                found = rank_correlation(some[explanation], some[of])
                rows.append((name, len(some), of, explanation, *found))
    names = ["subjects", "count", "of", "explanation", "rho", "p", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _groups(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of words and those of nokens, where there are any."""
    parts = {"words": table[table["family"] == WORD], "nokens": table[table["family"] != WORD]}
    return {name: part for name, part in parts.items() if len(part)}
