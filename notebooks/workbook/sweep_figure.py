"""The figure of a sweep: what `nokenlab sweep` draws beside its table."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from nokenlab.runs.sweep_file import Sweep
from workbook.style import MARKERS, figure, shown, wrap

LINES, PANELS = 8, 6  # lines in a panel, else the mean alone; panels


def draw(sweep: Sweep, table: pd.DataFrame) -> Figure | None:
    """The means of the numeric columns over the first numeric axis, one line for each value of another axis.

    A seed is a number, but no axis: how large it is means nothing. None when no axis is numeric, or no
    column.
    """
    axis = next((name for name in sweep.axes if name != "seed" and _is_numeric(sweep, name)), None)
    columns = _numeric_columns(sweep, table)
    if axis is None or not columns:
        return None
    groups = [name for name in sweep.axes if name != axis and table[name].nunique() <= LINES]
    group = table[groups[0]] if groups else pd.Series("all", index=table.index)
    x = pd.to_numeric(table[axis])
    fig, _ = figure(7.2, 2.6 * len(columns) + 1, rows=len(columns), sharex=True)
    for ax, (name, numbers) in zip(fig.axes, columns.items(), strict=True):
        for i, value in enumerate(group.unique()):
            means = numbers[group == value].groupby(x).mean().dropna()
            look = {"color": OKABE_ITO[i], "marker": MARKERS[i % len(MARKERS)]}
            ax.plot(means.index, means, label=wrap(value.strip('[]"'), 90, 1), **look)
        of, _, column = name.rpartition(".")
        ax.set_ylabel(wrap(f"mean {column} in {of}.csv" if of else f"mean {column}", 28))
    ax.set_xlabel(shown(axis))
    ax.set_xticks(x.unique() if x.nunique() <= LINES else ax.get_xticks())
    fig.axes[0].set_title(wrap(f"{sweep.name}: {len(sweep.runs)} runs of {sweep.notebook.stem}", 80))
    if groups:
        lines, labels = ax.get_legend_handles_labels()
        fig.legend(lines, labels, title=shown(groups[0]), frameon=False, loc="outside lower center")
    return fig


def _numeric_columns(sweep: Sweep, table: pd.DataFrame) -> dict[str, pd.Series]:
    """The numbers of the columns to draw, NaN where there is none: those of `sweep.figure`, else all."""
    numbers, others = {}, {"run", "stale", "table", *sweep.runs[0].parameters}
    for name in sweep.figure or [name for name in table if name not in others]:
        table_name, _, column = name.partition(".")
        if name in table:
            cells = table[name]
        elif column in table:  # table.column: its rows that come from one table
            cells = table[column].where(table["table"] == table_name)
        else:
            continue
        numbers[name] = pd.to_numeric(cells, errors="coerce")
    drawn = [name for name in numbers if numbers[name].notna().any()]
    return {name: numbers[name] for name in drawn[:PANELS]}


def _is_numeric(sweep: Sweep, name: str) -> bool:
    return all(type(run.parameters[name]) in (int, float) for run in sweep.runs)
