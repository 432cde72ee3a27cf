"""Figures of the cloud of tokens, from the tables of `experiments.embedding_space`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.style import OKABE_ITO, figure, wrap


def variance_lines(components: pd.DataFrame) -> Figure:
    """Variance by principal direction, each and added up, beside a round cloud; from a `components` table."""
    fig, (left, right) = figure(10, 4, columns=2)
    x, width = components["component"], len(components)
    even = {"color": "black", "linestyle": "--", "label": "a round cloud"}
    left.loglog(
        x, 100 * components["share"].clip(lower=1e-9), color=OKABE_ITO[0], linewidth=2, label="tokens"
    )
    left.axhline(100 / width, **even)
    left.set(xlabel="principal direction, widest first", ylabel="share of the variance, %")
    left.set_title("Each direction by itself")
    right.plot(x, 100 * components["cumulative"], color=OKABE_ITO[0], linewidth=2, label="tokens")
    right.plot([0, width], [0, 100], **even)
    half = int((components["cumulative"] < 0.5).sum()) + 1
    right.plot([half], [50], "o", color=OKABE_ITO[5], label=f"half of the variance: {half} of {width}")
    right.set(xlabel="how many directions", ylabel="share of the variance, %", title="All up to here")
    left.legend(fontsize=9)
    right.legend(fontsize=9, loc="lower right")
    return fig


def cosine_bars(cosines: pd.DataFrame) -> Figure:
    """How alike two random tokens point, from a `pair_cosines` table; the mean of each cloud is marked."""
    fig, ax = figure(10, 3.8)
    for i, (of, rows) in enumerate(cosines.groupby("of", sort=False)):
        colour, mean = OKABE_ITO[[5, 0, 7][i]], rows["cosine"].mean()
        look = {"histtype": "step", "linewidth": 2, "linestyle": ["-", "--", ":"][i], "color": colour}
        ax.hist(rows["cosine"], bins=120, range=(-1, 1), label=f"{of}: mean {mean:.2f}", **look)
        ax.axvline(mean, color=colour, linewidth=0.8, linestyle=look["linestyle"])
    low, high = cosines["cosine"].min(), cosines["cosine"].max()
    ax.set(
        xlabel="cosine of two random tokens (0 is a right angle)",
        ylabel="pairs",
        xlim=(low - 0.05, high + 0.05),
    )
    ax.set_title("How alike two random tokens point")
    ax.legend(fontsize=9)
    return fig


def repeat_dots(matched: pd.DataFrame) -> Figure:
    """Can it be said again? Distance to the hardly trained against the token's own probability, by prompt.

    `matched` has a `matched` table's columns, with `of` ("candidate", "matched token") and `distance`.
    """
    prompts = list(matched.groupby("prompt", sort=False))
    rows = (len(prompts) + 1) // 2
    fig, axes = figure(10, 0.6 + 2.7 * rows, rows=rows, columns=2, sharex=True, sharey=True, squeeze=False)
    for ax, (prompt, asked) in zip(axes.flat, prompts, strict=False):
        for i, (of, some) in enumerate(asked.groupby("of", sort=False)):
            label = f"{of}: {int(some['repeated'].sum())} of {len(some)} repeated"
            look = {"color": OKABE_ITO[[5, 0][i]], "alpha": 0.75, "markersize": 6, "label": label}
            ax.plot(some["distance"], some["probability"].clip(lower=1e-9), "so"[i], **look)
        ax.set_yscale("log")
        ax.set_title(wrap(prompt.split("\n")[-1], 62, lines=1), fontsize=10)
        ax.legend(fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("distance to the middle of what was hardly trained")
    for ax in axes[:, 0]:
        ax.set_ylabel("probability of saying it")
    return fig
