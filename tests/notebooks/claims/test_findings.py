"""findings.md and findings.csv are recounted from the kept rows, and a changed number is found."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import recount_findings as recount
import yaml

from workbook.claims import claims
from workbook.claims import page as findings

PAIRS = {"unit": "first, second"}
BOTH = PAIRS | {"a": "kind == 'a'", "b": "kind == 'b'"}
PROMPTS = ["A definition of <noken> is", "Say '<noken>' | again:"]


def test_every_number_of_the_findings_is_recounted():
    page = (recount.ROOT / "results" / "findings.md").read_text(encoding="utf-8")
    assert recount.faults(recount.said(), recount.recount(), page) == []


def test_the_page_is_what_the_questions_and_findings_csv_make():
    folder, results = recount.ROOT / "notebooks" / "questions", recount.ROOT / "results"
    entries = claims.read(folder / findings.WITHDRAWN, "withdrawn")
    page = findings.page(claims.read_claims(), entries, findings.read_csv(results / "findings.csv"))
    assert page == (results / "findings.md").read_text(encoding="utf-8")


@pytest.fixture
def place(made, tmp_path):
    """A copy of `made`, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results with rows of every statistic, and questions of them; two prompts that disagree on one."""
    luck, rows = np.random.default_rng(0), []
    for prompt, shift in zip(PROMPTS, (1, -1), strict=True):
        for kind in ("a", "b"):
            for unit in range(30):
                x = luck.normal(shift * (kind == "a") + 3, 0.5, size=3)
                yes = luck.random() < (0.8 if kind == "a" else 0.1)
                words = {"first": f"w{unit % 7}", "second": f"w{7 + unit // 7}"}  # pairs that share words
                same = {"prompt": prompt, "kind": kind, "unit": unit, "yes": yes} | words
                rows += [same | {"x": v} for v in x]
    table = pd.DataFrame(rows).assign(no=False, y=lambda t: t["x"] + luck.normal(0, 0.3, len(t)))
    tmp_path = tmp_path_factory.mktemp("made")
    folder = tmp_path / "results" / "sweeps" / "some"
    folder.mkdir(parents=True)
    table.to_parquet(folder / "rows.parquet")
    asked = [
        ("mean", "x", "> 2.5", {"a": "kind == 'a'"}),
        ("mean", "yes", "> 0.5", {"a": "kind == 'a'"}),
        ("mean", "no", "< 0.2", {"a": "kind == 'a'"}),
        ("mean", "x", "> 0", {"a": "unit < 5"}),
        ("paired difference", "x", "> 0", {"a": "kind == 'a'", "b": "kind == 'b'"}),
        ("paired difference", "no", "> 0", {"a": "kind == 'a'", "b": "kind == 'b'"}),
        ("paired ratio", "x", "> 1", {"a": "kind == 'a'", "b": "kind == 'b'"}),
        ("ratio of columns", "y / x", "< 1.5", {}),
        ("difference of groups", "x", "> 0", {"a": "kind == 'a' and unit < 12", "b": "kind == 'b'"}),
        ("difference of groups", "yes", "> 0", {"a": "kind == 'a'", "b": "kind == 'b'"}),
        ("rank correlation", "x with y", "> 0", {"a": "kind == 'a'"}),
        ("sign test", "x < y", "> 0.5", {"a": "kind == 'a'"}),
        ("sign test", "no < yes", "> 0.5", {"a": "kind == 'b'"}),  # with ties
        ("rank correlation", "x with yes", "> 0", {"a": "kind == 'b'"}),
        ("explained share", "x by y", "> 0.2, estimate > 0.4", {"a": "kind == 'a'"} | PAIRS),
        (
            "explained share",
            "x by yes",
            "< 0.5, estimate < 0.1",
            {"a": "kind == 'a'", "b": "kind == 'b'"} | PAIRS,
        ),
        ("mean", "x", "> 0", {"a": "kind == 'a'", "fewest": 31}),
        ("tested mean", "x", "> 2.5", {"a": "kind == 'a'"}),
        ("tested mean", "yes", "> 0.1", {"a": "kind == 'b'"}),
    ]
    same = {"sweep": "some", "table": "rows", "unit": "unit", "each": "prompt"}
    same |= {"question": "Is it?", "beside": "nothing"}
    names = ("statistic", "value", "rule")
    entries = [
        {"claim": f"claim {number}"} | same | dict(zip(names, row[:3], strict=True)) | row[3]
        for number, row in enumerate(asked)
    ]
    entries.append(entries[0] | {"claim": "later", "sweep": "another"})
    gone = {"said": "It is.", "notebook": "01-some", "why": "It was not.", "claims": ["claim 4", "later"]}
    questions = tmp_path / "questions"
    questions.mkdir()
    (questions / "01-some.yaml").write_text(yaml.safe_dump({"claims": entries}), encoding="utf-8")
    (questions / "withdrawn.yaml").write_text(yaml.safe_dump({"withdrawn": [gone]}), encoding="utf-8")
    findings.write(tmp_path / "results", questions)
    return tmp_path


@pytest.fixture(scope="module")
def counted(made):
    """The recount of what no test changes, rows and questions."""
    return recount.recount(made / "results", made / "questions")


def faults(place, again):
    page = (place / "results" / "findings.md").read_text(encoding="utf-8")
    return recount.faults(recount.said(place / "results"), again, page)


def test_the_recount_agrees_on_every_statistic(place, counted):
    assert faults(place, counted) == []
    table = recount.said(place / "results")
    assert len(table) == 38 and set(table["verdict"]) == {"holds", "does not hold", "cannot tell"}
    assert table[["low", "holm"]].notna().sum().tolist() == [34, 8]  # of too few units there is none


@pytest.mark.parametrize("name", [*recount.NUMBERS, "verdict"])
def test_a_changed_cell_is_found(place, counted, name):
    file = place / "results" / "findings.csv"
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    row = table["p"].ne("").idxmax()
    old = table.loc[row, name]
    changed = "cannot tell" if name == "verdict" else str(float(old) + 0.0001) if "." in old else f"{old}1"
    assert changed != old
    table.loc[row, name] = changed
    table.to_csv(file, index=False)
    assert faults(place, counted)


@pytest.mark.parametrize("what", ["a number", "a row less", "a verdict"])
def test_a_changed_page_is_found(place, counted, what):
    file = place / "results" / "findings.md"
    lines = file.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("| A definition"))
    changed = {
        "a number": [lines[at].replace("| 30 |", "| 31 |")],
        "a row less": [],
        "a verdict": [lines[at].replace("holds", "cannot tell")],
    }[what]
    assert changed != [lines[at]]
    file.write_text("\n".join(lines[:at] + changed + lines[at + 1 :]), encoding="utf-8")
    assert faults(place, counted)


def test_changed_rows_are_found(place):
    path = place / "results" / "sweeps" / "some" / "rows.parquet"
    table = pd.read_parquet(path)
    table.loc[0, "x"] += 0.1
    table.to_parquet(path)
    assert faults(place, recount.recount(place / "results", place / "questions"))
