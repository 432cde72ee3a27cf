"""findings.md and findings.csv are recounted from the saved rows, and a changed number is noticed."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recount_findings as recount
import yaml

from workbook.claims import claims, page

RESULTS = recount.ROOT / "results"
PROMPTS = ["A definition of <noken> is", "Say '<noken>' | again:"]
A, B = {"a": "kind == 'a'"}, {"a": "kind == 'b'"}
BOTH = {"a": "kind == 'a'", "b": "kind == 'b'"}
PAIRS = {"unit": "first, second"}
CLAIMS = [
    ("mean", "x", "> 2.5", A),
    ("mean", "yes", "> 0.5", A),
    ("mean", "no", "< 0.2", A),
    ("mean", "x", "> 0", {"a": "unit < 5"}),  # too few
    ("mean", "x", "> 0", A | {"fewest": 31}),
    ("tested mean", "x", "> 2.5", A),
    ("tested mean", "yes", "> 0.1", B),
    ("paired difference", "x", "> 0", BOTH),
    ("paired difference", "no", "> 0", BOTH),
    ("paired ratio", "x", "> 1", BOTH),
    ("ratio of columns", "y / x", "< 1.5", {}),
    ("difference of groups", "x", "> 0", BOTH | {"a": "kind == 'a' and unit < 12"}),
    ("difference of groups", "yes", "> 0", BOTH),
    ("rank correlation", "x with y", "> 0", A),
    ("rank correlation", "x with yes", "> 0", B),
    ("sign test", "x < y", "> 0.5", A),
    ("sign test", "no < yes", "> 0.5", B),  # with ties
    ("explained share", "x by y", "> 0.2, estimate > 0.4", A | PAIRS),
    ("explained share", "x by yes", "< 0.5, estimate < 0.1", BOTH | PAIRS),
]


def test_every_number_of_the_findings_is_recounted():
    assert recount.faults(recount.written(), recount.recount(), recount.pages()) == []


def test_the_pages_are_what_the_questions_and_findings_csv_make():
    asked = claims.read_claims()
    lists = page.read_withdrawn(claims.WORKBOOK, asked), page.read_headlines(claims.WORKBOOK, asked)
    pages = page.markdown(asked, *lists, page.read_csv(RESULTS / "findings.csv"), {})
    for name, text in pages.items():
        written = (RESULTS / name).read_text(encoding="utf-8").split("\n\n")
        assert text == "\n\n".join(
            part for part in written if not part.startswith(("**Stale:**", "**Rows:**"))
        )
    assert len(pages["findings.md"].splitlines()) <= 300 and "out of date" not in pages["findings.md"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Results with rows for every statistic, and questions about them; two prompts disagree on one."""
    rng, rows = np.random.default_rng(0), []
    for prompt, shift in zip(PROMPTS, (1, -1), strict=True):
        for kind in ("a", "b"):
            for unit in range(30):
                x = rng.normal(shift * (kind == "a") + 3, 0.5, size=3)
                yes = rng.random() < (0.8 if kind == "a" else 0.1)
                words = {"first": f"w{unit % 7}", "second": f"w{7 + unit // 7}"}  # pairs that share words
                same = {"prompt": prompt, "kind": kind, "unit": unit, "yes": yes} | words
                rows += [same | {"x": value} for value in x]
    table = pd.DataFrame(rows).assign(no=False, y=lambda t: t["x"] + rng.normal(0, 0.3, len(t)))
    folder = tmp_path_factory.mktemp("written")
    (folder / "results" / "sweeps" / "some").mkdir(parents=True)
    table.to_parquet(folder / "results" / "sweeps" / "some" / "rows.parquet")
    same = {"sweep": "some", "table": "rows", "unit": "unit", "each": "prompt"}
    same |= {"question": "Is it?", "beside": "nothing"}
    entries = [
        same | {"claim": f"claim {i}", "statistic": statistic, "value": value, "rule": rule} | sides
        for i, (statistic, value, rule, sides) in enumerate(CLAIMS)
    ]
    entries.append(entries[0] | {"claim": "later", "sweep": "another"})
    gone = {"sentence": "It is.", "notebook": "01-some", "why": "It was not.", "claims": ["claim 4", "later"]}
    questions, withdrawn = {"notebook": "01-some", "claims": entries}, {"withdrawn": [gone]}
    files = {page.WITHDRAWN: withdrawn, page.HEADLINES: {"headlines": []}}
    for name, content in {"some/questions.yaml": questions, **files}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    page.write(folder / "results", folder)
    return folder


@pytest.fixture(scope="module")
def recounted(written):
    return recount.recount(written / "results", written)


@pytest.fixture
def results(written, tmp_path):
    """A copy of the results, to be changed."""
    return Path(shutil.copytree(written / "results", tmp_path / "results"))


def faults(results, recounted):
    return recount.faults(recount.written(results), recounted, recount.pages(results))


def test_the_recount_agrees_on_every_statistic(results, recounted):
    assert faults(results, recounted) == []
    table = recount.written(results)
    assert {statistic for statistic, *_ in CLAIMS} == set(claims.STATISTICS)
    assert len(table) == 2 * len(CLAIMS) and set(table["verdict"]) == {
        "holds",
        "does not hold",
        "cannot tell",
    }
    assert table[["low", "holm"]].notna().sum().tolist() == [34, 8]  # too few units have none


@pytest.mark.parametrize("column", [*recount.NUMBERS, "verdict"])
def test_a_changed_cell_is_noticed(results, recounted, column):
    file = results / "findings.csv"
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    row = table["p"].ne("").idxmax()
    old = table.loc[row, column]
    changed = "cannot tell" if column == "verdict" else str(float(old) + 0.0001) if "." in old else f"{old}1"
    assert changed != old
    table.loc[row, column] = changed
    table.to_csv(file, index=False)
    assert faults(results, recounted)


@pytest.mark.parametrize("old, new", [("| 30 |", "| 31 |"), ("holds", "cannot tell"), (None, None)])
def test_a_changed_page_is_noticed(results, recounted, old, new):
    file = results / "findings" / "01-some.md"
    lines = file.read_text(encoding="utf-8").splitlines()
    row = next(line for line in lines if "| A definition" in line)
    if old:
        assert old in row
        lines[lines.index(row)] = row.replace(old, new)
    else:
        lines.remove(row)
    file.write_text("\n".join(lines), encoding="utf-8")
    assert faults(results, recounted)


def test_changed_rows_are_noticed(written, results):
    path = results / "sweeps" / "some" / "rows.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "x"] += 0.1
    table.to_parquet(path)
    assert faults(results, recount.recount(results, written))
