"""Figures of hidden states that are read as words, from the tables of `tables`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.claims.statistics import share_interval
from workbook.hidden_states.tables import EMBEDDING, LAYER, LENS, RAW, TOKEN_NORM
from workbook.style import MARKERS, figure, legend_outside, shown, wrap

PANELS = {
    (EMBEDDING, RAW): "in the embedding slot, raw",
    (EMBEDDING, TOKEN_NORM): "in the embedding slot, at token norm",
    (LAYER, RAW): "into the same layer",
}
NAMES = {
    "other": "another word's state",
    "embedding": "its embedding, equal norm",
    "random": "random vector, equal norm",
    "mean": "mean state of other words",
    "unpatched": "no patch: ?",
}


def precision_by_layer(shares: pd.DataFrame) -> Figure:
    """The share of words that are said first, by layer: one panel per slot and scaling, one row per carrier.

    `shares` is a table of `precision`. The band is Wilson's 95 % interval over words.
    """
    carriers = list(shares["carrier"].unique())
    look = {"sharex": True, "sharey": True, "squeeze": False}
    fig, axes = figure(12, 3.4 * len(carriers) + 0.4, rows=len(carriers), columns=len(PANELS), **look)
    for row, carrier in zip(axes, carriers, strict=True):
        readings = dict(list(shares[shares["carrier"] == carrier].groupby(["slot", "scaling"])))
        for ax, (reading, title) in zip(row, PANELS.items(), strict=True):
            _panel(ax, readings[reading], readings[LENS, RAW])
            ax.set_title(title, fontsize=11)
        row[0].set_ylabel(f"words said first\n{wrap(carrier, 34)}")
    for ax in axes[-1]:
        ax.set_xlabel("layer")
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylim(-0.04, 1.04)
    legend_outside(fig, 6)
    return fig


def _panel(ax: Axes, shares: pd.DataFrame, lens: pd.DataFrame) -> None:
    layer, never = shares["layer"], [NAMES[control] for control in NAMES if not shares[control].any()]
    for number, (control, label) in enumerate(NAMES.items(), 1):
        look = {"color": OKABE_ITO[number], "marker": MARKERS[number], "markersize": 4, "linewidth": 0.9}
        if label not in never:
            ax.plot(layer, shares[control], label=label, **look)
    look = {"ha": "right", "va": "top", "fontsize": 8, "color": "0.3", "transform": ax.transAxes}
    ax.text(0.98, 0.98, "\n".join(["never first:", *never] if never else []), **look)
    ax.plot(lens["layer"], lens["state"], "--", color="black", linewidth=1.5, label="logit lens")
    hits = (shares["state"] * shares["words"]).round()
    low, high = zip(*map(share_interval, hits, shares["words"]), strict=True)
    ax.fill_between(layer, low, high, color=OKABE_ITO[0], alpha=0.2, linewidth=0)
    ax.plot(layer, shares["state"], "o-", color=OKABE_ITO[0], markersize=4, label="the word's state")


def said_by_layer(table: pd.DataFrame, word: str) -> Figure:
    """What the states of one word say, by layer and by where they are put; in bold where it is the word."""
    rows = table[table["word"] == word]
    columns = {reading: x for x, reading in enumerate([*PANELS, (LENS, RAW)])}
    depth = rows["layer"].max() + 1
    fig, ax = figure(10, 0.24 * depth + 1)
    for row in rows.itertuples():
        look = {"fontweight": "bold", "color": OKABE_ITO[0]} if row.top1 else {"color": "0.3"}
        look |= {"ha": "center", "va": "center", "fontsize": 9}
        ax.text(columns[row.slot, row.scaling], row.layer, shown(row.said[:24].replace(" ", "␣")), **look)
    ax.set(xlim=(-0.6, 3.6), ylim=(-0.8, depth - 0.2), ylabel="layer", title=shown(word[:60]))
    ax.set_xticks(range(4), [*PANELS.values(), LENS], fontsize=9)
    ax.set_yticks(range(depth))
    return fig
