"""Tables that are saved as Parquet files."""

import csv

import pandas as pd
import pytest
from helpers.small_notebooks import notebook
from helpers.sweeps import Place

from nokenlab.runs import sweep_table

CELL = """
import pandas as pd, nokenlab as nl
token = ["a", "null", "", " 7", "a, b\\n\\r", "NaN"]
table = pd.DataFrame({"seed": range(6), "word": token})
table["bits"] = [scale / 3, 0, 1e-9, -2.5e12, float("inf"), 4]
table["tiny"], table["kept"] = [1e-300, 1, 1, 1, 1, 1], [True, False] * 3
table["some"] = [1.5, None, 2, None, 3, None]
table["code"] = ["007", "1", "2", "3", "4", "5"]
out = nl.Results()
out.table(table, "tokens"); out.table(table.head(0), "nothing"); _ = out.table(table.head(2), "few")
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A sweep of four runs that are done."""
    place = Place(tmp_path_factory.mktemp("done"))
    notebook(place.folder, "small", CELL)
    place.spec("rows: [tokens]\ngrid: {scale: [3, 1], word: [x, y]}")
    return place.run_for_copies()


@pytest.fixture
def place(done, tmp_path, monkeypatch):
    """A copy of that sweep."""
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return done.copy(tmp_path)


def test_rows_come_back_as_the_runs_wrote_them(place):
    kept = pd.read_parquet(place.here / "tokens.parquet")
    assert list(kept)[:5] == [
        "run",
        "scale",
        "seed",
        "word",
        "bits",
    ]  # word is the table's own, not the run's
    kinds = {"run": "int64", "scale": "float32", "bits": "float32", "tiny": "float64", "some": "float32"}
    assert kept.dtypes.astype(str).to_dict() == kinds | {"seed": "int64", "kept": "bool"} | dict.fromkeys(
        ["word", "code"], "str"
    )
    for number, folder in enumerate(place.runs("folder"), 1):
        mine = kept[kept["run"] == number].drop(columns=["run", "scale"])
        with open(place.here / "runs" / folder / "tokens.csv", newline="") as file:
            written = list(csv.DictReader(file))
        assert list(mine["word"]) == [row["word"] for row in written]
        for row, values in zip(written, mine.to_dict("records"), strict=True):
            shown = {n: f"{v:.6g}" if isinstance(v, float) else str(v) for n, v in values.items()}
            assert {n: "" if v == "nan" else v for n, v in shown.items()} == row
    assert sorted(kept.loc[kept["seed"] == 0, "scale"]) == [1, 1, 3, 3]


def test_kept_rows_are_not_in_the_table_unless_it_names_them(place):
    tables = {row["table"] for row in csv.DictReader(place.table().decode().splitlines())}
    assert tables == {"few"}
    place.spec("rows: [tokens]\ntables: [tokens]\ngrid: {scale: [3, 1], word: [x, y]}")
    place.run()
    assert {row["table"] for row in csv.DictReader(place.table().decode().splitlines())} == {"tokens"}


def test_rows_that_take_too_much_are_refused_in_a_line(place, monkeypatch, capsys):
    assert (place.here / "tokens.parquet").exists()
    monkeypatch.setattr(sweep_table, "LIMIT", 2000)
    place.run(check=2)
    error = capsys.readouterr().err
    assert "nokenlab: s: tokens.parquet is not saved: its 24 rows take 0.0" in error
    assert error.strip().endswith("MB; the limit is 0.002 MB")
    assert not (place.here / "tokens.parquet").exists() and place.runs("status") == ["done"] * 4
    assert place.table().count(b"\n") > 4


@pytest.mark.parametrize("name", ["nothing", "tokns"])
def test_rows_that_no_run_wrote_are_told(place, capsys, name):
    place.spec(f"rows: [{name}]\ngrid: {{scale: [3], word: [x]}}")
    place.run(check=2)
    assert f"nokenlab: s: no run wrote rows of a table '{name}'" in capsys.readouterr().err
    assert place.runs("status") == ["done"]


def test_stale_rows_are_marked(place):
    notebook(place.folder, "small", CELL, "x = 1")
    place.spec("rows: [tokens]\ngrid: {scale: [3, 1, 2], word: [x, y]}")
    place.run("--keep-stale")
    kept = pd.read_parquet(place.here / "tokens.parquet")
    assert list(kept)[:3] == ["run", "stale", "scale"]
    assert kept.groupby("scale")["stale"].agg(list).map(set).to_dict() == {1: {True}, 2: {False}, 3: {True}}
