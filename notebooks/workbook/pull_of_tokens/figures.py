"""Figures of pulls, from the tables of `experiments.pull_of_tokens` and `experiments.pulls`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from nokenlab.style import MARKERS, OKABE_ITO, cut, figure, shown
from workbook.pull_of_tokens.pulls import BY, HELD


def one_way(p: list[float], curves: dict[str, list[float]], a: str, b: str) -> Figure:
    """How far probability has gone over from a to b, by name of a way; at one half it tips."""
    fig, ax = figure(6.4, 3.4)
    for (name, curve), colour, marker in zip(curves.items(), OKABE_ITO, MARKERS, strict=False):
        ax.plot(p, curve, f"{marker}-", color=colour, markersize=4, label=name)
    ax.axhline(0.5, color="0.6", linewidth=1, linestyle=":")
    ax.set(xlabel=f"weight of {shown(cut(b, 20))}, p", ylabel=f"gone over from {shown(cut(a, 20))}")
    ax.legend(fontsize=9, frameon=False)
    return fig


def predicted_and_found(table: pd.DataFrame) -> Figure:
    """Where each held-out pair tips against where pulls, and each control, say it; a panel a prediction."""
    held = table[((table["fold"] == HELD) | (table["by"] == "traits")) & table["predicted"].notna()]
    fig, axes = figure(12, 6.6, rows=2, columns=3, sharex=True, sharey=True)
    reach = max(0.1, float(np.abs(held[["y"]].to_numpy()).max(initial=0))) * 1.05
    for ax, by in zip(axes.flat, BY, strict=True):
        some = held[held["by"] == by]
        ax.plot([-reach, reach], [-reach, reach], color="0.6", linewidth=1, linestyle=":")
        ax.plot(some["predicted"], some["y"], "o", color=OKABE_ITO[0], markersize=3, alpha=0.5)
        square = (some["y"] ** 2).sum()
        left = 1 - ((some["y"] - some["predicted"]) ** 2).sum() / square if square else float("nan")
        name = "new words, by traits" if by == "traits" else by
        ax.set(title=f"{name}: {left:.2f} explained", xlim=(-reach, reach), ylim=(-reach, reach))
    for ax in axes[-1]:
        ax.set_xlabel("predicted, logit of p*")
    for ax in axes[:, 0]:
        ax.set_ylabel("found, logit of p*")
    return fig


def pulls_of_words(table: pd.DataFrame) -> Figure:
    """The pull of each word, the strongest above, of a `pulls.of_words` table."""
    fig, ax = figure(6, 1 + 0.2 * len(table))
    ax.hlines(range(len(table)), 0, table["pull"], color=OKABE_ITO[4])
    ax.plot(table["pull"], range(len(table)), "o", color=OKABE_ITO[0], markersize=5)
    ax.axvline(0, color="0.6", linewidth=1)
    ax.set(xlabel="pull s, logits", ylim=(len(table) - 0.5, -0.5))
    ax.set_yticks(range(len(table)), [shown(cut(word, 24)) for word in table["word"]], fontsize=9)
    return fig
