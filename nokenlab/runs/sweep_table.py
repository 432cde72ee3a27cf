"""The tables of a sweep, made from its run folders: each row of each run, what became of runs, a figure."""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from nokenlab.runs.files import to_csv, to_json, write_atomically
from nokenlab.runs.freshness import digest
from nokenlab.runs.sweep_file import Sweep
from nokenlab.runs.sweep_records import is_done, is_stale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHADES = 8  # lines in one panel; with more of them the mean is drawn alone
PANELS = 6


def write_tables(sweep: Sweep, folder: Path, records: dict[str, dict], keep_stale: bool = False) -> None:
    """Write table.csv, runs.csv, made_by.json and, where an axis is numeric, figure.png, each whole.

    With `keep_stale` rows of stale runs are in the tables too, and a column `stale` marks them.
    """
    table = rows(sweep, folder, records, keep_stale)
    write_atomically(folder / "table.csv", to_csv(table))
    write_atomically(folder / "runs.csv", to_csv(runs(sweep, records, keep_stale)))
    write_atomically(folder / "made_by.json", to_json(_makers(sweep, records)))
    if figure := draw(sweep, table):
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=110, metadata={"Software": None})
        write_atomically(folder / "figure.png", png.getvalue())


def rows(sweep: Sweep, folder: Path, records: dict[str, dict], keep_stale: bool = False) -> pd.DataFrame:
    """Every row of every table of the runs that are done, as text, but of those kept as Parquet files.

    Columns: run (from 1, in the order of the sweep), the parameters, table (its name), then the columns of
    the tables. One that is named as a parameter becomes table.column. Cells a table does not have are empty.
    With `keep_stale` a column stale comes after run.
    """
    import pandas as pd

    parts = []
    first = ["run", "stale"] if keep_stale else ["run"]
    for number, run in enumerate(sweep.runs, 1):
        if not is_done(run, records, keep_stale):
            continue
        marks = {"run": str(number), "stale": str(is_stale(run, records)).lower()}
        head = {name: marks[name] for name in first} | {n: text_of(v) for n, v in run.parameters.items()}
        for path in sorted((folder / "runs" / run.identity).glob("*.csv")):
            if path.stem not in sweep.tables if sweep.tables else path.stem in sweep.rows:
                continue
            part = read_table(path)
            head["table"] = path.stem
            part = part.rename(columns={name: f"{path.stem}.{name}" for name in part if name in head})
            parts.append(pd.concat([pd.DataFrame([head] * len(part), columns=list(head)), part], axis=1))
    if not parts:
        return pd.DataFrame(columns=[*first, *sweep.runs[0].parameters, "table"])
    return pd.concat(parts, ignore_index=True).fillna("")


def read_table(path: Path) -> pd.DataFrame:
    """A table that a run wrote, every cell as its text; one without columns is empty."""
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()


def runs(sweep: Sweep, records: dict[str, dict], keep_stale: bool = False) -> pd.DataFrame:
    """One row a run.

    Columns: run, those parameters that differ, status, seconds, device, error, folder, made_by. device is
    cpu or the GPU's name, and which GPU it was. made_by is the commit, with a + where files had changed
    since, and the name of what made it in made_by.json. With `keep_stale` there is a column stale; else a
    stale run has that for its status.
    """
    import pandas as pd

    found = []
    for number, run in enumerate(sweep.runs, 1):
        record = records.get(run.identity, {})
        stale = is_stale(run, records)
        row = {"run": number} | {name: text_of(run.parameters[name]) for name in sweep.axes}
        row |= {"stale": stale} if keep_stale else {}
        status = "stale" if stale and not keep_stale else record.get("status", "not run")
        row |= {
            "status": status,
            "seconds": record.get("seconds"),
            "device": record.get("device"),
            "error": record.get("error"),
        }
        found.append(row | {"folder": run.identity, "made_by": _trace(record)})
    return pd.DataFrame(found)


def _trace(record: dict) -> str:
    """What a run can be traced by: the commit, and the digest of what made it."""
    git = record.get("git") or {}
    commit = (git.get("commit") or "")[:9] + "+" * bool(git.get("dirty"))
    return "/".join(filter(None, [commit, digest(record["made_by"]) if "made_by" in record else ""]))


def _makers(sweep: Sweep, records: dict[str, dict]) -> dict[str, dict]:
    """What made the runs that are there, by the digests in runs.csv."""
    found = [records.get(run.identity, {}).get("made_by") for run in sweep.runs]
    return {digest(made): made for made in found if made}


def draw(sweep: Sweep, table: pd.DataFrame) -> Figure | None:
    """The means of the numeric columns over the first numeric axis, a line for each value of another axis.

    A seed is a number, but no axis: how large it is means nothing. None when no axis is numeric, or no
    column.
    """
    import pandas as pd

    from nokenlab.style import figure, shown, wrap

    axis = next((name for name in sweep.axes if name != "seed" and _numeric(sweep, name)), None)
    if axis is None or table.empty:
        return None
    columns = _numeric_columns(sweep, table)
    if not columns:
        return None
    others = [name for name in sweep.axes if name != axis and table[name].nunique() <= SHADES]
    by = table[others[0]] if others else pd.Series("", index=table.index)
    x = pd.to_numeric(table[axis])
    fig, _ = figure(7.2, 2.6 * len(columns) + 1, rows=len(columns), sharex=True)
    for ax, (name, numbers) in zip(fig.axes, columns.items(), strict=True):
        _panel(ax, numbers.groupby([by, x], sort=False).mean().dropna(), list(dict.fromkeys(by)))
        ax.set_ylabel(wrap(f"mean of {name}", 28))
    ax.set_xlabel(shown(axis))
    if x.min() > 0 and x.max() / x.min() > 20:
        ax.set_xscale("log")
    fig.axes[0].set_title(wrap(f"{sweep.name}: {len(sweep.runs)} runs of {sweep.notebook.stem}", 80))
    if others:
        lines, labels = ax.get_legend_handles_labels()
        fig.legend(lines, labels, title=shown(others[0]), frameon=False, loc="outside lower center")
    return fig


def _numeric_columns(sweep: Sweep, table: pd.DataFrame) -> dict[str, pd.Series]:
    """The numbers of the columns to draw, NaN where there is none: the sweep's own choice, else all."""
    import pandas as pd

    known = {"run", "stale", "table", *sweep.runs[0].parameters}
    names = sweep.figure or [name for name in table if name not in known]
    numbers = {name: pd.to_numeric(_column(table, name), errors="coerce") for name in names}
    return dict(islice(((n, column) for n, column in numbers.items() if column.notna().any()), PANELS))


def _panel(ax: Axes, means: pd.Series, values: list[str]) -> None:
    """A line for each of `values`, the first level of `means`, over the second; the label is always there."""
    from nokenlab.style import MARKERS, OKABE_ITO, wrap

    for i, value in enumerate(values):
        line = means[value].sort_index() if value in means else means.iloc[:0]
        look = {"color": OKABE_ITO[i], "marker": MARKERS[i % len(MARKERS)]}
        ax.plot(line.index, line, label=wrap(value, 90, 1), **look)


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    """A column of the table, or as table.column those rows of it that come from one table."""
    if name in table:
        return table[name]
    part, _, column = name.partition(".")
    return table[column].where(table["table"] == part) if column in table else table["run"].where(False)


def _numeric(sweep: Sweep, name: str) -> bool:
    return all(type(run.parameters[name]) in (int, float) for run in sweep.runs)


def text_of(value: object) -> str:
    """A parameter's value as a cell of a table has it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
