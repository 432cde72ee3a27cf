"""Figures of soft inputs, from the tables of `experiments.soft_inputs` and `soft_texts`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.style import MARKERS, OKABE_ITO, figure, legend_outside, shown
from workbook.soft_inputs.soft_texts import GREEDY
from workbook.soft_inputs.tables import METHODS

LOOKS = dict(zip(METHODS, zip(OKABE_ITO, MARKERS, strict=False), strict=False)) | {GREEDY: ("black", "X")}


def top1_against_marginal(table: pd.DataFrame) -> Figure:
    """js_top1 against js_marginal of a `compared` table, a panel a method, a dot a prefix.

    Below the diagonal what comes next is nearer to the likeliest token's next; above it to the marginal.
    """
    methods = list(table["method"].unique())
    frames = list(table["frame"].unique())
    columns = min(len(methods), 3)
    rows = -(-len(methods) // columns)
    look = {"squeeze": False, "sharex": True, "sharey": True}
    fig, axes = figure(3 * columns + 0.6, 3 * rows + 0.6, rows=rows, columns=columns, **look)
    for ax in axes.flat[len(methods) :]:
        ax.remove()
    for ax, method in zip(axes.flat, methods, strict=False):
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        for number, frame in enumerate(frames):
            own = table[(table["method"] == method) & (table["frame"] == frame)]
            colour, mark = OKABE_ITO[number % len(OKABE_ITO)], MARKERS[number % len(MARKERS)]
            look = {"color": colour, "markersize": 4, "alpha": 0.7, "label": shown(frame)}
            ax.plot(own["js_marginal"], own["js_top1"], mark, **look)
        below = (table.loc[table["method"] == method].eval("js_top1 < js_marginal")).mean()
        ax.set(title=f"{method}: {below:.0%} below", xlim=(-0.02, 1), ylim=(-0.02, 1))
        ax.title.set_fontsize(10)
    fig.supxlabel("divergence from the true marginal, bits", fontsize=10)
    fig.supylabel("divergence from the likeliest token's next, bits", fontsize=10)
    legend_outside(fig, list(axes.flat[: len(methods)]), 4)
    return fig


def along_the_texts(steps: pd.DataFrame) -> Figure:
    """Entropy of each step, and the share of texts that have greedy's token there; a line a method."""
    fig, (left, right) = figure(9, 3.6, columns=2, sharex=True)
    for method, own in steps.groupby("method", sort=False):
        means = own.groupby("step")[["entropy", "same"]].mean()
        colour, mark = LOOKS[method]
        look = {"color": colour, "linewidth": 1.4, "marker": mark, "markersize": 4}
        look |= {"markevery": max(1, len(means) // 6), "label": method}
        left.plot(means.index, means["entropy"], **look)
        right.plot(means.index, means["same"], **look)
    left.set(xlabel="step", ylabel="entropy, bits", ylim=(0, None))
    right.set(xlabel="step", ylabel="share that is greedy's token", ylim=(-0.02, 1.02))
    legend_outside(fig, [left], 4)
    return fig
