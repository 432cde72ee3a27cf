"""Claims: what was asked, in which rows, by which rule; and what the rows answer. The verdict is computed.

They stand in `notebooks/questions.yaml`, committed before the run that answers them. Needs no torch.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml

from nokenlab import statistics
from nokenlab.errors import BadInput

QUESTIONS = Path(__file__).parents[2] / "notebooks" / "questions.yaml"
HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "cannot tell"


class Claim(NamedTuple):
    """One claim. How each statistic reads it, see `STATISTICS`.

    claim: its short name. notebook, sweep: where it is asked, and the sweep that decides it. question: in
    words; beside: the null, in words. table: the rows, by the name of their table. unit: the column whose
    values are one fact each. each: a column whose values are answered apart, never pooled. value: a column;
    two for a correlation ("x with y") and for a ratio of columns ("x / y"). a, b: which rows, as
    `DataFrame.query` has it. rule: such as "> 0": what the whole interval must meet.
    """

    claim: str
    notebook: str
    sweep: str
    question: str
    table: str
    unit: str
    statistic: str
    value: str
    rule: str
    beside: str
    each: str = ""
    a: str = ""
    b: str = ""


def read_claims(notebook: str | None = None, file: Path = QUESTIONS) -> list[Claim]:
    """The claims of a notebook, or of all. Raises BadInput for an entry that lacks something."""
    found = []
    for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["claims"]:
        try:
            claim = Claim(**entry)
        except TypeError as error:
            raise BadInput(f"{file.name}: {entry.get('claim', 'a claim')}: {error}") from None
        if claim.statistic not in STATISTICS:
            raise BadInput(f"{file.name}: {claim.claim}: statistic is one of {', '.join(STATISTICS)}")
        found.append(claim)
    return [claim for claim in found if notebook in (None, claim.notebook)]


def answers(claims: list[Claim], tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What the rows of some tables, by name, answer: a row a claim and value of its `each` column.

    Columns: claim, each (that value), unit, n_units, statistic, estimate, low, high (95 %, units drawn anew;
    Wilson's for a share), p and holm (of a correlation: its permutation test, and Holm's correction over all
    correlations of this table), rule, verdict. Claims whose table is not there are left out.
    """
    rows = [row for claim in claims if claim.table in tables for row in _answer(claim, tables[claim.table])]
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    table["holm"] = statistics.holm(table["p"])
    table["verdict"] = [
        verdict(*row) for row in table[["low", "high", "rule", "holm"]].itertuples(index=False)
    ]
    return table


def verdict(low: float, high: float, rule: str, holm: float = float("nan")) -> str:
    """What a rule, such as "> 0", says of an interval: met by all of it, by none of it, or undecided.

    A correlation is undecided too where Holm's p is 0.05 or more.
    """
    sign, bound = rule.split()
    met = [end > float(bound) if sign == ">" else end < float(bound) for end in (low, high)]
    if np.isnan([low, high]).any() or holm >= 0.05 or met[0] != met[1]:
        return UNDECIDED
    return HOLDS if met[0] else FAILS


def _answer(claim: Claim, table: pd.DataFrame) -> Iterator[dict]:
    groups = table.groupby(claim.each, sort=False) if claim.each else [("", table)]
    for value, rows in groups:
        estimate, low, high, p, count = STATISTICS[claim.statistic](claim, rows)
        yield {
            "claim": claim.claim,
            "each": value,
            "unit": claim.unit,
            "n_units": count,
            "statistic": claim.statistic,
            "estimate": estimate,
            "low": low,
            "high": high,
            "p": p,
            "rule": claim.rule,
        }


def _by_unit(claim: Claim, rows: pd.DataFrame, where: str) -> pd.Series:
    """One number a unit: the mean of its rows."""
    return rows.query(where or "index == index").groupby(claim.unit)[claim.value].mean()


def _pairs(claim: Claim, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The two sides of each unit that has both."""
    both = pd.concat(
        [_by_unit(claim, rows, side) for side in (claim.a, claim.b)], axis=1, join="inner"
    ).dropna()
    return both.iloc[:, 0].to_numpy(float), both.iloc[:, 1].to_numpy(float)


def _mean(claim: Claim, rows: pd.DataFrame) -> tuple:
    values = _by_unit(claim, rows, claim.a).dropna().to_numpy(float)
    return values.mean(), *statistics.bootstrap(np.mean, values), float("nan"), len(values)


def _share(claim: Claim, rows: pd.DataFrame) -> tuple:
    """Of units, each of which has it or has not: its rows agree."""
    values = _by_unit(claim, rows, claim.a).dropna().to_numpy(float)
    hits = int((values > 0.5).sum())
    return hits / len(values), *statistics.wilson(hits, len(values)), float("nan"), len(values)


def _difference(claim: Claim, rows: pd.DataFrame) -> tuple:
    """Of each unit in rows a and in rows b."""
    a, b = _pairs(claim, rows)
    return (a - b).mean(), *statistics.bootstrap(np.mean, a - b), float("nan"), len(a)


def _ratio(claim: Claim, rows: pd.DataFrame) -> tuple:
    """Of the means of both sides; units are drawn whole."""
    a, b = _pairs(claim, rows)
    interval = statistics.bootstrap(statistics.ratio_of_means, a, b)
    return a.mean() / b.mean(), *interval, float("nan"), len(a)


def _ratio_of_columns(claim: Claim, rows: pd.DataFrame) -> tuple:
    """Of the means of two columns; units are drawn whole."""
    above, below = claim.value.split(" / ")
    both = rows.query(claim.a or "index == index").groupby(claim.unit)[[above, below]].mean().dropna()
    a, b = both[above].to_numpy(float), both[below].to_numpy(float)
    interval = statistics.bootstrap(statistics.ratio_of_means, a, b)
    return a.mean() / b.mean(), *interval, float("nan"), len(a)


def _between(claim: Claim, rows: pd.DataFrame) -> tuple:
    """The mean of units in rows a less that of other units in rows b."""
    a, b = (_by_unit(claim, rows, side).dropna().to_numpy(float) for side in (claim.a, claim.b))
    interval = statistics.bootstrap_difference(a, b)
    return a.mean() - b.mean(), *interval, float("nan"), len(a) + len(b)


def _correlation(claim: Claim, rows: pd.DataFrame) -> tuple:
    """Spearman's, of two columns."""
    x, y = claim.value.split(" with ")
    some = rows.query(claim.a or "index == index").groupby(claim.unit)[[x, y]].mean().dropna()
    rho, p, low, high = statistics.rank_correlation(some[x], some[y])
    return rho, low, high, p, len(some)


STATISTICS = {
    "mean": _mean,
    "share": _share,
    "paired difference": _difference,
    "paired ratio": _ratio,
    "ratio of columns": _ratio_of_columns,
    "difference of groups": _between,
    "rank correlation": _correlation,
}
