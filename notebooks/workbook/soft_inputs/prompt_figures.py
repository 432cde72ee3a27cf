"""Figures of random soft prompts, from the table of `experiments.soft_prompts`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.style import MARKERS, OKABE_ITO, figure, legend_outside, shown
from workbook.soft_inputs.soft_prompts import ALONE, PASS, TOKENS, VECTORS

COLOURS = {ALONE: "black", VECTORS: OKABE_ITO[0], TOKENS: OKABE_ITO[1]}
DASHES = ("-", "--", ":", "-.")


def pass_at_k(table: pd.DataFrame) -> Figure:
    """Mean pass@k of the tasks of each frame, a line what stands before; below the first token's entropy.

    `table` is that of `answered`.
    """
    frames = list(table["frame"].unique())
    columns = [f"pass_{k}" for k in PASS if table[f"pass_{k}"].notna().all()]
    look = {"squeeze": False, "sharey": "row"}
    fig, axes = figure(2.8 * len(frames) + 1.5, 6, rows=2, columns=len(frames), **look)
    for (upper, lower), frame in zip(axes.T, frames, strict=True):
        for place, (name, colour, mark, dash, own) in enumerate(_lines(table[table["frame"] == frame])):
            style = {"color": colour, "marker": mark, "label": name, "markersize": 5}
            upper.plot([int(c[5:]) for c in columns], own[columns].mean(), linestyle=dash, **style)
            lower.plot([place] * len(own), own["entropy"], mark, color=colour, markersize=3, alpha=0.4)
            lower.hlines(own["entropy"].mean(), place - 0.35, place + 0.35, color=colour, linewidth=2)
        upper.set_xscale("log", base=2)
        upper.set_xticks([int(c[5:]) for c in columns], [c[5:] for c in columns])
        upper.set(title=shown(frame), xlabel="k samples", ylim=(-0.02, 1.02))
        lower.set_xticks([])
    axes[0, 0].set_ylabel("pass@k, mean of tasks")
    axes[1, 0].set_ylabel("entropy of the first token, bits")
    axes[1, 0].set_ylim(bottom=0)
    legend_outside(fig, list(axes[0]), 3)
    return fig


def _lines(table: pd.DataFrame):
    """Name, colour, marker, dashes and rows of each thing that stands before the tasks."""
    for kind, some in table.groupby("kind", sort=False):
        for number, ((k, temperature), own) in enumerate(some.groupby(["k", "temperature"], sort=False)):
            name = f"temperature {temperature:g} alone" if kind == ALONE else f"{kind}, {k}"
            look = MARKERS[number % len(MARKERS)], DASHES[number % len(DASHES)]
            yield name, COLOURS[kind], *look, own
