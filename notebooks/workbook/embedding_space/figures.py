"""Figures of notebook 07."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.style import figure, panels, wrap


def variance_lines(components: pd.DataFrame) -> Figure:
    """Variance by principal direction, each and cumulative, beside a round cloud's; from `components`."""
    fig, (left, right) = figure(10, 4, columns=2)
    x, width = components["component"], len(components)
    tokens = {"color": OKABE_ITO[0], "linewidth": 2, "label": "tokens"}
    even = {"color": "black", "linestyle": "--", "label": "a round cloud"}
    left.loglog(x, 100 * components["share"].clip(lower=1e-9), **tokens)
    left.axhline(100 / width, **even)
    left.set(xlabel="principal direction, widest first", title="Each direction by itself")
    right.plot(x, 100 * components["cumulative"], **tokens)
    right.plot([0, width], [0, 100], **even)
    half = int((components["cumulative"] < 0.5).sum()) + 1
    right.plot([half], [50], "o", color=OKABE_ITO[5], label=f"half of the variance: {half} of {width}")
    right.set(xlabel="how many directions", title="All up to here")
    for ax in (left, right):
        ax.set_ylabel("share of the variance, %")
    left.legend(fontsize=9)
    right.legend(fontsize=9, loc="lower right")
    return fig


def cosine_bars(cosines: pd.DataFrame) -> Figure:
    """Cosines of random pairs of tokens, from a `pair_cosines` table; the mean of each cloud is marked."""
    fig, ax = figure(10, 3.8)
    for i, (of, rows) in enumerate(cosines.groupby("of", sort=False)):
        mean = rows["cosine"].mean()
        look = {"color": OKABE_ITO[[5, 0, 7][i]], "linestyle": ["-", "--", ":"][i]}
        bars = {"bins": 120, "range": (-1, 1), "histtype": "step", "linewidth": 2}
        ax.hist(rows["cosine"], label=f"{of}: mean {mean:.2f}", **bars, **look)
        ax.axvline(mean, linewidth=0.8, **look)
    ax.set(xlabel="cosine of two random tokens (0 is a right angle)", ylabel="pairs")
    ends = cosines["cosine"].min() - 0.05, cosines["cosine"].max() + 0.05
    ax.set(xlim=ends, title="How alike two random tokens point")
    ax.legend(fontsize=9)
    return fig


def repeat_dots(matched: pd.DataFrame) -> Figure:
    """The distance to what was hardly trained against the probability of being repeated: a panel per prompt.

    From a `matched` table.
    """
    fig, by_prompt = panels(matched, "prompt", 10, 2.7, columns=2, margin=0.6, sharex=True, sharey=True)
    for ax, prompt, tokens in by_prompt:
        for i, (of, group) in enumerate(tokens.groupby("of", sort=False)):
            label = f"{of}: {int(group['repeated'].sum())} of {len(group)} repeated"
            look = {"color": OKABE_ITO[[5, 0][i]], "alpha": 0.75, "markersize": 6, "label": label}
            ax.plot(group["distance"], group["probability"].clip(lower=1e-9), "so"[i], **look)
        ax.set_yscale("log")
        ax.set_title(wrap(prompt.split("\n")[-1], 62, lines=1), fontsize=10)
        ax.legend(fontsize=8)
        ax.set(xlabel="distance to the middle of what was hardly trained", ylabel="probability of saying it")
        ax.label_outer()
    return fig
