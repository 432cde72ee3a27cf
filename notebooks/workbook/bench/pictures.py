"""Figures of the bench: tokens a second beside what the machine allows, and memory."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from workbook.style import figure, legend_outside, line_look, panels


def picture(table: pd.DataFrame, limits: dict[str, dict[str, float]]) -> Figure:
    """Tokens a second against nokens: a panel per dtype, a line per method, bounds in black."""
    fig, by_dtype = panels(table, "dtype", 10, 4.5, sharey=True)
    sizes, methods = sorted(table["nokens"].unique()), list(table["way"].unique())
    for ax, dtype, rows in by_dtype:
        for method, line in rows.groupby("way", sort=False):
            look = line_look(methods.index(method), label=method)
            ax.plot(line["nokens"], line["tokens_per_second"], **look)
        limit = limits[dtype]
        ax.axhline(limit["arithmetic"], color="black", linestyle="--", linewidth=1, label="bound: arithmetic")
        row = limit["memory, a row"]
        reach = [sizes[0], min(limit["arithmetic"] / row, sizes[-1])]
        ax.plot(reach, [n * row for n in reach], "k:", linewidth=1, label="bound: reading weights")
        ax.set(xscale="log", yscale="log", xlabel="nokens in one batch", title=dtype)
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.minorticks_off()
    fig.axes[0].set_ylabel("new tokens a second")
    legend_outside(fig, 4, "lower center")
    return fig


def memory_picture(table: pd.DataFrame) -> Figure:
    """Peak memory against the number of nokens, and what their embeddings alone take."""
    fig, ax = figure(6.5, 3.8)
    lines = {"peak_gb": "peak of the process", "given_gb": "the rows it was given"}
    for i, (column, label) in enumerate(lines.items()):
        ax.plot(table["nokens"], table[column], **line_look(i, label=label))
    ax.set(xscale="log", xlabel="nokens asked for", ylabel="memory, GB", ylim=(0, None))
    ax.set_xticks(table["nokens"], [f"{n:,}" for n in table["nokens"]])
    ax.minorticks_off()
    ax.legend(fontsize=9)
    return fig


def save_picture(fig: Figure, path: Path) -> None:
    """Write a figure, without the version of Matplotlib in it."""
    fig.savefig(path, dpi=160, metadata={"Software": None})
