"""Figures of soft inputs and of random soft prompts, from the tables of `tables` and `soft_prompts`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.soft_inputs.soft_prompts import ALONE, PASS, TOKENS, VECTORS
from workbook.soft_inputs.tables import GREEDY, METHODS
from workbook.style import MARKERS, figure, legend_outside, shown

LOOKS = dict(zip(METHODS, zip(OKABE_ITO, MARKERS, strict=False), strict=False)) | {GREEDY: ("black", "X")}
COLOURS = {ALONE: "black", VECTORS: OKABE_ITO[0], TOKENS: OKABE_ITO[1]}
DASHES = ("-", "--", ":", "-.")


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
    legend_outside(fig, list(axes.flat), 4)
    return fig


def along_the_texts(steps: pd.DataFrame) -> Figure:
    """Entropy of each step, and the share of texts with greedy's token at it: one line per method."""
    fig, (left, right) = figure(9, 3.6, columns=2, sharex=True)
    for method, rows in steps.groupby("method", sort=False):
        means = rows.groupby("step")[["entropy", "same"]].mean()
        colour, mark = LOOKS[method]
        look = {"color": colour, "linewidth": 1.4, "marker": mark, "markersize": 4}
        look |= {"markevery": max(1, len(means) // 6), "label": method}
        left.plot(means.index, means["entropy"], **look)
        right.plot(means.index, means["same"], **look)
    left.set(xlabel="step", ylabel="entropy, bits", ylim=(0, None))
    right.set(xlabel="step", ylabel="share that is greedy's token", ylim=(-0.02, 1.02))
    legend_outside(fig, [left], 4)
    return fig


def pass_at_k(table: pd.DataFrame) -> Figure:
    """Mean pass@k of the tasks of each frame, one line per condition; below the first token's entropy.

    `table` is that of `answer_tasks`.
    """
    frames = list(table["frame"].unique())
    ks = [k for k in PASS if table[f"pass_{k}"].notna().all()]
    fig, axes = figure(2.8 * len(frames) + 1.5, 6, rows=2, columns=len(frames), squeeze=False, sharey="row")
    for (upper, lower), frame in zip(axes.T, frames, strict=True):
        conditions = table[table["frame"] == frame].groupby(["kind", "k", "temperature"], sort=False)
        seen = dict.fromkeys(COLOURS, 0)  # conditions of each kind so far
        for x, ((kind, k, temperature), rows) in enumerate(conditions):
            name = f"temperature {temperature:g} alone" if kind == ALONE else f"{kind}, {k}"
            mark, dash = MARKERS[seen[kind] % len(MARKERS)], DASHES[seen[kind] % len(DASHES)]
            seen[kind] += 1
            means = rows[[f"pass_{k}" for k in ks]].mean()
            look = {"color": COLOURS[kind], "marker": mark}
            upper.plot(ks, means, linestyle=dash, label=name, markersize=5, **look)
            lower.plot([x] * len(rows), rows["entropy"], linestyle="", markersize=3, alpha=0.4, **look)
            lower.hlines(rows["entropy"].mean(), x - 0.35, x + 0.35, color=COLOURS[kind], linewidth=2)
        upper.set_xscale("log", base=2)
        upper.set_xticks(ks, map(str, ks))
        upper.set(title=shown(frame), xlabel="k samples", ylim=(-0.02, 1.02))
        lower.set_xticks([])
    axes[0, 0].set_ylabel("pass@k, mean of tasks")
    axes[1, 0].set_ylabel("entropy of the first token, bits")
    axes[1, 0].set_ylim(bottom=0)
    legend_outside(fig, list(axes[0]), 3)
    return fig
