"""The rows of a sweep that are kept whole: each table named under `rows` as one small Parquet file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from nokenlab.runs.files import write_atomically
from nokenlab.runs.sweep_file import Sweep
from nokenlab.runs.sweep_records import is_done, is_stale
from nokenlab.runs.sweep_table import read_table, text_of

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 2_000_000  # bytes of a file
WHOLE = r"-?(0|[1-9]\d{0,17})"  # a whole number that 64 bits hold
NUMBER = r"-?((0|[1-9]\d*)(\.\d+)?(e[+-]\d+)?|inf)"


def write_rows(sweep: Sweep, folder: Path, records: dict[str, dict], keep_stale: bool = False) -> list[str]:
    """Write each table of `sweep.rows` as `folder`/table.parquet. Returns the reasons for those it did not.

    One that would be larger than `LIMIT`, or that no run wrote, is not written, and an older one goes.
    """
    refused = []
    for name in sweep.rows:
        path, table = folder / f"{name}.parquet", rows(sweep, name, folder, records, keep_stale)
        data = b"" if table.empty else to_parquet(table)
        if data and len(data) <= LIMIT:
            write_atomically(path, data)
            continue
        path.unlink(missing_ok=True)
        if data:
            size = f"{len(data) / 1e6:.2f} MB, and {LIMIT / 1e6:g} MB is the limit"
            refused.append(f"{path.name} is not kept, for its {len(table)} rows take {size}")
        elif any(is_done(run, records, keep_stale) for run in sweep.runs):
            refused.append(f"no run wrote rows of a table {name!r}")
    return refused


def rows(
    sweep: Sweep, name: str, folder: Path, records: dict[str, dict], keep_stale: bool = False
) -> pd.DataFrame:
    """The rows of one table of all runs that are done.

    Columns: run (from 1, in the order of the sweep), stale with `keep_stale`, those parameters that differ
    from run to run and are no columns of the table, then the table's own. Numbers are numbers.
    """
    import pandas as pd

    parts = []
    for number, run in enumerate(sweep.runs, 1):
        path = folder / "runs" / run.identity / f"{name}.csv"
        if not is_done(run, records, keep_stale) or not path.exists():
            continue
        head = {"run": str(number)} | ({"stale": str(is_stale(run, records))} if keep_stale else {})
        part = read_table(path).rename(columns={column: f"{name}.{column}" for column in head})
        head |= {axis: text_of(run.parameters[axis]) for axis in sweep.axes if axis not in part}
        parts.append(pd.concat([pd.DataFrame([head] * len(part), columns=list(head)), part], axis=1))
    table = pd.concat(parts, ignore_index=True).fillna("") if parts else pd.DataFrame()
    return table.apply(_typed)


def to_parquet(table: pd.DataFrame) -> bytes:
    """`table` as a compressed Parquet file; texts that come again are stored once."""
    file = io.BytesIO()
    table.to_parquet(file, index=False, compression="zstd", compression_level=19)
    return file.getvalue()


def _typed(column: pd.Series) -> pd.Series:
    """A column of text as what all its cells are: bool, int64, float32 (an empty cell is NaN), else text.

    float64 where float32 would change the six digits that a table has.
    """
    import numpy as np
    import pandas as pd

    filled = column[column != ""]
    whole = len(filled) == len(column)
    if whole and filled.isin(["True", "False"]).all():
        return column == "True"
    if whole and filled.str.fullmatch(WHOLE).all():
        return column.astype("int64")
    if len(filled) and filled.str.fullmatch(NUMBER).all():
        numbers = pd.to_numeric(column.where(column != ""))
        small = numbers.astype("float32")
        return small if np.allclose(small, numbers, rtol=1e-6, atol=0, equal_nan=True) else numbers
    return column
