"""Claims: what was asked, in which rows, by which rule; and what the rows answer. The verdict is computed.

They stand in `notebooks/questions`, a file a notebook, committed before the run that answers them. Needs no
torch.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml

from nokenlab.errors import BadInput, first_line
from workbook.claims import explained, statistics

WORKBOOK = Path(__file__).resolve().parents[1]  # a folder an experiment, its questions.yaml among the rest
HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "cannot tell"
FEWEST = 10  # units for a bootstrap: of fewer its 95 % interval holds the truth in under nine of ten cases
NAN = float("nan")
NUMBER = r"-?\d+(?:\.\d+)?"
RULE = re.compile(rf"(?P<sign>[<>]) (?P<bound>{NUMBER})(?:, estimate (?P=sign) (?P<estimate>{NUMBER}))?")


class Claim(NamedTuple):
    """One claim. How each statistic reads it, see `STATISTICS`.

    claim: its short name. notebook, sweep: where it is asked, its file's name, and the sweep that decides it.
    question, beside: it and the null in words. table: the rows, by their table's name. unit: the column whose
    values are one fact each; two, "a, b", where facts are words and rows pairs of them. each: a column whose
    values are answered apart, never pooled. value: a column; two for a correlation ("x with y"), for a ratio
    of columns ("x / y"), for a sign test ("x < y") and for what is explained ("x by y"). a, b: which rows, as
    `DataFrame.query` has it. rule: such as "> 0", what the whole interval must meet; or "> 0.2, estimate >
    0.4", where the estimate must reach more. fewest: of fewer units there is no interval.
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


def read(file: Path, key: str) -> list:
    """The list that stands under `key` in a YAML file. Raises BadInput, in one line, where there is none."""
    return _read(file, key)[key]


def read_claims(name: str = "*/questions.yaml", folder: Path = WORKBOOK) -> list[Claim]:
    """The claims of a file, such as "definitions/questions.yaml", or of all files, in the notebooks' order.

    `name` is a path from `folder`. Raises BadInput, in one line, where there is no such file, for an entry
    that is not whole, and for two claims of one name.
    """
    claims = []
    for file in Path(folder).glob(name) if "*" in name else [Path(folder) / name]:
        content = _read(file, "claims")
        claims += [_claim(entry, str(content.get("notebook")), file) for entry in content["claims"]]
    if not claims:
        raise BadInput(f"{folder} has no claims: a file {name} is wanted")
    for claim, count in Counter(claim.claim for claim in claims).items():
        if count > 1:
            raise BadInput(f"{folder}: {claim}: is there twice")
    return sorted(claims, key=lambda claim: claim.notebook)


def _read(file: Path, key: str) -> dict:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}; {key} are kept there") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{file} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not isinstance(content.get(key), list):
        raise BadInput(f"{file} wants a list `{key}:`")
    return content


def _claim(entry: object, notebook: str, file: Path) -> Claim:
    name = entry.get("claim", "a claim") if isinstance(entry, dict) else entry
    where = f"{file.parent.name}/{file.name}: {name}:"
    try:
        claim = Claim(notebook=notebook, **entry)
    except TypeError as error:
        said = first_line(error).removeprefix("Claim.__new__() ")
        raise BadInput(f"{where} {said}") from None
    if claim.statistic not in STATISTICS:
        raise BadInput(f"{where} statistic is one of {', '.join(STATISTICS)}")
    if not RULE.fullmatch(str(claim.rule)):
        raise BadInput(f"{where} rule wants < or > and a number, such as '> 0', got {claim.rule!r}")
    between = BETWEEN.get(claim.statistic, "")
    if between and str(claim.value).count(between) != 1:
        raise BadInput(f"{where} value wants two columns, such as 'x{between}y', got {claim.value!r}")
    return claim


def answers(claims: list[Claim], tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What the rows of some tables, by name, answer: a row a claim and value of its `each` column.

    Columns: claim, question, each (that value), unit, n_units (of both groups), statistic, estimate, low,
    high (95 %, see `STATISTICS`), p (of a correlation or tested mean), holm (it, corrected over all this
    table), rule, verdict. Claims without their table are left out. Raises BadInput, in one line, where a
    table lacks a column.
    """
    rows = [row for claim in claims if claim.table in tables for row in _answer(claim, tables[claim.table])]
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["holm"] = statistics.holm(table["p"])
    numbers = (table[name] for name in ("low", "high", "rule", "holm", "estimate"))
    table["verdict"] = list(map(verdict, *numbers))
    return table


COLUMNS = (
    *("claim", "question", "each", "unit", "n_units", "statistic"),
    *("estimate", "low", "high", "p", "holm", "rule", "verdict"),
)


def _answer(claim: Claim, table: pd.DataFrame) -> Iterator[dict]:
    same = {name: getattr(claim, name) for name in ("claim", "question", "unit", "statistic", "rule")}
    try:
        groups = table.groupby(claim.each, sort=False, observed=True) if claim.each else [("", table)]
        for value, rows in groups:
            count, estimate, low, high, p = STATISTICS[claim.statistic](claim, rows)
            known = low < high and count >= claim.fewest  # nothing differs, or too few: none
            low, high = (low, high) if known else (NAN, NAN)
            found = {"n_units": count, "estimate": estimate, "low": low, "high": high, "p": p}
            yield same | {"each": value} | found
    except (KeyError, NameError, SyntaxError, TypeError) as error:
        raise BadInput(f"{claim.claim}: table {claim.table} cannot answer: {first_line(error)}") from None


def verdict(low: float, high: float, rule: str, holm: float = NAN, estimate: float = NAN) -> str:
    """What a rule, such as "> 0", says of an interval: met by all of it, by none of it, or undecided.

    A correlation or tested mean is undecided too where Holm's p is 0.05 or more; and all is without interval.
    A rule such as "> 0.2, estimate > 0.4" is met where the estimate reaches its own bound too, and is not
    where none of the interval does.
    """
    found = RULE.fullmatch(rule)
    sign, bound = found["sign"], float(found["bound"])
    reach = float(found["estimate"] or bound)
    low, high, estimate = (low, high, estimate) if sign == ">" else (-high, -low, -estimate)
    bound, reach = (bound, reach) if sign == ">" else (-bound, -reach)
    if not np.isfinite([low, high]).all() or holm >= 0.05:
        return UNDECIDED
    if low > bound and (found["estimate"] is None or estimate > reach):
        return HOLDS
    return FAILS if high <= reach else UNDECIDED


def shown(answers: pd.DataFrame) -> pd.DataFrame:
    """The same to read: question, each, n_units, "estimate (low to high)", rule and verdict."""
    ends = zip(answers["estimate"], answers["low"], answers["high"], strict=True)
    table = answers[["question", "each", "n_units", "rule", "verdict"]].copy()
    table.insert(3, "estimate (low to high)", [interval(*row) for row in ends])
    return table


def interval(estimate: float, low: float, high: float) -> str:
    """Three numbers as "0.91 (0.88 to 0.95)"; "0.91 (no interval)" for NaN."""
    ends = f"{low:.3g} to {high:.3g}" if np.isfinite([low, high]).all() else "no interval"
    return f"{estimate:.3g} ({ends})".replace("-", "−")


def _units(claim: Claim, rows: pd.DataFrame, where: str, *columns: str) -> pd.DataFrame:
    """One number a unit and column: the mean of its rows."""
    some = rows.query(where) if where else rows
    return some.groupby(claim.unit.split(", "), observed=True)[list(columns)].mean().dropna().astype(float)


def _pairs(claim: Claim, rows: pd.DataFrame) -> np.ndarray:
    """Both sides of each unit that has both: (2, units)."""
    a, b = (_units(claim, rows, side, claim.value) for side in (claim.a, claim.b))
    return pd.concat([a, b], axis=1, join="inner").to_numpy().T


def _drawn(statistic: Callable, *columns: np.ndarray) -> tuple:
    """n, the estimate, and its interval when units are drawn anew, if there are enough of them."""
    count = len(columns[0])
    if not count:
        return 0, NAN, NAN, NAN, NAN
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(statistic(*columns, axis=-1))
        low, high = statistics.bootstrap(statistic, *columns) if count >= FEWEST else (NAN, NAN)
    return count, estimate, low, high, NAN


def _yes_or_no(*groups: np.ndarray) -> bool:
    """Whether each unit is a 0 or a 1."""
    return all(len(group) and np.isin(group, (0, 1)).all() for group in groups)


def _mean(claim: Claim, rows: pd.DataFrame) -> tuple:
    values = _units(claim, rows, claim.a, claim.value)[claim.value].to_numpy()
    if _yes_or_no(values):
        return len(values), values.mean(), *statistics.wilson(values.sum(), len(values)), NAN
    return _drawn(np.mean, values)


def _tested_mean(claim: Claim, rows: pd.DataFrame) -> tuple:
    values, bound = _units(claim, rows, claim.a, claim.value)[claim.value], claim.rule.split()[1]
    return *_mean(claim, rows)[:4], statistics.mean_test(values, float(bound.strip(",")))


def _difference(claim: Claim, rows: pd.DataFrame) -> tuple:
    a, b = _pairs(claim, rows)
    if _yes_or_no(a, b) and not (a - b).any():  # no unit differs; so many could
        reach = statistics.wilson(0, len(a))[1]
        return len(a), 0.0, -reach, reach, NAN
    return _drawn(np.mean, a - b)


def _ratio(claim: Claim, rows: pd.DataFrame) -> tuple:
    return _drawn(statistics.ratio_of_means, *_pairs(claim, rows))


def _ratio_of_columns(claim: Claim, rows: pd.DataFrame) -> tuple:
    both = _units(claim, rows, claim.a, *claim.value.split(" / "))
    return _drawn(statistics.ratio_of_means, *both.to_numpy().T)


def _sign_test(claim: Claim, rows: pd.DataFrame) -> tuple:
    left, right = _units(claim, rows, claim.a, *claim.value.split(" < ")).to_numpy().T
    below, above = (left < right).sum(), (left > right).sum()
    share = below / (below + above) if below + above else NAN
    return below + above, share, *statistics.sign_test(below, above), NAN


def _between(claim: Claim, rows: pd.DataFrame) -> tuple:
    a, b = (_units(claim, rows, side, claim.value)[claim.value].to_numpy() for side in (claim.a, claim.b))
    count, low, high = len(a) + len(b), NAN, NAN
    if _yes_or_no(a, b):
        low, high = statistics.newcombe(a.sum(), len(a), b.sum(), len(b))
    elif min(len(a), len(b)) >= FEWEST:
        low, high = statistics.bootstrap_difference(a, b)
    estimate = a.mean() - b.mean() if len(a) and len(b) else NAN
    return count, estimate, low, high, NAN


def _correlation(claim: Claim, rows: pd.DataFrame) -> tuple:
    both = _units(claim, rows, claim.a, *claim.value.split(" with "))
    rho, p, low, high = statistics.rank_correlation(*both.to_numpy().T)
    low, high = (low, high) if len(both) >= FEWEST else (NAN, NAN)
    return len(both), rho, low, high, p


def _explained(claim: Claim, rows: pd.DataFrame) -> tuple:
    """Of the pairs in rows a, with words drawn anew; less what is explained in rows b, if asked for."""
    asked = [claim.a, claim.b] if claim.b else [claim.a]
    sides = [_units(claim, rows, side, *claim.value.split(" by ")) for side in asked]
    pairs = pd.concat(sides, axis=1, join="inner")
    if pairs.empty:
        return 0, NAN, NAN, NAN, NAN
    words, drawn = explained.by_words(*pairs.index.to_frame().to_numpy().T)
    weights = np.vstack([np.ones(len(pairs)), drawn])  # all pairs once, then as drawn
    columns = pairs.to_numpy().T
    found = explained.share(*columns[:2], weights)
    if claim.b:
        found = found - explained.share(*columns[2:], weights)
    low, high = explained.interval(found[1:]) if words >= FEWEST else (NAN, NAN)
    return words, found[0], low, high, NAN


BETWEEN = {"rank correlation": " with ", "ratio of columns": " / "}  # two columns
BETWEEN |= {"sign test": " < ", "explained share": " by "}

# Intervals: units drawn anew, each with all its rows, a pair as one; Wilson's and Newcombe's where each unit
# is 0 or 1; of a sign test the exact one. None for fewer than FEWEST to draw, nor where nothing differs.
STATISTICS = {
    "mean": _mean,  # of units in rows a; of 0 and 1 it is a share
    "tested mean": _tested_mean,  # the same, with p of the rule's bound, for Holm where there are many
    "paired difference": _difference,  # of each unit in rows a and in rows b
    "paired ratio": _ratio,  # of the means of both sides
    "ratio of columns": _ratio_of_columns,  # of their means
    "sign test": _sign_test,  # the share of units, ties left out, whose one column is less than the other
    "difference of groups": _between,  # the mean of units in rows a less that of other units in rows b
    "rank correlation": _correlation,  # Spearman's, of two columns
    "explained share": _explained,  # see explained.py: of rows a, or of rows a less that of rows b
}
