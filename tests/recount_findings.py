"""Every number of results/findings.csv counted again from the sweeps' kept rows, with pandas and SciPy alone.

    python tests/recount_findings.py [RESULTS]

prints each answer, ours and the recount. Nothing of nokenlab is imported. What is asked of which rows stands
in notebooks/questions.
"""

import re
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import stats

ROOT = Path(__file__).parents[1]
NUMBERS = ["n_units", "estimate", "low", "high", "p", "holm"]
NONE = (np.nan, np.nan)


def asked(claim, rows):
    """The columns that a claim asks for, and two more: which rows are of its sides a and b."""
    own = {claim.get("each", ""), *claim["unit"].split(", "), *columns_of(claim)} - {""}
    sides = {f"of {s}": rows.eval(claim[s]) if claim.get(s) else True for s in "ab"}
    return rows[sorted(own)].assign(**sides)


def columns_of(claim):
    """The columns of its numbers, one or two."""
    return re.split(" with | / | < | by ", claim["value"])


def units(rows, side, unit, names):
    """One value a unit and column, the mean of its rows."""
    return rows[rows[f"of {side}"]].groupby(unit)[names].mean().dropna().astype(float)


def mean(x, axis=-1):
    return x.mean(axis)


def ratio(x, y, axis=-1):
    return x.mean(axis) / y.mean(axis)


def less(x, y, axis=-1):
    return x.mean(axis) - y.mean(axis)


def rho(x, y, axis=-1):
    return stats.spearmanrho(x, y, axis=axis).statistic


def drawn(statistic, *columns, paired=True, draws=2000):
    """The middle 95 % of a statistic over units drawn anew, with seed 0; none for fewer than ten units."""
    if min(map(len, columns)) < 10:
        return NONE
    how = {"paired": paired, "n_resamples": draws, "rng": np.random.default_rng(0), "method": "percentile"}
    with warnings.catch_warnings(action="ignore"):  # of draws in which nothing varies
        found = stats.bootstrap(columns, statistic, vectorized=True, **how).bootstrap_distribution
    low, high = np.nanquantile(found, [0.025, 0.975])
    return (low, high) if low < high else NONE


def yes_or_no(*groups):
    return all(len(group) and set(group) <= {0, 1} for group in groups)


def wilson(values):
    return stats.binomtest(int(values.sum()), len(values)).proportion_ci(method="wilson")


def newcombe(x, y):
    (a, b), (c, d), p, q = wilson(x), wilson(y), x.mean(), y.mean()
    return p - q - np.sqrt((p - a) ** 2 + (d - q) ** 2), p - q + np.sqrt((b - p) ** 2 + (q - c) ** 2)


def signs(x, y):
    """How many units differ, the share with x < y, and its exact interval."""
    fewer, more = (x < y).sum(), (x > y).sum()
    if not fewer + more:
        return 0, np.nan, *NONE
    test = stats.binomtest(int(fewer), int(fewer + more))
    return test.n, test.statistic, *test.proportion_ci(method="exact")


def count(claim, rows):
    """n, estimate, low, high and p of a claim in some of the rows that `asked` gives."""
    how, names = claim["statistic"], columns_of(claim)
    if how == "explained share":
        return explained(claim, rows, *names)
    a, b = (units(rows, side, claim["unit"], names) for side in "ab")
    if how == "difference of groups":
        x, y = a.to_numpy()[:, 0], b.to_numpy()[:, 0]
        ends = newcombe(x, y) if yes_or_no(x, y) else drawn(less, x, y, paired=False)
        return len(x) + len(y), less(x, y), *ends, np.nan
    if how == "sign test":
        return *signs(*a.to_numpy().T), np.nan
    columns = (pd.concat([a, b], axis=1, join="inner") if how.startswith("paired") else a).to_numpy().T
    n = columns.shape[1]
    if how == "rank correlation":
        x, y = stats.rankdata(columns, axis=1)
        shuffled = stats.PermutationMethod(n_resamples=5000, rng=np.random.default_rng(0))
        return n, rho(x, y), *drawn(rho, x, y, draws=5000), stats.spearmanrho(x, y, method=shuffled).pvalue
    if how == "paired difference":
        if yes_or_no(*columns) and (columns[0] == columns[1]).all():
            reach = wilson(0 * columns[0]).high
            return n, 0, -reach, reach, np.nan
        columns = [columns[0] - columns[1]]
    if how == "tested mean":
        (values,), bound = columns, float(claim["rule"].split()[1])
        exact = yes_or_no(values) and 0 <= bound <= 1
        ends = wilson(values) if yes_or_no(values) else drawn(mean, values)
        test = stats.binomtest(int(values.sum()), n, bound) if exact else stats.ttest_1samp(values, bound)
        return n, values.mean(), *ends, test.pvalue
    statistic = mean if len(columns) == 1 else ratio
    certain = how == "mean" and yes_or_no(*columns)
    ends = wilson(*columns) if certain else drawn(statistic, *columns)
    return n, statistic(*columns), *ends, np.nan


def explained(claim, rows, y, predicted):
    """What predictions explain of pairs about 0, in rows a less in rows b, with words drawn anew."""
    keys = claim["unit"].split(", ")
    sides = [units(rows, side, keys, [y, predicted]) for side in "ab" if claim.get(side)]
    both = sorted(set.intersection(*(set(some.index) for some in sides)))
    words = sorted({word for pair in both for word in pair})
    if not words:
        return 0, np.nan, *NONE, np.nan
    times = np.random.default_rng(0).multinomial(len(words), [1 / len(words)] * len(words), size=2000)
    found = np.zeros(2001)
    at = [[words.index(pair[place]) for pair in both] for place in (0, 1)]
    weight = np.concatenate([np.ones((1, len(both))), times[:, at[0]] * times[:, at[1]]])
    for sign, some in zip((1, -1), sides, strict=False):
        some = some.loc[both]
        error = (weight * (some[y] - some[predicted]).to_numpy() ** 2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found += sign * (1 - error / (weight * some[y].to_numpy() ** 2).sum(axis=1))
    drawn = found[1:][np.isfinite(found[1:])]
    ends = np.quantile(drawn, [0.025, 0.975]) if len(words) >= 10 and len(drawn) else NONE
    return len(words), found[0], *ends, np.nan


def verdict(row):
    low, high, estimate, rule = row["low"], row["high"], row["estimate"], row["rule"].replace(",", "").split()
    bound, reach = float(rule[1]), float(rule[-1])  # "> 0", or "> 0.2, estimate > 0.4"
    if rule[0] == "<":  # the same as > in a mirror
        low, high, estimate, bound, reach = -high, -low, -estimate, -bound, -reach
    if not np.isfinite([low, high]).all() or row["holm"] >= 0.05:
        return "cannot tell"
    if low > bound and (len(rule) == 2 or estimate > reach):
        return "holds"
    return "does not hold" if high <= reach else "cannot tell"


def holm(p):
    """Holm's correction of a sweep's p-values."""
    p = p.dropna().sort_values()
    return (p * np.arange(len(p), 0, -1)).cummax().clip(upper=1)


def recount(results=ROOT / "results", questions=ROOT / "notebooks" / "questions"):
    """A row for each claim and prompt whose rows are kept."""
    read = cache(pd.read_parquet)
    found, files = [], sorted(set(questions.glob("*.yaml")) - {questions / "withdrawn.yaml"})
    for claim in [entry for file in files for entry in yaml.safe_load(file.read_text("utf-8"))["claims"]]:
        path = results / "sweeps" / claim["sweep"] / f"{claim['table']}.parquet"
        rows = asked(claim, read(path)) if path.exists() else pd.DataFrame()
        each = rows.groupby(claim["each"], sort=False) if claim.get("each") and len(rows) else [("", rows)]
        for value, some in each if len(rows) else []:
            numbers = dict(zip(NUMBERS, count(claim, some), strict=False))
            if numbers["n_units"] < claim.get("fewest", 0):
                numbers |= {"low": np.nan, "high": np.nan}
            found.append({n: claim[n] for n in ("claim", "sweep", "rule")} | {"each": str(value)} | numbers)
    table = pd.DataFrame(found, columns=["claim", "sweep", "rule", "each", *NUMBERS])
    corrected = [holm(p) for _, p in table.groupby("sweep")["p"]]
    table["holm"] = pd.concat(corrected).reindex(table.index) if corrected else np.nan
    table["verdict"] = [verdict(row) for _, row in table.iterrows()]
    return table


def said(results=ROOT / "results"):
    """What findings.csv says of the same."""
    table = pd.read_csv(results / "findings.csv", keep_default_na=False, dtype=str)
    table[NUMBERS] = table[NUMBERS].apply(pd.to_numeric)
    return table


def faults(ours, again, page):
    """What differs, a line each: findings.csv from the recount, and the page's tables from findings.csv."""
    words = ["claim", "each", "rule", "verdict"]
    printed = [row for row in map(cells, page.splitlines()) if len(row) > 2 and row[1].isdigit()]
    if not len(ours) == len(again) == len(printed):
        return [f"{len(ours)} answers in findings.csv, {len(again)} recounted, {len(printed)} on the page"]
    found = []
    for (_, one), (_, other), row in zip(ours.iterrows(), again.iterrows(), printed, strict=True):
        name, a, b = f"{one['claim']}, {one['each']}", list(one[NUMBERS]), list(other[NUMBERS])
        if not np.allclose(a, b, 1e-5, 1e-9, equal_nan=True) or not one[words].equals(other[words]):
            found.append(f"{name}: {a} {one['verdict']}, recounted {b} {other['verdict']}")
        seen = re.findall(r"-?\d[\d.]*(?:e[-+]\d+)?", " ".join(row[2:-1]).replace("−", "-"))
        digits = [f"{value:.3g}" for value in one[["estimate", "low", "high", "holm"]].dropna()]
        if [row[1], *seen, row[-1]] != [str(one["n_units"]), *digits, one["verdict"]]:
            found.append(f"{name}: the page has {row[1:]}")
    return found


def cells(line):
    return line.strip("| ").split(" | ") if line.startswith("|") else []


if __name__ == "__main__":
    results = Path(*sys.argv[1:]) if sys.argv[1:] else ROOT / "results"
    ours, again = said(results), recount(results)
    for table, name in ((ours, "ours"), (again, "recount")):
        table["of"] = name
    both = pd.concat([ours, again]).sort_values(["claim", "each"], kind="stable")
    print(both[["claim", "each", "of", *NUMBERS, "verdict"]].to_string(index=False))
    wrong = faults(ours, again, (results / "findings.md").read_text(encoding="utf-8"))
    sys.exit("\n".join(wrong) if wrong else 0)
