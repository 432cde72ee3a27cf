"""Figures of learned nokens, from the tables of `learned_nokens.tables`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.learned_nokens.tables import ABSURD, DEFINITION
from workbook.style import MARKERS, figure, legend_outside

TOKENS = {  # labels of real tokens in the noken's place
    "nll_nearest": "nearest to\nthe noken",
    "nll_ranked": "best by\ngradient",
    "nll_word": "the word\nmeant",
    "nll_random": "random",
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
    legend_outside(fig, list(axes[0]), 2)
    return fig


def nll_against_distance(table: pd.DataFrame) -> Figure:
    """Nll against the distance from the nearest token, of a `compared` table; real tokens at the left.

    Above in the prompts that were learned in, below in those that were not. A dot is a noken, its mean over
    prompts; a hollow one is for an absurd text. At the left a dot is a target, and a bar their median.
    """
    parts = [(rows, PROMPTS[seen]) for seen, rows in table.groupby("seen", sort=False)]
    look = {"sharey": True, "squeeze": False, "width_ratios": [2, 3]}
    fig, axes = figure(11, 3.7 * len(parts), rows=len(parts), columns=2, **look)
    for (left, right), (rows, prompts) in zip(axes, parts, strict=True):
        _tokens(left, rows)
        _nokens(right, rows)
        left.set_ylabel(f"{NLL}\nin prompts {prompts}")
    axes[0, 0].set_ylim(bottom=0)  # of all, once all is drawn
    axes[0, 0].set_title("real tokens in its place")
    axes[0, 1].set_title("learned nokens")
    axes[-1, 1].set_xlabel("distance from the nearest token")
    legend_outside(fig, list(axes[:, 1]), 5)
    return fig


def _tokens(ax: Axes, rows: pd.DataFrame) -> None:
    first = rows[
        rows["constraint"] == rows["constraint"].iloc[0]
    ]  # the nearest tokens are those of its nokens
    means = first.groupby(["kind", "target"], sort=False)[list(TOKENS)].mean().reset_index()
    offset = 0.3 * (means.index / max(len(means) - 1, 1) - 0.5)
    for column, name in enumerate(TOKENS):
        for kind, fill in FILLS.items():
            of_kind = means["kind"] == kind
            x = column + offset[of_kind]
            ax.plot(x, means[name][of_kind], "o", color="0.5", markersize=5, fillstyle=fill)
        ax.hlines(means[name].median(), column - 0.3, column + 0.3, color="black", linewidth=2)
    ax.set_xticks(range(len(TOKENS)), TOKENS.values(), fontsize=9)
    ax.set_xlim(-0.6, len(TOKENS) - 0.4)


def _nokens(ax: Axes, rows: pd.DataFrame) -> None:
    for number, (name, group) in enumerate(rows.groupby("constraint", sort=False)):
        means = group.groupby(["kind", "target", "start"], as_index=False)[["distance", "nll"]].mean()
        look = {"color": OKABE_ITO[number % 7], "marker": MARKERS[number % 7], "linestyle": ""}
        for kind, fill in FILLS.items():
            of_kind = means[means["kind"] == kind]
            if len(of_kind):
                label = name if kind == DEFINITION else f"{name}, absurd"
                ax.plot(of_kind["distance"], of_kind["nll"], fillstyle=fill, label=label, **look)
    ax.set_xlim(left=-0.2)
