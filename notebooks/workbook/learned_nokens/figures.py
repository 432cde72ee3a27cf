"""Figures of learned nokens, from the tables of `learned_nokens.tables`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.learned_nokens.tables import ABSURD, DEFINITION
from workbook.style import figure, legend_outside

TOKENS = {  # labels of real tokens in the noken's place
    "nll_nearest": "the nearest token",
    "nll_ranked": "the best token by gradient",
    "nll_word": "the word meant",
    "nll_random": "a random token",
}
FILLS = {DEFINITION: "full", ABSURD: "none"}
COLOURS = {DEFINITION: OKABE_ITO[0], ABSURD: OKABE_ITO[5]}
PROMPTS = {True: "it was learned in", False: "it never saw"}  # for a column `seen`
NLL = "nll, nats a token"


def one_curve(losses: list[float]) -> Figure:
    """The nll of one noken while it is learned, one number per step."""
    fig, ax = figure(6, 2.8)
    ax.plot(losses, color=OKABE_ITO[0], linewidth=2)
    ax.set(xlabel="step", ylabel=NLL, ylim=(0, None))
    return fig


def curves(history: pd.DataFrame) -> Figure:
    """Nll by step, one panel per constraint and one line per noken; a dot if a noken was exact, and stopped.

    `history` is a table of `histories`.
    """
    names = list(history["constraint"].unique())
    fig, axes = figure(2.5 * len(names) + 1, 3.2, columns=len(names), sharey=True, sharex=True, squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        for _, rows in history[history["constraint"] == name].groupby("row"):
            kind = rows["kind"].iloc[0]
            ax.plot(rows["step"], rows["nll"], color=COLOURS[kind], linewidth=1.4, label=kind)
            exact = rows[rows["exact"]]
            dot = {"color": COLOURS[kind], "markersize": 7, "markeredgecolor": "black"}
            ax.plot(exact["step"], exact["nll"], "o", **dot)
        ax.set(title=name, xlabel="step", ylim=(0, None))
    axes[0, 0].set_ylabel(NLL)
    legend_outside(fig, 2)
    return fig


def nll_dots(table: pd.DataFrame) -> Figure:
    """The nll of learned nokens, and of real tokens in their place, of a `compared` table: one row for each.

    A dot is a target and a start, its mean over the prompts of a panel; a hollow one is for an absurd text;
    the line is the median. With a constraint stands its nokens' median distance from the nearest token.
    """
    parts = [(rows, PROMPTS[seen]) for seen, rows in table.groupby("seen", sort=False)]
    rows = len(TOKENS) + table["constraint"].nunique()
    fig, axes = figure(10, 0.9 + 0.42 * rows, columns=len(parts), sharex=True, sharey=True, squeeze=False)
    for ax, (rows, prompts) in zip(axes[0], parts, strict=True):
        names = []
        for number, (name, group) in enumerate(rows.groupby("constraint", sort=False)):
            _dots(ax, number, group, "nll", OKABE_ITO[0])
            names.append(f"noken, {name} ({group['distance'].median():.1f} from a token)")
        first = rows[rows["constraint"] == rows["constraint"].iloc[0]]  # nearest to its nokens
        for number, column in enumerate(TOKENS, len(names)):
            _dots(ax, number, first, column, "0.4")
        ax.set_title(f"in prompts {prompts}", fontsize=10)
    axes[0, 0].set_yticks(range(len(names) + len(TOKENS)), [*names, *TOKENS.values()], fontsize=9)
    axes[0, 0].set_ylim(len(names) + len(TOKENS) - 0.5, -0.5)
    axes[0, 0].set_xlim(left=0)
    fig.supxlabel(f"{NLL}: further left is said better (hollow: absurd texts)", fontsize=10)
    return fig


def _dots(ax: Axes, y: int, rows: pd.DataFrame, column: str, colour: str) -> None:
    means = rows.groupby(["kind", "target", "start"], as_index=False)[column].mean()
    for kind, fill in FILLS.items():
        x = means.loc[means["kind"] == kind, column]
        ax.plot(x, [y] * len(x), "o", color=colour, markersize=6, fillstyle=fill)
    ax.vlines(means[column].median(), y - 0.3, y + 0.3, color=colour, linewidth=2)
