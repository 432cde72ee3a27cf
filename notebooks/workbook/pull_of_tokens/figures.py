"""Figures of tipping points and pulls, from the tables of `tables` and `pulls`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import expit

from nokenlab.errors import cut
from nokenlab.palette import OKABE_ITO
from workbook.claims import statistics
from workbook.pull_of_tokens.pulls import BY, HELD
from workbook.style import MARKERS, figure, shown


def one_pair(p: list[float], curves: dict[str, list[float]], a: str, b: str) -> Figure:
    """How far probability has moved from a to b, one line per named curve; it tips at one half."""
    fig, ax = figure(6.4, 3.4)
    for (name, curve), colour, marker in zip(curves.items(), OKABE_ITO, MARKERS, strict=False):
        ax.plot(p, curve, f"{marker}-", color=colour, markersize=4, label=name)
    ax.axhline(0.5, color="0.6", linewidth=1, linestyle=":")
    ax.set(xlabel=f"weight of {shown(cut(b, 20))}, p", ylabel=f"gone over from {shown(cut(a, 20))}")
    ax.legend(fontsize=9, frameon=False)
    return fig


def predicted_and_found(table: pd.DataFrame) -> Figure:
    """Where each held-out pair tips against what pulls and each control predict; one panel per prediction."""
    held = table[((table["fold"] == HELD) | (table["by"] == "traits")) & table["predicted"].notna()]
    fig, axes = figure(10.5, 7.4, rows=2, columns=3, sharex=True, sharey=True)
    limit = max(0.5, held["y"].abs().max()) * 1.05
    for ax, by in zip(axes.flat, BY, strict=True):
        predicted, y = held.loc[held["by"] == by, ["predicted", "y"]].to_numpy().T
        share = statistics.explained_share(y, predicted, np.ones(len(y)))
        ax.plot([-limit, limit], [-limit, limit], color="0.6", linewidth=1, linestyle=":")
        ax.plot(predicted, y, "o", color=OKABE_ITO[0], markersize=4, alpha=0.5)
        name = "new words, by traits" if by == "traits" else by
        explained = f"{share:.0%} explained" if share >= 0 else "worse than p* = 0.5 for all"
        ax.set_title(f"{name}\n{explained}", fontsize=10)
        ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
        for axis in (ax.xaxis, ax.yaxis):  # of logits, labelled by p*
            axis.set_major_formatter(lambda y, _: f"{expit(y):.2f}")
    fig.supxlabel("predicted p*, the weight of the second word at which the mixture tips", fontsize=10)
    fig.supylabel("measured p*", fontsize=10)
    return fig


def pulls_of_words(table: pd.DataFrame) -> Figure:
    """The pull of each word, the largest on top, from a `pulls.of_words` table."""
    fig, ax = figure(6, 1 + 0.2 * len(table))
    ax.hlines(range(len(table)), 0, table["pull"], color=OKABE_ITO[4])
    ax.plot(table["pull"], range(len(table)), "o", color=OKABE_ITO[0], markersize=5)
    ax.axvline(0, color="0.6", linewidth=1)
    ax.set(xlabel="pull s, logits", ylim=(len(table) - 0.5, -0.5))
    ax.set_yticks(range(len(table)), [shown(cut(word, 24)) for word in table["word"]], fontsize=9)
    return fig
