"""Figures of learned nokens, from the tables of `experiments.learned_nokens`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.style import MARKERS, OKABE_ITO, figure, legend_outside
from workbook.learned_nokens.tables import ABSURD, DEFINITION

TOKENS = {  # what a real token in the noken's place is called
    "nll_nearest": "nearest to\nthe noken",
    "nll_ranked": "best by\ngradient",
    "nll_word": "the word\nmeant",
    "nll_random": "random",
}
FILLS = {DEFINITION: "full", ABSURD: "none"}
KINDS = {DEFINITION: OKABE_ITO[0], ABSURD: OKABE_ITO[5]}
PLACES = {True: "it was learned in", False: "it never saw"}
NLL = "nll, nats a token"


def one_curve(losses: list[float]) -> Figure:
    """The nll of one noken while it is learned, a number a step."""
    fig, ax = figure(6, 2.8)
    ax.plot(losses, color=OKABE_ITO[0], linewidth=2)
    ax.set(xlabel="step", ylabel=NLL, ylim=(0, None))
    return fig


def curves(history: pd.DataFrame) -> Figure:
    """Nll by step, a panel a constraint and a line a noken; a dot where a noken was exact, and stopped.

    `history` is that of `nl.learn` with columns constraint and kind.
    """
    names = list(history["constraint"].unique())
    fig, axes = figure(2.5 * len(names) + 1, 3.2, columns=len(names), sharey=True, sharex=True, squeeze=False)
    for ax, name in zip(axes[0], names, strict=True):
        for _, rows in history[history["constraint"] == name].groupby("row"):
            kind = rows["kind"].iloc[0]
            ax.plot(rows["step"], rows["nll"], color=KINDS[kind], linewidth=1.4, label=kind)
            done = rows[rows["exact"]]
            ax.plot(done["step"], done["nll"], "o", color=KINDS[kind], markersize=7, markeredgecolor="black")
        ax.set(title=name, xlabel="step", ylim=(0, None))
    axes[0, 0].set_ylabel(NLL)
    legend_outside(fig, list(axes[0]), 2)
    return fig


def nll_against_distance(table: pd.DataFrame) -> Figure:
    """Nll against the distance from the nearest token, of a `compared` table; real tokens at the left.

    Above in the prompts that were learned in, below in those that were not. A dot is a noken, its mean over
    prompts; a hollow one says an absurd text. At the left a dot is a target, and a bar their median.
    """
    parts = [(some, PLACES[seen]) for seen, some in table.groupby("seen", sort=False)]
    look = {"sharey": True, "squeeze": False, "width_ratios": [2, 3]}
    fig, axes = figure(11, 3.7 * len(parts), rows=len(parts), columns=2, **look)
    for (left, right), (some, place) in zip(axes, parts, strict=True):
        _tokens(left, some)
        _nokens(right, some)
        left.set_ylabel(f"{NLL}\nin prompts {place}")
    axes[0, 0].set_ylim(bottom=0)  # of all, once all is drawn
    axes[0, 0].set_title("real tokens in its place")
    axes[0, 1].set_title("learned nokens")
    axes[-1, 1].set_xlabel("distance from the nearest token")
    legend_outside(fig, list(axes[:, 1]), 5)
    return fig


def _tokens(ax: Axes, rows: pd.DataFrame) -> None:
    first = rows[rows["constraint"] == rows["constraint"].iloc[0]]  # whose nearest tokens these are
    each = first.groupby(["kind", "target"], sort=False)[list(TOKENS)].mean().reset_index()
    beside = [0.3 * (i / max(len(each) - 1, 1) - 0.5) for i in range(len(each))]
    for place, name in enumerate(TOKENS):
        for kind, fill in FILLS.items():
            own = each[each["kind"] == kind]
            x = [place + beside[i] for i in own.index]
            ax.plot(x, own[name], "o", color="0.5", markersize=5, fillstyle=fill)
        ax.hlines(each[name].median(), place - 0.3, place + 0.3, color="black", linewidth=2)
    ax.set_xticks(range(len(TOKENS)), TOKENS.values(), fontsize=9)
    ax.set_xlim(-0.6, len(TOKENS) - 0.4)


def _nokens(ax: Axes, rows: pd.DataFrame) -> None:
    for number, (name, some) in enumerate(rows.groupby("constraint", sort=False)):
        means = some.groupby(["kind", "target", "start"], as_index=False)[["distance", "nll"]].mean()
        look = {"color": OKABE_ITO[number % 7], "marker": MARKERS[number % 7], "linestyle": ""}
        for kind, fill in FILLS.items():
            own = means[means["kind"] == kind]
            if len(own):
                label = name if kind == DEFINITION else f"{name}, absurd"
                ax.plot(own["distance"], own["nll"], fillstyle=fill, label=label, **look)
    ax.set_xlim(left=-0.2)
