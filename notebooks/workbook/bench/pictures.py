"""Figures of the bench: tokens a second beside what the machine allows, and memory."""

import pandas as pd

from nokenlab.palette import OKABE_ITO
from workbook.style import MARKERS, figure


def picture(table: pd.DataFrame, limits: dict[str, dict[str, float]]):
    """Tokens a second against nokens: a panel per dtype, a line per method, bounds in black."""
    fig, ((*panels,),) = figure(10, 4.5, columns=len(limits), sharey=True, squeeze=False)
    sizes, methods = sorted(table["nokens"].unique()), list(table["way"].unique())
    for ax, (dtype, limit) in zip(panels, limits.items(), strict=True):
        for method, line in table[table["dtype"] == dtype].groupby("way", sort=False):
            number = methods.index(method)
            style = {"color": OKABE_ITO[number], "marker": MARKERS[number]}
            ax.plot(line["nokens"], line["tokens_per_second"], **style, label=method)
        ax.axhline(limit["arithmetic"], color="black", linestyle="--", linewidth=1, label="bound: arithmetic")
        row = limit["memory, a row"]
        reach = [sizes[0], min(limit["arithmetic"] / row, sizes[-1])]
        ax.plot(reach, [n * row for n in reach], "k:", linewidth=1, label="bound: reading weights")
        ax.set(xscale="log", yscale="log", xlabel="nokens in one batch", title=dtype)
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.minorticks_off()
    panels[0].set_ylabel("new tokens a second")
    legend = panels[0].get_legend_handles_labels()  # every method is in the first
    fig.legend(*legend, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return fig


def memory_picture(table: pd.DataFrame):
    """Peak memory against the number of nokens, and what their embeddings alone take."""
    fig, ((ax,),) = figure(6.5, 3.8, squeeze=False)
    lines = {"peak_gb": "peak of the process", "given_gb": "the rows it was given"}
    for i, (column, label) in enumerate(lines.items()):
        ax.plot(table["nokens"], table[column], color=OKABE_ITO[i], marker=MARKERS[i], label=label)
    ax.set(xscale="log", xlabel="nokens asked for", ylabel="memory, GB")
    ax.set_ylim(bottom=0)
    ax.set_xticks(table["nokens"], [f"{n:,}" for n in table["nokens"]])
    ax.minorticks_off()
    ax.legend(fontsize=9)
    return fig
