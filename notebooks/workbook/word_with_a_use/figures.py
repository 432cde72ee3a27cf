"""Figures of a word with a use, from the tables of `tables`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.claims.statistics import share_interval
from workbook.style import MARKERS, figure, legend_outside, line_look, panels, shown
from workbook.word_with_a_use.tables import LEARNED, NOTHING, PLAIN, RANDOM, SHUFFLED

FRAMES = {"learned in": "prompt of learning", "another": "another prompt"}  # for a column `frame`
CONDITIONS = (LEARNED, SHUFFLED, RANDOM, PLAIN, NOTHING)
COLOURS = {of: OKABE_ITO[number] for of, number in zip(CONDITIONS, (0, 1, 7, 2, 3), strict=True)}


def learning_lines(table: pd.DataFrame) -> Figure:
    """The nll of the examples while nokens are learned: one line per behaviour of a `learn_words` table."""
    fig, ax = figure(10, 3.2)
    for i, (behaviour, rows) in enumerate(table.groupby("behaviour", sort=False)):
        ax.plot(rows["step"], rows["nll"], **line_look(i, markersize=3, label=shown(behaviour)))
    ax.set(xlabel="moves", ylabel="nats a token, over examples", ylim=(0, None))
    legend_outside(fig, 4)
    return fig


def use_bars(table: pd.DataFrame) -> Figure:
    """The share of held-out questions answered in the noken's way, and with controls: a `try_words` table.

    One panel per behaviour, one group of bars per frame. Lines are Wilson's 95 % intervals over answers.
    """
    frames = table["frame"].unique()
    fig, by_behaviour = panels(table, "behaviour", 10, 3.8, sharey=True)
    for ax, behaviour, rows in by_behaviour:
        groups = rows.groupby(["frame", "of"])["shows"]
        for group, frame in enumerate(frames):
            for i, (of, colour) in enumerate(COLOURS.items()):
                values = groups.get_group((frame, of))
                share, (low, high) = values.mean(), share_interval(values.sum(), len(values))
                x, bar = group + (i - 2) * 0.17, [[max(share - low, 0)], [max(high - share, 0)]]
                ax.bar(x, share, 0.15, color=colour, label=of)
                ax.errorbar(x, share, bar, color="0.4", capsize=2, linewidth=1)
        ax.set_xticks(range(len(frames)), [FRAMES[frame] for frame in frames], fontsize=8)
        ax.set_title(shown(behaviour), fontsize=10)
        ax.set_ylim(0, 1.05)
    fig.axes[0].set_ylabel("share of answers that show it")
    legend_outside(fig, 5)
    return fig


def meant_dots(table: pd.DataFrame) -> Figure:
    """How unlikely the words that mean a use are where the model is asked for its meaning: one dot per word.

    From the second table of `meaning`, means over prompts and seeds. Below the line a word is likelier
    behind the learned noken than behind a random one, or one of shuffled examples.
    """
    means = table.groupby(["behaviour", "word", "of"], sort=False)["nll"].mean().unstack()
    fig, by_behaviour = panels(means, "behaviour", 10, 4, sharex=True, sharey=True)
    low, high = np.nanmin(means.to_numpy()) - 0.5, np.nanmax(means.to_numpy()) + 0.5
    for ax, behaviour, words in by_behaviour:
        for of, marker in ((RANDOM, MARKERS[0]), (SHUFFLED, MARKERS[1])):
            look = {"color": COLOURS[of], "label": f"beside: {of}", "markersize": 5}
            ax.plot(words[of], words[LEARNED], marker, **look)
        for (_, word), row in words.iterrows():
            at = (row[RANDOM], row[LEARNED])
            ax.annotate(shown(word), at, (4, 2), textcoords="offset points", fontsize=7)
        ax.plot([low, high], [low, high], color="0.6", linestyle=":", label="the same")
        ax.set(xlim=(low, high), ylim=(low, high), title=shown(behaviour))
    fig.axes[0].set_ylabel("behind the learned noken, nats")
    fig.supxlabel("behind the other noken, nats", fontsize=10)
    legend_outside(fig, 3)
    return fig
