"""What noise does to definitions, counted: shares that are kept, how much a subject bears, what that follows.

From the tables of `semantic_decay.tables`. A unit is a subject, a word or a noken, never a row: the draws of
one subject are alike. Intervals are 95 %, of resampled subjects, and NaN for fewer than `FEWEST` subjects; if
all subjects are the same they have no width. The measures beside the kept share, and the controls, are ours.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from workbook import scale
from workbook.claims import statistics
from workbook.claims.statistics import FEWEST, confidence_interval, ratio_of_means
from workbook.semantic_decay.tables import WORD

BITS = 0.1  # of divergence: from there on the first token's probabilities have moved
EXPLANATIONS = ("nearest", "norm", "distance", "sure")  # columns of a subjects table


def shares(table: pd.DataFrame) -> pd.DataFrame:
    """Kept shares of a `disturb` table by family and magnitude.

    Columns: family, magnitude, medians, unit ("subject"), n_units, rows, angle (median), kept (share), low,
    high, first (share), first_low, first_high, kl (bits; the median of the subjects' medians).
    """
    rows = []
    for (family, magnitude), group in table.groupby(["family", "magnitude"], sort=False):
        units = group.groupby("subject")
        kept, first = units["kept"].mean(), units["first"].mean()
        row = {"family": family, "magnitude": magnitude, "medians": group["medians"].iloc[0]}
        row |= {"unit": "subject", "n_units": len(kept), "rows": len(group), "angle": group["angle"].median()}
        row["kept"] = kept.mean()
        row["low"], row["high"] = confidence_interval(np.mean, kept, fewest=FEWEST)
        row["first"] = first.mean()
        row["first_low"], row["first_high"] = confidence_interval(np.mean, first, fewest=FEWEST)
        row["kl"] = units["kl"].median().median()
        rows.append(row)
    return pd.DataFrame(rows)


def alike(table: pd.DataFrame) -> pd.DataFrame:
    """How alike the draws of one subject are, in whether the definition is kept: one row per family.

    One-way analysis of variance at each magnitude, its mean squares averaged over magnitudes. Columns:
    family, n_units, rows (at each magnitude), icc (intra-class correlation; 0: no more alike than draws of
    different subjects, 1: all the same), design_effect (1 + (draws - 1) icc: how many rows count as one),
    worth (rows / design_effect: so many independent rows would say as much). NaN for fewer than
    `FEWEST` subjects, and for one draw.
    """
    rows = []
    for family, group in table.assign(kept=table["kept"].astype(float)).groupby("family", sort=False):
        cells = group.groupby(["magnitude", "subject"])["kept"]
        means = cells.mean().unstack()  # (magnitudes, subjects)
        subjects = means.shape[1]
        draws = len(group) / means.size
        between = draws * means.var(axis=1).mean() if subjects >= FEWEST else np.nan
        within = cells.var().mean()
        icc = (between - within) / (between + (draws - 1) * within)
        effect = 1 + (draws - 1) * icc
        row = {"family": family, "n_units": subjects, "rows": int(draws * subjects), "icc": icc}
        rows.append(row | {"design_effect": effect, "worth": draws * subjects / effect})
    return pd.DataFrame(rows)


def matching(subjects: pd.DataFrame) -> pd.DataFrame:
    """How many subjects are matched, and how sure they are: one row per family, and one for all nokens.

    Columns: family, n_units, matched (count), sure (median), matched_sure (median of the matched).
    """
    groups = dict(list(subjects.groupby("family", sort=False)))
    nokens = subjects[subjects["family"] != WORD]
    if len(nokens):
        groups["nokens"] = nokens
    rows = []
    for family, group in groups.items():
        sure, matched = group["sure"], group["matched"]
        row = {"family": family, "n_units": len(group), "matched": matched.sum()}
        rows.append(row | {"sure": sure.median(), "matched_sure": sure[matched].median()})
    return pd.DataFrame(rows)


def against_words(table: pd.DataFrame) -> pd.DataFrame:
    """Nokens' kept shares less words', at each magnitude: by family, and among those that are matched.

    Columns: family ("r = 0.5", …, "matched"), magnitude, unit ("subject"), n_units (nokens), n_words, kept,
    words (shares), difference, low, high.
    """
    columns = ["family", "subject", "matched", "magnitude"]
    units = table.groupby(columns, sort=False, as_index=False)["kept"].mean()
    words, nokens = units[units["family"] == WORD], units[units["family"] != WORD]
    sides = {family: (group, words) for family, group in nokens.groupby("family", sort=False)}
    sides["matched"] = nokens[nokens["matched"]], words[words["matched"]]
    rows = []
    for family, both in sides.items():
        for magnitude in sorted(units["magnitude"].unique()):
            a, b = (side["kept"][side["magnitude"] == magnitude] for side in both)
            row = {"family": family, "magnitude": magnitude, "unit": "subject"}
            row |= {"n_units": len(a), "n_words": len(b), "kept": a.mean(), "words": b.mean()}
            row["difference"] = a.mean() - b.mean()
            row["low"], row["high"] = confidence_interval(
                statistics.difference_of_means, a, b, paired=False, fewest=FEWEST
            )
            rows.append(row)
    return pd.DataFrame(rows)


def crossing(magnitudes: Sequence[float], values: Sequence[float], level: float) -> float:
    """The magnitude at which values, over growing magnitudes, first reach `level`; infinite if they never do.

    Interpolated on the logarithm of the magnitude. 0 if the first value has reached it: it is somewhere
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
    """How much noise each subject of a `disturb` table bears, one row per subject.

    Columns: subject, half (the magnitude at which the share of kept definitions falls to one half),
    half_first (the same for the first token), moved (at which the median kl reaches `BITS`). See `crossing`.
    """
    rows = []
    for name, group in table.groupby("subject", sort=False):
        by = group.groupby("magnitude")
        lost, kl = 1 - by[["kept", "first"]].mean(), by["kl"].median()
        half, half_first = (crossing(lost.index, lost[column].to_numpy(), 0.5) for column in lost)
        moved = crossing(kl.index, kl.to_numpy(), BITS)
        rows.append({"subject": name, "half": half, "half_first": half_first, "moved": moved})
    return pd.DataFrame(rows)


def by_family(subjects: pd.DataFrame, unit: float = 1.0) -> pd.DataFrame:
    """Medians by family, of a table of subjects with the columns of `halves`.

    `unit` is the length of a unit of noise (see `scale.unit`). Columns: family, n_units, nearest, distance,
    norm, half, half_first, moved, degrees (the angle by which noise of `moved`, at right angles to the
    vector, turns it).
    """
    degrees = np.degrees(np.arctan(unit * subjects["moved"] / subjects["norm"]))
    by = subjects.assign(degrees=degrees).groupby("family", sort=False)
    medians = by[["nearest", "distance", "norm", "half", "half_first", "moved", "degrees"]].median()
    medians.insert(0, "n_units", by.size())
    return medians.reset_index()


def turned_or_longer(table: pd.DataFrame) -> pd.DataFrame:
    """How much of the noise's change a change of direction alone makes, and a change of length alone.

    From a `disturb` table. Held are the length of the vector without noise, and its direction.

    Columns: subjects ("words", "nokens"), magnitude, medians, unit ("subject"), n_units, grown (median), kl,
    kl_turned, kl_along (means, bits), turned (kl_turned / kl), turned_low, turned_high, longer
    (kl_along / kl), longer_low, longer_high. The two shares need not add up to 1.
    """
    rows = []
    for (subjects, magnitude), group in table.groupby([_words_or_nokens(table), "magnitude"], observed=True):
        units = group.groupby("subject")[["kl", "kl_turned", "kl_along"]].mean()
        row = {"subjects": subjects, "magnitude": magnitude, "medians": group["medians"].iloc[0]}
        row |= {"unit": "subject", "n_units": len(units), "grown": group["grown"].median(), **units.mean()}
        for share, column in (("turned", "kl_turned"), ("longer", "kl_along")):
            row[share] = ratio_of_means(units[column].to_numpy(), units["kl"].to_numpy())
            ends = confidence_interval(ratio_of_means, units[column], units["kl"], fewest=FEWEST)
            row[f"{share}_low"], row[f"{share}_high"] = ends
        rows.append(row)
    return pd.DataFrame(rows)


def explained(subjects: pd.DataFrame) -> pd.DataFrame:
    """Whether what a subject bears follows one of the `EXPLANATIONS`, one row each: see `rank_correlation`.

    Of a table of subjects with the columns of `halves`. Columns: subjects ("words", "nokens"), unit
    ("subject"), n_units, of ("half", "moved"), explanation ("norm, alike" where norms hardly differ), rho, p,
    low, high, holm (p, corrected for their number).
    """
    rows = []
    for name, group in subjects.groupby(_words_or_nokens(subjects), observed=True):
        for of in ("half", "moved"):
            for explanation in EXPLANATIONS:
                row = {"subjects": name, "unit": "subject", "n_units": len(group), "of": of}
                row["explanation"] = explanation
                if explanation == "norm" and scale.alike(torch.tensor(group["norm"].to_numpy())):
                    row["explanation"] = "norm, alike"
                rho, p, low, high = statistics.rank_correlation(group[explanation], group[of])
                rows.append(row | {"rho": rho, "p": p, "low": low, "high": high})
    table = pd.DataFrame(rows)
    return table.assign(holm=statistics.holm(table["p"]))


def _words_or_nokens(table: pd.DataFrame) -> pd.Categorical:
    """For each row "words" or "nokens", words first."""
    names = np.where(table["family"] == WORD, "words", "nokens")
    return pd.Categorical(names, ["words", "nokens"])
