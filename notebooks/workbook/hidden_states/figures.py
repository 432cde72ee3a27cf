"""Figures of hidden states that are read as words, from the tables of `experiments.hidden_states`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.style import MARKERS, OKABE_ITO, figure, legend_outside, shown, wrap
from workbook.claims.statistics import wilson
from workbook.hidden_states.tables import CONTROLS, EMBEDDING, LAYER, LENS, RAW, TOKEN_NORM

PANELS = {
    (EMBEDDING, RAW): "in the embedding slot, raw",
    (EMBEDDING, TOKEN_NORM): "in the embedding slot, at token norm",
    (LAYER, RAW): "into the same layer",
}
NAMES = {
    "other": "another word's state",
    "random": "random vector, equal norm",
    "mean": "mean state of other words",
    "unpatched": "no patch: ?",
}
LENS_LOOK = {"color": "black", "linestyle": "--", "linewidth": 1.5, "label": "logit lens"}


def precision_by_layer(shares: pd.DataFrame) -> Figure:
    """The share of words that are said first, by layer: a panel a slot and scaling, a row a carrier.

    `shares` is a table of `precision`. The band is Wilson's 95 % interval over words.
    """
    rows = list(shares.groupby("carrier", sort=False))
    look = {"sharex": True, "sharey": True, "squeeze": False}
    fig, axes = figure(12, 3.4 * len(rows) + 0.4, rows=len(rows), columns=len(PANELS), **look)
    for line, (carrier, some) in zip(axes, rows, strict=True):
        for ax, (reading, title) in zip(line, PANELS.items(), strict=True):
            _panel(ax, _rows(some, reading), _rows(some, (LENS, RAW)))
            ax.set_title(title, fontsize=11)
        line[0].set_ylabel(f"words said first\n{wrap(carrier, 34)}")
    for ax in axes[-1]:
        ax.set_xlabel("layer")
    axes[0, 0].set_ylim(-0.04, 1.04)
    legend_outside(fig, list(axes[0]), 6)
    return fig


def _rows(shares: pd.DataFrame, reading: tuple[str, str]) -> pd.DataFrame:
    return shares[(shares["slot"] == reading[0]) & (shares["scaling"] == reading[1])]


def _panel(ax: Axes, read: pd.DataFrame, lens: pd.DataFrame) -> None:
    for number, name in enumerate(CONTROLS, 1):
        look = {"color": OKABE_ITO[number], "marker": MARKERS[number], "markersize": 4, "linewidth": 0.9}
        ax.plot(read["layer"], read[name], label=NAMES[name], **look)
    ax.plot(lens["layer"], lens["state"], **LENS_LOOK)
    hits = (read["state"] * read["words"]).round()
    low, high = zip(*map(wilson, hits, read["words"]), strict=True)
    ax.fill_between(read["layer"], low, high, color=OKABE_ITO[0], alpha=0.2, linewidth=0)
    ax.plot(read["layer"], read["state"], "o-", color=OKABE_ITO[0], markersize=4, label="the word's state")


def said_by_layer(table: pd.DataFrame, word: str) -> Figure:
    """What the states of one word say, by layer and by where they are put; in bold where it is the word."""
    some = table[table["word"] == word]
    depth = some["layer"].max() + 1
    fig, ax = figure(10, 0.24 * depth + 1)
    for column, (slot, scaling) in enumerate([*PANELS, (LENS, RAW)]):
        for row in some[(some["slot"] == slot) & (some["scaling"] == scaling)].itertuples():
            look = {"fontweight": "bold", "color": OKABE_ITO[0]} if row.top1 else {"color": "0.3"}
            ax.text(
                column,
                row.layer,
                shown(row.said[:24].replace(" ", "␣")),
                ha="center",
                va="center",
                fontsize=9,
                **look,
            )
    ax.set(xlim=(-0.6, 3.6), ylim=(-0.8, depth - 0.2), ylabel="layer", title=shown(word[:60]))
    ax.set_xticks(range(4), [*PANELS.values(), LENS], fontsize=9)
    ax.set_yticks(range(depth))
    return fig
