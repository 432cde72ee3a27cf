"""What noise does to definitions, counted: kept shares, how much a subject bears, and what that follows.

From the tables of `semantic_decay`. A unit is a subject, a word or a noken, never a row: the draws of one
subject are alike. Intervals are 95 %, from subjects drawn anew, and NaN for fewer than `FEWEST` subjects;
where all subjects are the same they have no width. The measures beside the kept share, and the controls, are
ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from workbook.claims.claims import FEWEST
from workbook.claims.statistics import bootstrap, bootstrap_difference, holm, rank_correlation, ratio_of_means
from workbook.semantic_decay.tables import WORD

BITS = 0.1  # of divergence: from there on the first token's probabilities have moved
EXPLANATIONS = ("nearest", "norm", "distance", "sure")  # columns of a subjects table


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Kept shares of a `disturb` table by family and magnitude.

    Columns: family, magnitude, medians, unit ("subject"), n_units, rows, angle (median), kept (share), low,
    high, first (share), first_low, first_high, kl (bits; the median of the subjects' medians).
    """
    rows = []
    for (family, magnitude), some in table.groupby(["family", "magnitude"], sort=False):
        units = some.groupby("subject")
        means = units[["kept", "first"]].mean()
        parts = [value for name in means for value in (means[name].mean(), *_interval(np.mean, means[name]))]
        head = (family, magnitude, some["medians"].iloc[0], "subject", len(means), len(some))
        rows.append((*head, some["angle"].median(), *parts, units["kl"].median().median()))
    names = ["family", "magnitude", "medians", "unit", "n_units", "rows", "angle"]
    names += ["kept", "low", "high", "first", "first_low", "first_high", "kl"]
    return pd.DataFrame(rows, columns=names)


def alike(table: pd.DataFrame) -> pd.DataFrame:
    """How alike the draws of one subject are, in whether the definition is kept: a row a family.

    One-way analysis of variance at each magnitude, its mean squares averaged over magnitudes. Columns:
    family, n_units, rows (at each magnitude), icc (intra-class correlation; 0: no more alike than draws of
    different subjects, 1: all the same), design_effect (1 + (draws - 1) icc: how many rows count as one),
    worth (rows / design_effect: so many independent rows would say as much). NaN for fewer than
    `FEWEST` subjects, and for one draw.
    """
    rows = []
    for family, some in table.assign(kept=table["kept"].astype(float)).groupby("family", sort=False):
        cells = some.groupby(["magnitude", "subject"])["kept"]
        means = cells.mean().unstack()  # (magnitudes, subjects)
        draws = len(some) / means.size
        between, within = draws * means.var(axis=1).mean(), cells.var().mean()
        between = between if means.shape[1] >= FEWEST else np.nan
        icc = (between - within) / (between + (draws - 1) * within)
        effect, count = 1 + (draws - 1) * icc, draws * means.shape[1]
        rows.append((family, means.shape[1], int(count), icc, effect, count / effect))
    names = ["family", "n_units", "rows", "icc", "design_effect", "worth"]
    return pd.DataFrame(rows, columns=names)


def matching(subjects: pd.DataFrame) -> pd.DataFrame:
    """Who is matched, and how sure they are: a row a family, and one for all nokens.

    Columns: family, n_units, matched (count), sure (median), matched_sure (median of the matched).
    """
    parts = dict(list(subjects.groupby("family", sort=False))) | _groups(subjects)
    parts.pop("words", None)  # a family already
    rows = []
    for name, some in parts.items():
        sure, matched = some["sure"], some["matched"]
        rows.append((name, len(some), matched.sum(), sure.median(), sure[matched].median()))
    return pd.DataFrame(rows, columns=["family", "n_units", "matched", "sure", "matched_sure"])


def against_words(table: pd.DataFrame) -> pd.DataFrame:
    """Nokens' kept shares less words', at each magnitude: by family, and among those that are matched.

    Columns: family ("r = 0.5", …, "matched"), magnitude, unit ("subject"), n_units (nokens), n_words, kept,
    words (shares), difference, low, high.
    """
    by = ["family", "subject", "matched", "magnitude"]
    units = table.groupby(by, sort=False, as_index=False)["kept"].mean()
    words, nokens = units[units["family"] == WORD], units[units["family"] != WORD]
    sides = {family: (some, words) for family, some in nokens.groupby("family", sort=False)}
    sides["matched"] = nokens[nokens["matched"]], words[words["matched"]]
    rows = []
    for name, both in sides.items():
        for magnitude in sorted(units["magnitude"].unique()):
            a, b = (side["kept"][side["magnitude"] == magnitude] for side in both)
            head = (name, magnitude, "subject", len(a), len(b), a.mean(), b.mean())
            interval = bootstrap_difference(a, b) if min(len(a), len(b)) >= FEWEST else (np.nan, np.nan)
            rows.append((*head, a.mean() - b.mean(), *interval))
    names = ["family", "magnitude", "unit", "n_units", "n_words", "kept", "words"]
    names += ["difference", "low", "high"]
    return pd.DataFrame(rows, columns=names)


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

    Columns: subject, half (the magnitude where the share of kept definitions falls to one half), half_first
    (the same for the first token), moved (where the median kl comes to `BITS`). See `crossing`.
    """
    rows = []
    for name, some in table.groupby("subject", sort=False):
        by = some.groupby("magnitude")
        lost, kl = 1 - by[["kept", "first"]].mean(), by["kl"].median().to_numpy()
        half, first = (crossing(lost.index, lost[share].to_numpy(), 0.5) for share in lost)
        rows.append((name, half, first, crossing(lost.index, kl, BITS)))
    return pd.DataFrame(rows, columns=["subject", "half", "half_first", "moved"])


def by_family(subjects: pd.DataFrame) -> pd.DataFrame:
    """Medians by family, of a table of subjects with the columns of `halves`.

    Columns: family, n_units, nearest, distance, norm, half, half_first, moved, degrees (the angle by which
    noise of length `moved`, at right angles to the vector, turns it).
    """
    degrees = np.degrees(np.arctan(subjects["moved"] / subjects["norm"]))
    by = subjects.assign(degrees=degrees).groupby("family", sort=False)
    found = by[["nearest", "distance", "norm", "half", "half_first", "moved", "degrees"]].median()
    found.insert(0, "n_units", by.size())
    return found.reset_index()


def turned_or_longer(table: pd.DataFrame) -> pd.DataFrame:
    """How much of the noise's change a turn alone makes, and a change of length alone.

    From a `disturb` table. Held are the length of the vector without noise, and its direction.

    Columns: subjects ("words", "nokens"), magnitude, medians, unit ("subject"), n_units, grown (median), kl,
    kl_turned, kl_along (means, bits), turned (kl_turned / kl), turned_low, turned_high, longer
    (kl_along / kl), longer_low, longer_high. The two shares need not add up to 1.
    """
    rows = []
    for name, some in _groups(table).items():
        for magnitude, one in some.groupby("magnitude"):
            units = one.groupby("subject")[["kl", "kl_turned", "kl_along"]].mean()
            parts = []
            for part in ("kl_turned", "kl_along"):
                interval = _interval(ratio_of_means, units[part], units["kl"])
                parts += [units[part].mean() / units["kl"].mean(), *interval]
            head = (name, magnitude, one["medians"].iloc[0], "subject", len(units), one["grown"].median())
            rows.append((*head, *units.mean(), *parts))
    names = ["subjects", "magnitude", "medians", "unit", "n_units", "grown", "kl", "kl_turned", "kl_along"]
    names += [f"{part}{end}" for part in ("turned", "longer") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=names)


def explained(subjects: pd.DataFrame) -> pd.DataFrame:
    """Does what a subject bears follow one of the `EXPLANATIONS`? A row each: see `rank_correlation`.

    Of a table of subjects with the columns of `halves`. Columns: subjects ("words", "nokens"), unit
    ("subject"), n_units, of ("half", "moved"), explanation, rho, p, low, high, holm (p, corrected for their
    number).
    """
    rows = []
    for name, some in _groups(subjects).items():
        for of in ("half", "moved"):
            for explanation in EXPLANATIONS:
                rho, p, *interval = rank_correlation(some[explanation], some[of])
                low, high = interval if len(some) >= FEWEST else (np.nan, np.nan)
                rows.append((name, "subject", len(some), of, explanation, rho, p, low, high))
    names = ["subjects", "unit", "n_units", "of", "explanation", "rho", "p", "low", "high"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(holm=holm(table["p"]))


def _interval(statistic: Callable[..., np.ndarray], *columns: pd.Series) -> tuple[float, float]:
    """`bootstrap`'s, over subjects, where they are enough."""
    return bootstrap(statistic, *columns) if len(columns[0]) >= FEWEST else (np.nan, np.nan)


def _groups(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of words and those of nokens, where there are any."""
    parts = {"words": table[table["family"] == WORD], "nokens": table[table["family"] != WORD]}
    return {name: part for name, part in parts.items() if len(part)}
