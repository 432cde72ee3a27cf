"""Figures of cramming, from the tables of `tables`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.claims.statistics import confidence_interval
from workbook.cramming.tables import CRAMMED, FIRST, KINDS, RANDOM
from workbook.style import MARKERS, figure, legend_outside, wrap

COLOURS = dict(zip(KINDS, (OKABE_ITO[0], OKABE_ITO[5], OKABE_ITO[7]), strict=True))
LINES = dict(zip(KINDS, ("-", "--", ":"), strict=True))
OF = {CRAMMED: (OKABE_ITO[0], MARKERS[0]), RANDOM: (OKABE_ITO[7], MARKERS[1])}
PUBLISHED = 29  # tokens: progressive_cramming's README, SmolLM2-135M, two samples


def horizon_dots(table: pd.DataFrame) -> Figure:
    """How much a noken holds, in tokens and in bits: one dot per text, from `horizons` tables.

    Black: the mean and its 95 % interval, over texts. Hollow: recited to its end, so it may hold more.
    """
    fig, axes = figure(10, 4.2, columns=2)
    groups = [(kind, held) for held in table["held"].unique() for kind in KINDS]
    for ax, value, label in zip(axes, ("horizon", "gain"), ("tokens recited", "bits saved"), strict=True):
        for x, (kind, held) in enumerate(groups):
            rows = table[(table["kind"] == kind) & (table["held"] == held)]
            spread = x + np.linspace(-0.25, 0.25, len(rows))
            fill = ["none" if whole else COLOURS[kind] for whole in rows["whole"]]
            ax.scatter(spread, rows[value], s=22, facecolors=fill, edgecolors=COLOURS[kind])
            ax.scatter([], [], s=22, color=COLOURS[kind], label=kind)
            _mean(ax, x, rows[value])
        names = [f"{kind}\n{held}".replace(" ", "\n", 1) for kind, held in groups]
        ax.set_xticks(range(len(groups)), names, fontsize=8)
        ax.set(ylabel=label, ylim=(0, None))
    axes[0].axhline(PUBLISHED, color="0.5", linestyle=":", label="published: 29 tokens, two samples")
    legend_outside(fig, 4)
    return fig


def growth_lines(growth: Sequence[tuple[int, int, int]], kinds: Sequence[str]) -> Figure:
    """How many tokens each noken recited, by move: the growth of a `Crammed`, and the `kinds` of its rows."""
    fig, ax = figure(10, 3.8)
    for row, steps in pd.DataFrame(growth, columns=["row", "step", "horizon"]).groupby("row"):
        kind = kinds[row]
        x, y = [0, *steps["step"]], [0, *steps["horizon"]]
        look = {"color": COLOURS[kind], "linestyle": LINES[kind], "linewidth": 1.1, "alpha": 0.8}
        ax.step(x, y, where="post", label=kind, **look)
    ax.set(xlabel="moves", ylabel="tokens recited", xlim=(0, None), ylim=(0, None))
    legend_outside(fig, 3)
    return fig


def elsewhere_dots(table: pd.DataFrame) -> Figure:
    """The effect of nokens of texts on unrelated prompts, beside random nokens: one dot per text.

    From an `elsewhere` table. Above: how unlikely the noken's own text is there. Below: how far the next
    token moves. Black lines are means and 95 % intervals over texts.
    """
    table = table[table["kind"] == KINDS[0]]
    prompts = table["prompt"].unique()
    fig, axes = figure(10, 6, rows=2, sharex=True)
    for ax, value in zip(axes, ("own", "kl"), strict=True):
        for number, prompt in enumerate(prompts):
            for shift, (of, (colour, marker)) in zip((-0.18, 0.18), OF.items(), strict=True):
                rows, x = table[(table["prompt"] == prompt) & (table["of"] == of)], number + shift
                spread = x + np.linspace(-0.12, 0.12, len(rows))
                ax.scatter(spread, rows[value], s=18, color=colour, marker=marker, alpha=0.7, label=of)
                _mean(ax, x, rows[value])
    axes[0].set(ylabel=f"first {FIRST} tokens of its text,\nnats a token", ylim=(0, None))
    axes[1].set(ylabel="KL from the prompt\nwithout it, bits", yscale="log")
    axes[1].set_xticks(range(len(prompts)), [wrap(prompt, 28) for prompt in prompts], fontsize=8)
    legend_outside(fig, 2)
    return fig


def _mean(ax: Axes, x: float, values: pd.Series) -> None:
    """A black line at the mean, with its 95 % interval."""
    if len(values):
        mean = values.mean()
        low, high = confidence_interval(np.mean, values.to_numpy()) if len(values) > 1 else (mean, mean)
        look = {"color": "black", "marker": "_", "markersize": 16, "capsize": 4}
        ax.errorbar(x, mean, [[mean - low], [high - mean]], **look)
