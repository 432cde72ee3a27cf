"""Figures of soft inputs and of random soft prompts, from the tables of `tables` and `soft_prompts`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.soft_inputs.soft_prompts import ALONE, PASS, TOKENS, VECTORS
from workbook.soft_inputs.tables import GREEDY, METHODS
from workbook.style import MARKERS, figure, legend_outside, shown

COLOURS = {ALONE: "black", VECTORS: OKABE_ITO[0], TOKENS: OKABE_ITO[1]}


def top1_against_marginal(table: pd.DataFrame) -> Figure:
    """js_top1 against js_marginal of a `compare` table: one panel per method, one dot per prefix.

    Below the diagonal the next token is nearer to that after the likeliest token; above it to the marginal.
    """
    fig, axes = figure(9.6, 6.6, rows=2, columns=3, sharex=True, sharey=True)
    for ax, method in zip(axes.flat, METHODS, strict=True):
        dots = table[table["method"] == method]
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        for number, frame in enumerate(table["frame"].unique()):
            colour, mark = OKABE_ITO[number % len(OKABE_ITO)], MARKERS[number % len(MARKERS)]
            look = {"color": colour, "markersize": 4, "alpha": 0.7, "label": shown(frame)}
            x, y = dots.loc[dots["frame"] == frame, ["js_marginal", "js_top1"]].to_numpy().T
            ax.plot(x, y, mark, **look)
        below = (dots["js_top1"] < dots["js_marginal"]).mean()
        ax.set(xlim=(-0.02, 1), ylim=(-0.02, 1))
        ax.set_title(f"{method}: {below:.0%} below", fontsize=10)
    fig.supxlabel("divergence from the true marginal, bits", fontsize=10)
    fig.supylabel("divergence from the likeliest token's next, bits", fontsize=10)
    legend_outside(fig, 4)
    return fig


def along_the_texts(steps: pd.DataFrame) -> Figure:
    """Entropy of each step, a mean over texts: one panel per method, greedy's in grey behind it."""
    means = steps.groupby(["method", "step"])["entropy"].mean()
    fig, axes = figure(9.6, 4.8, rows=2, columns=3, sharex=True, sharey=True)
    for ax, method in zip(axes.flat, METHODS, strict=True):
        ax.plot(means[GREEDY], color="0.6", linewidth=1.4, label=GREEDY)
        ax.plot(means[method], color=OKABE_ITO[0], linewidth=2, label="the method")
        same = steps.loc[steps["method"] == method, "same"].mean()
        ax.set_title(f"{method}: {same:.0%} greedy's tokens", fontsize=10)
    axes[0, 0].set_ylim(bottom=0)
    fig.supxlabel("step", fontsize=10)
    fig.supylabel("entropy, bits", fontsize=10)
    legend_outside(fig, 2)
    return fig


def pass_at_k(table: pd.DataFrame) -> Figure:
    """Mean pass@k of the tasks of each frame, and the first token's entropy: one row per condition.

    `table` is that of `answer_tasks`. Above a condition's dots run from one sample to the most; below a small
    dot is a task, the line their mean.
    """
    frames = list(table["frame"].unique())
    ks = [k for k in PASS if table[f"pass_{k}"].notna().all()]
    size = 2.8 * len(frames) + 1.5, 6
    fig, axes = figure(*size, rows=2, columns=len(frames), squeeze=False, sharex="row", sharey=True)
    for (upper, lower), frame in zip(axes.T, frames, strict=True):
        conditions = table[table["frame"] == frame].groupby(["kind", "k", "temperature"], sort=False)
        names = []
        for y, ((kind, number, temperature), rows) in enumerate(conditions):
            names.append(f"temperature {temperature:g} alone" if kind == ALONE else f"{kind}, {number}")
            means = rows[[f"pass_{k}" for k in ks]].mean()
            upper.plot(means, [y] * len(ks), color=COLOURS[kind], linewidth=1)
            for x, k, mark in zip(means, ks, MARKERS, strict=False):
                upper.plot(x, y, mark, color=COLOURS[kind], markersize=6, alpha=0.7, label=f"k = {k}")
            entropy = rows["entropy"]
            lower.plot(entropy, [y] * len(rows), "o", color=COLOURS[kind], markersize=3, alpha=0.4)
            lower.vlines(entropy.mean(), y - 0.3, y + 0.3, color=COLOURS[kind], linewidth=2)
        upper.set(title=shown(frame), xlabel="pass@k, mean of tasks", xlim=(-0.04, 1.04))
        lower.set_xlabel("entropy of the first token, bits")
        upper.set_yticks(range(len(names)), names)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    axes[1, 0].set_xlim(left=0)
    legend_outside(fig, len(ks))
    return fig
