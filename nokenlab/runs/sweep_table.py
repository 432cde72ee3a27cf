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
from nokenlab.runs.sweep_file import Run
from nokenlab.runs.sweep_records import Records

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 2_000_000  # bytes of a Parquet file
INTEGER = r"-?(0|[1-9]\d{0,17})"  # 64 bits hold it
NUMBER = r"-?((0|[1-9]\d*)(\.\d+)?(e[+-]\d+)?|inf)"


def write_tables(records: Records) -> None:
    """Write table.csv, runs.csv, made_by.json and, where an axis is numeric, figure.png.

    Figures are drawn by the workbook, through the entry point "nokenlab.sweep_figure". Where stale runs are
    kept, their rows are in the tables too, and a column `stale` marks them.
    """
    table, folder = rows(records), records.folder
    write_atomically(folder / "table.csv", to_csv(table))
    write_atomically(folder / "runs.csv", to_csv(outcomes(records)))
    made_by = [record["made_by"] for record in records.by_identity.values()]
    digests = {digest(provenance): provenance for provenance in made_by}
    write_atomically(folder / "made_by.json", to_json(digests))
    for draw in entry_points(group="nokenlab.sweep_figure"):
        figure, png = draw.load()(records.sweep, table), io.BytesIO()
        if figure is not None:
            figure.savefig(png, format="png", dpi=110, metadata={"Software": None})
            write_atomically(folder / "figure.png", png.getvalue())


def write_rows(records: Records) -> list[str]:
    """Write each table that the sweep saves as table.parquet. Returns why some are not written.

    An older file of a table that is larger than `LIMIT`, or that no run wrote, is removed.
    """
    refused = []
    for name in records.sweep.rows:
        path, table = records.folder / f"{name}.parquet", rows_of_table(records, name)
        content = b"" if table.empty else to_parquet(table)
        if 0 < len(content) <= LIMIT:
            write_atomically(path, content)
            continue
        path.unlink(missing_ok=True)
        if content:
            size = f"{len(content) / 1e6:.2f} MB; the limit is {LIMIT / 1e6:g} MB"
            refused.append(f"{path.name} is not saved: its {len(table)} rows take {size}")
        elif any(map(records.is_done, records.sweep.runs)):
            refused.append(f"no run wrote rows of a table {name!r}")
    return refused


def rows(records: Records) -> pd.DataFrame:
    """Every row of every table of the runs that are done, as text, but of those saved as Parquet files.

    Columns: run (from 1, in the order of the sweep), stale where stale runs are kept, the parameters, table
    (its name), then the columns of the tables. One that is named as a parameter becomes table.column. Cells a
    table does not have are empty.
    """
    sweep, parts = records.sweep, []
    for marks, run in _done(records):
        for path in sorted(records.folder_of(run).glob("*.csv")):
            selected = path.stem in sweep.tables if sweep.tables else path.stem not in sweep.rows
            if selected:
                head = marks | {name: text_of(value) for name, value in run.parameters.items()}
                parts.append(_with_head(read_table(path), head | {"table": path.stem}, path.stem))
    marks = ["run", "stale"] if records.keep_stale else ["run"]
    return _joined(parts, [*marks, *sweep.runs[0].parameters, "table"])


def rows_of_table(records: Records, name: str) -> pd.DataFrame:
    """The rows of one table of all runs that are done.

    Columns: run (from 1, in the order of the sweep), stale where stale runs are kept, those parameters that
    differ from run to run and are no columns of the table, then the table's own. Numbers are numbers.
    """
    parts = []
    for marks, run in _done(records):
        path = records.folder_of(run) / f"{name}.csv"
        if path.exists():
            table = read_table(path)
            axes = {axis: text_of(run.parameters[axis]) for axis in records.sweep.axes if axis not in table}
            parts.append(_with_head(table, marks | axes, name))
    return _joined(parts).apply(_typed)


def _done(records: Records) -> Iterator[tuple[dict[str, str], Run]]:
    """The runs whose rows count, each with the first columns of its rows."""
    for number, run in enumerate(records.sweep.runs, 1):
        if records.is_done(run):
            stale = {"stale": str(records.is_stale(run))} if records.keep_stale else {}
            yield {"run": str(number)} | stale, run


def outcomes(records: Records) -> pd.DataFrame:
    """One row per run.

    Columns: run, those parameters that differ, stale where stale runs are kept, status, seconds, device,
    error, folder, made_by. device is cpu or the GPU's name, and which GPU it was. made_by is the commit, with
    a + where files had changed since, and the digest of what made it, as in made_by.json. Unless stale runs
    are kept, such a run has that for its status.
    """
    import pandas as pd

    table = []
    for number, run in enumerate(records.sweep.runs, 1):
        record, stale = records.of(run), records.is_stale(run)
        row = {"run": number} | {name: text_of(run.parameters[name]) for name in records.sweep.axes}
        if records.keep_stale:
            row["stale"] = stale
        row["status"] = "stale" if stale and not records.keep_stale else record.get("status", "not run")
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


def _with_head(table: pd.DataFrame, head: dict[str, str], name: str) -> pd.DataFrame:
    """The table `name` with columns of one value before its own; its own of the same name get its prefix."""
    import pandas as pd

    table = table.rename(columns={column: f"{name}.{column}" for column in head})
    return pd.concat([pd.DataFrame([head] * len(table), columns=list(head)), table], axis=1)


def _joined(parts: list[pd.DataFrame], columns: list[str] | None = None) -> pd.DataFrame:
    """Tables below each other, with empty cells where one lacks a column; `columns` without any table."""
    import pandas as pd

    return pd.concat(parts, ignore_index=True).fillna("") if parts else pd.DataFrame(columns=columns)


def _trace(record: dict) -> str:
    """What a run can be traced by: the commit, and the digest of what made it."""
    git, parts = record.get("git") or {}, []
    if git.get("commit"):
        parts.append(git["commit"][:9] + ("+" if git.get("dirty") else ""))
    if record:
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
