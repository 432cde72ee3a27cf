"""Figures of a word with a use, from the tables of `tables`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.claims.statistics import wilson
from workbook.style import MARKERS, figure, legend_outside, shown
from workbook.word_with_a_use.tables import LEARNED, NOTHING, PLAIN, RANDOM, SHUFFLED

FRAMES = {"learned in": "prompt of learning", "another": "another prompt"}  # for a column `frame`
COLOURS = {
    LEARNED: OKABE_ITO[0],
    SHUFFLED: OKABE_ITO[1],
    RANDOM: OKABE_ITO[7],
    PLAIN: OKABE_ITO[2],
    NOTHING: OKABE_ITO[3],
}


def learning_lines(table: pd.DataFrame) -> Figure:
    """The nll of the examples while nokens are learned: one line per behaviour of a `learn_words` table."""
    fig, ax = figure(10, 3.2)
    for i, (behaviour, rows) in enumerate(table.groupby("behaviour", sort=False)):
        look = {"color": OKABE_ITO[i], "marker": MARKERS[i], "markersize": 3}
        ax.plot(rows["step"], rows["nll"], label=shown(behaviour), **look)
    ax.set(xlabel="moves", ylabel="nats a token, over examples", ylim=(0, None))
    legend_outside(fig, [ax], 4)
    return fig


def use_bars(table: pd.DataFrame) -> Figure:
    """The share of held-out questions answered in the noken's way, and with controls: a `try_words` table.

    One panel per behaviour, one group of bars per frame. Lines are Wilson's 95 % intervals over answers.
    """
    behaviours, frames = table["behaviour"].unique(), table["frame"].unique()
    fig, axes = figure(10, 3.8, columns=len(behaviours), sharey=True, squeeze=False)
    for ax, behaviour in zip(axes[0], behaviours, strict=True):
        groups = table[table["behaviour"] == behaviour].groupby(["frame", "of"])["shows"]
        for group, frame in enumerate(frames):
            for i, (of, colour) in enumerate(COLOURS.items()):
                values = groups.get_group((frame, of))
                share, (low, high) = values.mean(), wilson(values.sum(), len(values))
                x, bar = group + (i - 2) * 0.17, [[max(share - low, 0)], [max(high - share, 0)]]
                ax.bar(x, share, 0.15, color=colour, label=of)
                ax.errorbar(x, share, bar, color="0.4", capsize=2, linewidth=1)
        ax.set_xticks(range(len(frames)), [FRAMES[frame] for frame in frames], fontsize=8)
        ax.set_title(shown(behaviour), fontsize=10)
        ax.set_ylim(0, 1.05)
    axes[0, 0].set_ylabel("share of answers that show it")
    legend_outside(fig, [axes[0, 0]], 5)
    return fig


def meant_dots(table: pd.DataFrame) -> Figure:
    """How unlikely the words that mean a use are where the model is asked for its meaning: one dot per word.

    From the second table of `meaning`, means over prompts and seeds. Below the line a word is likelier
    behind the learned noken than behind a random one, or one of shuffled examples.
    """
    means = table.groupby(["behaviour", "word", "of"], sort=False)["nll"].mean().unstack()
    fig, axes = figure(10, 4, columns=table["behaviour"].nunique(), sharex=True, sharey=True, squeeze=False)
    low, high = np.nanmin(means.to_numpy()) - 0.5, np.nanmax(means.to_numpy()) + 0.5
    for ax, (behaviour, words) in zip(axes[0], means.groupby("behaviour", sort=False), strict=True):
        for of, marker in ((RANDOM, MARKERS[0]), (SHUFFLED, MARKERS[1])):
            look = {"color": COLOURS[of], "label": f"beside: {of}", "markersize": 5}
            ax.plot(words[of], words[LEARNED], marker, **look)
        for (_, word), row in words.iterrows():
            at = (row[RANDOM], row[LEARNED])
            ax.annotate(shown(word), at, (4, 2), textcoords="offset points", fontsize=7)
        ax.plot([low, high], [low, high], color="0.6", linestyle=":", label="the same")
        ax.set(xlim=(low, high), ylim=(low, high), title=shown(behaviour))
    axes[0, 0].set_ylabel("behind the learned noken, nats")
    fig.supxlabel("behind the other noken, nats", fontsize=10)
    legend_outside(fig, [axes[0, 0]], 3)
    return fig
