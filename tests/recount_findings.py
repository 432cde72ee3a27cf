"""Every number of results/findings.csv computed again from the saved rows, with pandas and SciPy alone.

    python tests/recount_findings.py [RESULTS]

prints each answer, from findings.csv and recounted. Nothing of nokenlab or workbook is imported; the
questions are those of notebooks/workbook.
"""

import itertools
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
WORKBOOK = ROOT / "notebooks" / "workbook"
NUMBERS = ["n_units", "estimate", "low", "high", "p", "holm"]
NONE = (np.nan, np.nan)
MODELS = {"SmolLM2-135M-Instruct": "", "gemma-3-270m": "gemma-3-270m"}  # the folders of their sweeps


def units(claim, rows, side):
    """One value per unit and column, the mean of its rows on a side, "a" or "b"."""
    columns = re.split(" with | / | < | by ", claim["value"])
    rows = rows.query(claim[side]) if claim.get(side) else rows
    return rows.groupby(claim["unit"].split(", "))[columns].mean().dropna().astype(float)


def mean(x, axis=-1):
    return x.mean(axis)


def ratio(x, y, axis=-1):
    return x.mean(axis) / y.mean(axis)


def difference(x, y, axis=-1):
    return x.mean(axis) - y.mean(axis)


def rho(x, y, axis=-1):
    return stats.spearmanrho(x, y, axis=axis).statistic


def resampled(statistic, *columns, paired=True, draws=2000):
    """The 95 % interval of a statistic of units; none for fewer than ten.

    From thirty units on the widest of five percentile bootstraps; below, t for means and BCa for others.
    """
    count = min(map(len, columns))
    if count < 10:
        return NONE
    with warnings.catch_warnings(action="ignore"):  # of draws in which nothing varies
        if count < 30 and statistic is mean:
            return ordered(stats.ttest_1samp(*columns, 0).confidence_interval())
        if count < 30 and statistic is difference:
            return ordered(stats.ttest_ind(*columns, equal_var=False).confidence_interval())
        method = "BCa" if count < 30 else "percentile"
        options = {"paired": paired, "n_resamples": draws, "method": method, "vectorized": True}
        ends = []
        for seed in range(5):
            result = stats.bootstrap(columns, statistic, rng=np.random.default_rng(seed), **options)
            middle = np.nanquantile(result.bootstrap_distribution, [0.025, 0.975])
            bca = result.confidence_interval
            ends.append(bca if count < 30 and np.isfinite(bca).all() else middle)
    lows, highs = np.transpose(ends)
    return ordered((lows.min(), highs.max()))


def ordered(ends):
    low, high = ends
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
    """n, estimate, low, high and p of a claim in rows."""
    statistic = claim["statistic"]
    if statistic == "explained share":
        return *explained(claim, rows), np.nan
    a, b = (units(claim, rows, side) for side in "ab")
    if statistic == "difference of groups":
        x, y = a.to_numpy()[:, 0], b.to_numpy()[:, 0]
        ends = newcombe(x, y) if yes_or_no(x, y) else resampled(difference, x, y, paired=False)
        return len(x) + len(y), difference(x, y), *ends, np.nan
    if statistic == "sign test":
        return *signs(*a.to_numpy().T), np.nan
    columns = (pd.concat([a, b], axis=1, join="inner") if statistic.startswith("paired") else a).to_numpy().T
    n = columns.shape[1]
    if statistic == "rank correlation":
        x, y = stats.rankdata(columns, axis=1)
        permutations = stats.PermutationMethod(n_resamples=5000, rng=np.random.default_rng(0))
        p = stats.spearmanrho(x, y, method=permutations).pvalue
        return n, rho(x, y), *resampled(rho, x, y), p
    if statistic in ("paired ratio", "ratio of columns"):
        return n, ratio(*columns), *resampled(ratio, *columns), np.nan
    if statistic == "paired difference":
        if yes_or_no(*columns) and (columns[0] == columns[1]).all():
            reach = wilson(0 * columns[0]).high
            return n, 0, -reach, reach, np.nan
        values = columns[0] - columns[1]
        return n, values.mean(), *resampled(mean, values), np.nan
    (values,) = columns
    ends = wilson(values) if yes_or_no(values) else resampled(mean, values)
    return n, values.mean(), *ends, mean_test(claim, values) if statistic == "tested mean" else np.nan


def mean_test(claim, values):
    bound = float(claim["rule"].split()[1])
    if yes_or_no(values) and 0 <= bound <= 1:
        return stats.binomtest(int(values.sum()), len(values), bound).pvalue
    return stats.ttest_1samp(values, bound).pvalue


def explained(claim, rows):
    """What predictions explain of pairs about 0, in rows a less in rows b, with words resampled."""
    sides = [units(claim, rows, side) for side in "ab" if claim.get(side)]
    pairs = sorted(set.intersection(*(set(side.index) for side in sides)))
    words = sorted({word for pair in pairs for word in pair})
    if not words:
        return 0, np.nan, *NONE
    first, second = ([words.index(pair[i]) for pair in pairs] for i in (0, 1))
    weights = [np.ones((1, len(pairs)))]
    for seed in range(5):
        times = np.random.default_rng(seed).multinomial(len(words), [1 / len(words)] * len(words), size=2000)
        weights.append(times[:, first] * times[:, second])
    weight, shares = np.concatenate(weights), []
    for side in sides:
        y, predicted = side.loc[pairs].to_numpy().T
        with np.errstate(divide="ignore", invalid="ignore"):
            error = (weight * (y - predicted) ** 2).sum(axis=1)
            shares.append(1 - error / (weight * y**2).sum(axis=1))
    share = shares[0] - shares[1] if len(shares) == 2 else shares[0]
    if len(words) < 10:
        return len(words), share[0], *NONE
    low, high = np.nanquantile(share[1:].reshape(5, -1), [0.025, 0.975], axis=1)
    return len(words), share[0], low.min(), high.max()


def verdict(row):
    low, high, estimate, rule = row["low"], row["high"], row["estimate"], row["rule"].replace(",", "").split()
    bound, reach = float(rule[1]), float(rule[-1])  # "> 0", or "> 0.2, estimate > 0.4"
    if rule[0] == "<":  # the mirror image of >
        low, high, estimate, bound, reach = -high, -low, -estimate, -bound, -reach
    if not np.isfinite([low, high]).all() or row["holm"] >= 0.05:
        return "cannot tell"
    if low > bound and (len(rule) == 2 or estimate > reach):
        return "holds"
    return "does not hold" if high <= bound else "cannot tell"


def holm(p):
    """Holm's correction of a sweep's p-values."""
    p = p.dropna().sort_values()
    return (p * np.arange(len(p), 0, -1)).cummax().clip(upper=1)


def recount(results=ROOT / "results", workbook=WORKBOOK):
    """One row for each claim and prompt whose rows are saved."""
    read = cache(pd.read_parquet)
    answers = []
    files = [yaml.safe_load(file.read_text("utf-8")) for file in workbook.glob("*/questions.yaml")]
    asked = [claim for file in sorted(files, key=lambda f: f["notebook"]) for claim in file["claims"]]
    for claim, (model, folder) in itertools.product(asked, MODELS.items()):
        path = results / "sweeps" / folder / claim["sweep"] / f"{claim['table']}.parquet"
        if not path.exists() or not set(re.split(" with | / | < | by ", claim["value"])) <= set(read(path)):
            continue  # not run, or before the question
        groups = read(path).groupby(claim["each"], sort=False) if claim.get("each") else [("", read(path))]
        for value, rows in groups:
            numbers = dict(zip(NUMBERS, count(claim, rows), strict=False))
            if numbers["n_units"] < claim.get("fewest", 0):
                numbers |= {"low": np.nan, "high": np.nan}
            same = {name: claim[name] for name in ("claim", "sweep", "rule")}
            answers.append(same | {"model": model, "each": str(value)} | numbers)
    table = pd.DataFrame(answers, columns=["claim", "sweep", "model", "rule", "each", *NUMBERS])
    corrected = [holm(p) for _, p in table.groupby(["sweep", "model"])["p"]]
    table["holm"] = pd.concat(corrected).reindex(table.index) if corrected else np.nan
    table["verdict"] = [verdict(row) for _, row in table.iterrows()]
    return table


def written(results=ROOT / "results"):
    """The answers of findings.csv."""
    table = pd.read_csv(results / "findings.csv", keep_default_na=False, dtype=str)
    table[NUMBERS] = table[NUMBERS].apply(pd.to_numeric)
    return table


def pages(results=ROOT / "results"):
    """The pages with the full answers, in the order of findings.csv."""
    names = dict.fromkeys(pd.read_csv(results / "findings.csv")["notebook"])
    return "\n".join((results / "findings" / f"{name}.md").read_text(encoding="utf-8") for name in names)


def faults(written, recounted, page):
    """What differs, one line each: findings.csv from the recount, and the page's tables from findings.csv."""
    texts = ["claim", "model", "each", "rule", "verdict"]
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("|")]
    printed = [cells for cells in lines if len(cells) > 3 and cells[2].isdigit()]
    if not len(written) == len(recounted) == len(printed):
        return [f"{len(written)} answers in findings.csv, {len(recounted)} recounted, {len(printed)} printed"]
    faults = []
    for (_, answer), (_, again), cells in zip(written.iterrows(), recounted.iterrows(), printed, strict=True):
        name, a, b = f"{answer['claim']}, {answer['each']}", list(answer[NUMBERS]), list(again[NUMBERS])
        if not np.allclose(a, b, 1e-5, 1e-9, equal_nan=True) or not answer[texts].equals(again[texts]):
            faults.append(f"{name}: {a} {answer['verdict']}, recounted {b} {again['verdict']}")
        numbers = re.findall(r"-?\d[\d.]*(?:e[-+]\d+)?", " ".join(cells[3:-1]).replace("−", "-"))
        digits = [f"{value:.3g}" for value in answer[["estimate", "low", "high", "holm"]].dropna()]
        if [cells[2], *numbers, cells[-1]] != [str(answer["n_units"]), *digits, answer["verdict"]]:
            faults.append(f"{name}: the page has {cells[2:]}")
    return faults


if __name__ == "__main__":
    results = Path(*sys.argv[1:]) if sys.argv[1:] else ROOT / "results"
    ours, again = written(results), recount(results)
    both = pd.concat([ours.assign(of="findings.csv"), again.assign(of="recount")])
    columns = ["claim", "each", "of", *NUMBERS, "verdict"]
    print(both.sort_values(["claim", "each"], kind="stable")[columns].to_string(index=False))
    differing = faults(ours, again, pages(results))
    sys.exit("\n".join(differing) if differing else 0)
