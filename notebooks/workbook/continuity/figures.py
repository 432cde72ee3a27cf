"""Figures of continuity, from the tables of `tables`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.errors import cut
from nokenlab.palette import OKABE_ITO
from workbook.continuity.tables import RELATED, UNRELATED
from workbook.style import MARKERS, figure, legend_outside, shown

LOOK = {RELATED: (OKABE_ITO[0], MARKERS[0]), UNRELATED: (OKABE_ITO[1], MARKERS[1])}


def contrast_curves(points: pd.DataFrame, most: int = 4) -> Figure:
    """The contrast along the line for the first pairs, related and not; dotted is log-linear."""
    pairs = list(points["pair"].unique())[:most]
    rows = -(-len(pairs) // 2)
    fig, axes = figure(9.8, 3.4 * rows + 0.4, rows=rows, columns=2, squeeze=False, sharex=True)
    for ax, pair in zip(axes.flat, pairs, strict=False):
        for of, (colour, marker) in LOOK.items():
            curve = points[(points["pair"] == pair) & (points["way"] == "lerp") & (points["of"] == of)]
            ax.plot(curve["p"], curve["contrast"], f"{marker}-", color=colour, markersize=5, label=of)
            ax.plot(curve["p"], curve["line"], ":", color=colour, linewidth=1.2)
        ax.axhline(0, color="0.7", linewidth=0.8)
        ax.set_title(shown(cut(pair, 60)), fontsize=11)
    for ax in axes.flat[len(pairs) :]:
        ax.axis("off")
    fig.supxlabel("p, the weight of the second word (dotted: outputs mixed log-linearly)", fontsize=10)
    fig.supylabel("contrast of the two colors or kinds, nats", fontsize=10)
    legend_outside(fig, 2)
    return fig


def deviations(table: pd.DataFrame) -> Figure:
    """Deviations of related against unrelated pairs: one panel per interpolation; filled: gate passed."""
    names = list(table["way"].unique())
    fig, axes = figure(4 * len(names), 3.8, columns=len(names), squeeze=False, sharex=True, sharey=True)
    for ax, name in zip(axes[0], names, strict=True):
        rows = table[table["way"] == name].pivot(index=["pair", "gate"], columns="of", values="deviation")
        for (_, gate), row in rows.iterrows():
            look = {"fillstyle": "full", "label": "passes the gate"}
            if not gate:
                look = {"fillstyle": "none", "label": "does not"}
            ax.plot(row[UNRELATED], row[RELATED], "o", color=OKABE_ITO[0], markersize=5, **look)
        end = table["deviation"].max()
        ax.plot([0, end], [0, end], color="0.6", linewidth=1, linestyle=":")
        ax.set(title=name, xlabel="deviation, unrelated", xlim=(0, None), ylim=(0, None))
    axes[0, 0].set_ylabel("deviation, related")
    legend_outside(fig, 2)
    return fig
