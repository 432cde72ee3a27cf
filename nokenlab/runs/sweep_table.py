"""The tables of a sweep, made from its run folders: rows of all runs, the outcome of each run, a figure."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from nokenlab.runs.files import to_csv, to_json, write_atomically
from nokenlab.runs.freshness import digest
from nokenlab.runs.sweep_file import Run, Sweep
from nokenlab.runs.sweep_records import is_done, is_stale

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 2_000_000  # bytes of a Parquet file
INTEGER = r"-?(0|[1-9]\d{0,17})"  # 64 bits hold it
NUMBER = r"-?((0|[1-9]\d*)(\.\d+)?(e[+-]\d+)?|inf)"


def write_tables(sweep: Sweep, folder: Path, records: dict[str, dict], keep_stale: bool = False) -> None:
    """Write table.csv, runs.csv, made_by.json and, where an axis is numeric, figure.png.

    Figures are drawn by the workbook, through the entry point "nokenlab.sweep_figure".
    With `keep_stale` rows of stale runs are in the tables too, and a column `stale` marks them.
    """
    table = rows(sweep, folder, records, keep_stale)
    write_atomically(folder / "table.csv", to_csv(table))
    write_atomically(folder / "runs.csv", to_csv(outcomes(sweep, records, keep_stale)))
    made_by = [records.get(run.identity, {}).get("made_by") for run in sweep.runs]
    digests = {digest(provenance): provenance for provenance in made_by if provenance}
    write_atomically(folder / "made_by.json", to_json(digests))
    for draw in entry_points(group="nokenlab.sweep_figure"):
        figure = draw.load()(sweep, table)
        if figure is None:
            continue
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=110, metadata={"Software": None})
        write_atomically(folder / "figure.png", png.getvalue())


def write_rows(sweep: Sweep, folder: Path, records: dict[str, dict], keep_stale: bool = False) -> list[str]:
    """Write each table of `sweep.rows` as `folder`/table.parquet. Returns why some are not written.

    An older file of a table that is larger than `LIMIT`, or that no run wrote, is removed.
    """
    refused = []
    for name in sweep.rows:
        path, table = folder / f"{name}.parquet", rows_of_table(sweep, name, folder, records, keep_stale)
        content = b"" if table.empty else to_parquet(table)
        if 0 < len(content) <= LIMIT:
            write_atomically(path, content)
            continue
        path.unlink(missing_ok=True)
        if content:
            size = f"{len(content) / 1e6:.2f} MB; the limit is {LIMIT / 1e6:g} MB"
            refused.append(f"{path.name} is not saved: its {len(table)} rows take {size}")
        elif any(is_done(run, records, keep_stale) for run in sweep.runs):
            refused.append(f"no run wrote rows of a table {name!r}")
    return refused


def rows(sweep: Sweep, folder: Path, records: dict[str, dict], keep_stale: bool = False) -> pd.DataFrame:
    """Every row of every table of the runs that are done, as text, but of those saved as Parquet files.

    Columns: run (from 1, in the order of the sweep), the parameters, table (its name), then the columns of
    the tables. One that is named as a parameter becomes table.column. Cells a table does not have are empty.
    With `keep_stale` a column stale comes after run.
    """
    import pandas as pd

    parts = []
    for marks, run in _done(sweep, records, keep_stale):
        for path in sorted(_folder(folder, run).glob("*.csv")):
            selected = path.stem in sweep.tables if sweep.tables else path.stem not in sweep.rows
            if selected:
                head = marks | {name: text_of(value) for name, value in run.parameters.items()}
                parts.append(_with_head(read_table(path), head | {"table": path.stem}, path.stem))
    if not parts:
        marks = ["run", "stale"] if keep_stale else ["run"]
        return pd.DataFrame(columns=[*marks, *sweep.runs[0].parameters, "table"])
    return pd.concat(parts, ignore_index=True).fillna("")


def rows_of_table(
    sweep: Sweep, name: str, folder: Path, records: dict[str, dict], keep_stale: bool = False
) -> pd.DataFrame:
    """The rows of one table of all runs that are done.

    Columns: run (from 1, in the order of the sweep), stale with `keep_stale`, those parameters that differ
    from run to run and are no columns of the table, then the table's own. Numbers are numbers.
    """
    import pandas as pd

    parts = []
    for marks, run in _done(sweep, records, keep_stale):
        path = _folder(folder, run) / f"{name}.csv"
        if path.exists():
            table = read_table(path)
            axes = {axis: text_of(run.parameters[axis]) for axis in sweep.axes if axis not in table}
            parts.append(_with_head(table, marks | axes, name))
    if not parts:
        return pd.DataFrame()
    table = pd.concat(parts, ignore_index=True).fillna("")
    if keep_stale:
        table["stale"] = table["stale"].str.title()  # as Python writes a bool
    return table.apply(_typed)


def _done(sweep: Sweep, records: dict[str, dict], keep_stale: bool) -> Iterator[tuple[dict[str, str], Run]]:
    """The runs whose rows count, each with the first columns of its rows."""
    for number, run in enumerate(sweep.runs, 1):
        if is_done(run, records, keep_stale):
            marks = {"run": str(number)}
            if keep_stale:
                marks["stale"] = str(is_stale(run, records)).lower()
            yield marks, run


def outcomes(sweep: Sweep, records: dict[str, dict], keep_stale: bool = False) -> pd.DataFrame:
    """One row per run.

    Columns: run, those parameters that differ, status, seconds, device, error, folder, made_by. device is
    cpu or the GPU's name, and which GPU it was. made_by is the commit, with a + where files had changed
    since, and the digest of what made it, as in made_by.json. With `keep_stale` there is a column stale; else
    a stale run has that for its status.
    """
    import pandas as pd

    table = []
    for number, run in enumerate(sweep.runs, 1):
        record = records.get(run.identity, {})
        stale = is_stale(run, records)
        row = {"run": number} | {name: text_of(run.parameters[name]) for name in sweep.axes}
        if keep_stale:
            row["stale"] = stale
        row["status"] = "stale" if stale and not keep_stale else record.get("status", "not run")
        row |= {name: record.get(name) for name in ("seconds", "device", "error")}
        table.append(row | {"folder": run.identity, "made_by": _trace(record)})
    return pd.DataFrame(table)


def read_table(path: Path) -> pd.DataFrame:
    """A table that a run wrote, every cell as its text; one without columns is empty."""
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def to_parquet(table: pd.DataFrame) -> bytes:
    """`table` as a compressed Parquet file; texts that come again are stored once."""
    file = io.BytesIO()
    table.to_parquet(file, index=False, compression="zstd", compression_level=19)
    return file.getvalue()


def text_of(value: object) -> str:
    """A parameter's value as a cell of a table has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _folder(folder: Path, run: Run) -> Path:
    return folder / "runs" / run.identity


def _with_head(table: pd.DataFrame, head: dict[str, str], name: str) -> pd.DataFrame:
    """The table `name` with columns of one value before its own; its own of the same name get its prefix."""
    import pandas as pd

    table = table.rename(columns={column: f"{name}.{column}" for column in head})
    return pd.concat([pd.DataFrame([head] * len(table), columns=list(head)), table], axis=1)


def _trace(record: dict) -> str:
    """What a run can be traced by: the commit, and the digest of what made it."""
    git, parts = record.get("git") or {}, []
    if git.get("commit"):
        parts.append(git["commit"][:9] + ("+" if git.get("dirty") else ""))
    if "made_by" in record:
        parts.append(digest(record["made_by"]))
    return "/".join(parts)


def _typed(column: pd.Series) -> pd.Series:
    """A column of text as what all its cells are: bool, int64, float32 (an empty cell is NaN), else text.

    float64 where float32 would change the six digits that a table has.
    """
    import numpy as np
    import pandas as pd

    filled = column[column != ""]
    complete = len(filled) == len(column)
    if complete and filled.isin(["True", "False"]).all():
        return column == "True"
    if complete and filled.str.fullmatch(INTEGER).all():
        return column.astype("int64")
    if len(filled) and filled.str.fullmatch(NUMBER).all():
        numbers = pd.to_numeric(column.where(column != ""))
        small = numbers.astype("float32")
        return small if np.allclose(small, numbers, rtol=1e-6, atol=0, equal_nan=True) else numbers
    return column
