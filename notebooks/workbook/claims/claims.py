"""Claims: a question, the rows that answer it and the rule that decides; verdicts are computed.

Each experiment has its claims in `questions.yaml`, committed before the run that answers them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from nokenlab.errors import BadInput, first_line, short
from workbook.claims import statistics
from workbook.claims.statistics import FEWEST, NAN
from workbook.word_lists import read_yaml

WORKBOOK = Path(__file__).resolve().parents[1]  # one folder per experiment
HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "cannot tell"
COLUMNS = (
    *("claim", "question", "each", "unit", "n_units", "statistic"),
    *("estimate", "low", "high", "p", "holm", "rule", "verdict"),
)
NUMBER = r"-?\d+(?:\.\d+)?"
RULE = re.compile(rf"(?P<sign>[<>]) (?P<bound>{NUMBER})(?:, estimate (?P=sign) (?P<estimate>{NUMBER}))?")
SEPARATORS = {  # statistics of two columns: what stands between these in `value`
    "rank correlation": " with ",
    "ratio of columns": " / ",
    "sign test": " < ",
    "explained share": " by ",
}


class Claim(NamedTuple):
    """One claim. `STATISTICS` says how each statistic reads it.

    claim: a short name. notebook: the name of the notebook it belongs to. sweep: that which decides it.
    question, beside: the question and its null, in words. table: the name of the table whose rows answer.
    unit: the column whose values are one fact each, or two ("a, b") if facts are words and rows are pairs of
    them. each: a column whose values are answered separately, never pooled. value: a column, or two with a
    separator of `SEPARATORS`. a, b: which rows, as for `DataFrame.query`. rule: what the complete interval
    must meet, such as "> 0"; "> 0.2, estimate > 0.4" if the estimate must reach more. fewest: of units that
    have an interval.
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
    fewest: int = 0


def read_claims(name: str = "*/questions.yaml", folder: Path = WORKBOOK) -> list[Claim]:
    """The claims of a file, such as "definitions/questions.yaml", or of all files, in the order of notebooks.

    `name` is a path in `folder`. BadInput for a missing file, an invalid entry, and two claims of one name.
    """
    files = Path(folder).glob(name) if "*" in name else [Path(folder) / name]
    claims = [claim for file in files for claim in read_entries(file, "claims", Claim)]
    if not claims:
        raise BadInput(f"{folder} has no claims; they must be in {name}")
    for claim, count in Counter(claim.claim for claim in claims).items():
        if count > 1:
            raise BadInput(f"{folder}: {count} claims are named {claim!r}; a name may be used once")
    for claim in claims:
        _check(claim)
    return sorted(claims, key=lambda claim: claim.notebook)


def read_entries(file: Path, key: str, kind: type[NamedTuple]) -> list:
    """The list under `key` in a YAML file, each entry as a `kind`; `notebook` of the file is that of each.

    BadInput if the file has no such list, or an entry lacks a field or has one that `kind` does not have.
    """
    content = read_yaml(file)
    if not isinstance(content, dict) or not isinstance(content.get(key), list):
        raise BadInput(f"{file} must have a list `{key}:`")
    shared = {"notebook": content["notebook"]} if "notebook" in content else {}
    entries = []
    for entry in content[key]:
        try:
            entries.append(kind(**shared | entry))
        except TypeError as error:
            reason = first_line(error).removeprefix(f"{kind.__name__}.__new__() ")
            raise BadInput(f"{file.parent.name}/{file.name}: {short(entry)}: {reason}") from None
    return entries


def _check(claim: Claim) -> None:
    if claim.statistic not in STATISTICS:
        raise BadInput(f"{claim.claim}: statistic must be one of {', '.join(STATISTICS)}")
    if not RULE.fullmatch(str(claim.rule)):
        raise BadInput(f"{claim.claim}: rule must be < or > and a number, like '> 0'; got {claim.rule!r}")
    separator = SEPARATORS.get(claim.statistic)
    if separator and str(claim.value).count(separator) != 1:
        raise BadInput(f"{claim.claim}: value must be like 'x{separator}y'; got {claim.value!r}")


def older(claim: Claim, table: pd.DataFrame) -> bool:
    """Whether a table was made before the claim: it lacks a column of its value, unit or `each`."""
    separator = SEPARATORS.get(claim.statistic)
    values = claim.value.split(separator) if separator else [claim.value]
    return not {*values, *claim.unit.split(", "), claim.each} - {""} <= set(table)


def answers(claims: list[Claim], tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What the rows of tables, by name, answer: one row per claim and value of its `each` column.

    Columns: claim, question, each (that value), unit, n_units (of both groups), statistic, estimate, low,
    high (95 %, see `STATISTICS`), p (of a correlation or tested mean), holm (p corrected for their number in
    this table), rule, verdict. Claims whose table is missing are left out. BadInput if a table has no such
    column.
    """
    rows = [row for claim in claims if claim.table in tables for row in _answer(claim, tables[claim.table])]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["holm"] = statistics.holm(table["p"])
    table["verdict"] = [
        verdict(row.low, row.high, row.rule, row.holm, row.estimate) for row in table.itertuples()
    ]
    return table


def _answer(claim: Claim, table: pd.DataFrame) -> Iterator[dict]:
    same = {name: getattr(claim, name) for name in ("claim", "question", "unit", "statistic", "rule")}
    try:
        groups = table.groupby(claim.each, sort=False, observed=True) if claim.each else [("", table)]
        for value, rows in groups:
            answer = STATISTICS[claim.statistic](claim, rows)
            if answer.n_units < claim.fewest or not answer.low < answer.high:  # too few, or no unit differs
                answer = answer._replace(low=NAN, high=NAN)
            yield same | {"each": value} | answer._asdict()
    except (KeyError, NameError, SyntaxError, TypeError) as error:
        raise BadInput(f"{claim.claim}: table {claim.table} cannot answer: {first_line(error)}") from None


def verdict(low: float, high: float, rule: str, holm: float = NAN, estimate: float = NAN) -> str:
    """Whether a rule, such as "> 0", is met by all of an interval, by none of it, or undecided.

    Undecided without an interval, and if Holm's p of a correlation or tested mean is 0.05 or more. A rule
    such as "> 0.2, estimate > 0.4" holds if the estimate reaches its own bound too.
    """
    parts = RULE.fullmatch(rule)
    bound = float(parts["bound"])
    reach = float(parts["estimate"] or bound)
    if parts["sign"] == "<":  # the mirror image of >
        low, high, estimate, bound, reach = -high, -low, -estimate, -bound, -reach
    if not np.isfinite([low, high]).all() or holm >= 0.05:
        return UNDECIDED
    if low > bound and (parts["estimate"] is None or estimate > reach):
        return HOLDS
    return FAILS if high <= bound else UNDECIDED


def shown(answers: pd.DataFrame) -> pd.DataFrame:
    """Answers for reading: question, each, n_units, "estimate (low to high)", rule and verdict."""
    table = answers[["question", "each", "n_units", "rule", "verdict"]].copy()
    numbers = answers[["estimate", "low", "high"]].itertuples(index=False)
    table.insert(3, "estimate (low to high)", [interval(*row) for row in numbers])
    return table


def interval(estimate: float, low: float, high: float) -> str:
    """Three numbers as "0.91 (0.88 to 0.95)"; "0.91 (no interval)" for NaN."""
    ends = f"{low:.3g} to {high:.3g}" if np.isfinite([low, high]).all() else "no interval"
    return f"{estimate:.3g} ({ends})".replace("-", "−")


class Answer(NamedTuple):
    """The numbers of one answer."""

    n_units: int
    estimate: float = NAN
    low: float = NAN
    high: float = NAN
    p: float = NAN


def _units(claim: Claim, rows: pd.DataFrame, *sides: str) -> pd.DataFrame:
    """One row per unit that all sides have; the means of its rows, for each side and column of `value`."""
    separator = SEPARATORS.get(claim.statistic)
    columns = claim.value.split(separator) if separator else [claim.value]
    parts = [rows.query(side) if side else rows for side in sides]
    means = [part.groupby(claim.unit.split(", "), observed=True)[columns].mean() for part in parts]
    return pd.concat(means, axis=1, join="inner").dropna().astype(float)


def _values(claim: Claim, rows: pd.DataFrame, *sides: str) -> np.ndarray:
    """The same as an array: (sides * columns, units)."""
    return _units(claim, rows, *sides).to_numpy().T


def _estimated(statistic: Callable, *columns: np.ndarray) -> Answer:
    count = len(columns[0])
    if not count:
        return Answer(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(statistic(*columns, axis=-1))
        return Answer(count, estimate, *statistics.confidence_interval(statistic, *columns, fewest=FEWEST))


def _mean(claim: Claim, rows: pd.DataFrame) -> Answer:
    (values,) = _values(claim, rows, claim.a)
    if statistics.yes_or_no(values):
        return Answer(len(values), values.mean(), *statistics.share_interval(values.sum(), len(values)))
    return _estimated(np.mean, values)


def _tested_mean(claim: Claim, rows: pd.DataFrame) -> Answer:
    (values,) = _values(claim, rows, claim.a)
    bound = float(RULE.fullmatch(claim.rule)["bound"])
    return _mean(claim, rows)._replace(p=statistics.mean_test(values, bound))


def _paired_difference(claim: Claim, rows: pd.DataFrame) -> Answer:
    a, b = _values(claim, rows, claim.a, claim.b)
    if statistics.yes_or_no(a, b) and (a == b).all():  # no unit differs: the share that could
        reach = statistics.share_interval(0, len(a))[1]
        return Answer(len(a), 0.0, -reach, reach)
    return _estimated(np.mean, a - b)


def _ratio(claim: Claim, rows: pd.DataFrame) -> Answer:
    sides = [claim.a, claim.b] if claim.statistic == "paired ratio" else [claim.a]
    return _estimated(statistics.ratio_of_means, *_values(claim, rows, *sides))


def _sign_test(claim: Claim, rows: pd.DataFrame) -> Answer:
    left, right = _values(claim, rows, claim.a)
    below, count = (left < right).sum(), (left != right).sum()  # ties are left out
    if not count:
        return Answer(0)
    return Answer(count, below / count, *statistics.share_interval(below, count, "exact"))


def _difference_of_groups(claim: Claim, rows: pd.DataFrame) -> Answer:
    (a,), (b,) = _values(claim, rows, claim.a), _values(claim, rows, claim.b)
    if not len(a) or not len(b):
        return Answer(len(a) + len(b))
    if statistics.yes_or_no(a, b):
        ends = statistics.newcombe(a.sum(), len(a), b.sum(), len(b))
    else:
        ends = statistics.confidence_interval(
            statistics.difference_of_means, a, b, paired=False, fewest=FEWEST
        )
    return Answer(len(a) + len(b), a.mean() - b.mean(), *ends)


def _rank_correlation(claim: Claim, rows: pd.DataFrame) -> Answer:
    x, y = _values(claim, rows, claim.a)
    rho, p, low, high = statistics.rank_correlation(x, y)
    return Answer(len(x), rho, low, high, p)


def _explained_share(claim: Claim, rows: pd.DataFrame) -> Answer:
    pairs = _units(claim, rows, *([claim.a, claim.b] if claim.b else [claim.a]))
    if pairs.empty:
        return Answer(0)
    y, predicted, *control = pairs.to_numpy().T

    def shares(weights: np.ndarray) -> np.ndarray:
        share = statistics.explained_share(y, predicted, weights)
        return share - statistics.explained_share(*control, weights) if control else share

    words = pairs.index.to_frame().to_numpy().T
    count = len(set(words.ravel()))
    draws = [shares(statistics.resampled_words(*words, seed)) for seed in statistics.SEEDS]
    low, high = statistics.widest(map(statistics.middle_95, draws)) if count >= FEWEST else (NAN, NAN)
    return Answer(count, float(shares(np.ones(len(pairs)))), low, high)


# Intervals: units are resampled, each with all its rows and both sides of a pair. If each unit is 0 or 1 they
# are Wilson's and Newcombe's; of a sign test the exact one. None for fewer than FEWEST units to resample.
STATISTICS = {
    "mean": _mean,  # of units in rows a; of 0 and 1 it is a share
    "tested mean": _tested_mean,  # the same, with p against the rule's bound, for Holm's correction of many
    "paired difference": _paired_difference,  # the mean, over units, of rows a less rows b
    "paired ratio": _ratio,  # of the mean of rows a to that of rows b, of the same units
    "ratio of columns": _ratio,  # of their means
    "sign test": _sign_test,  # the share of units, ties left out, whose first column is the smaller one
    "difference of groups": _difference_of_groups,  # the mean of units in rows a less that of others in b
    "rank correlation": _rank_correlation,  # Spearman's, of two columns
    "explained share": _explained_share,  # of the pairs in rows a, less that in rows b if there is a b
}
