"""Figures of continuity, from the tables of `experiments.continuity`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.style import MARKERS, OKABE_ITO, cut, figure, legend_outside, shown
from workbook.continuity.tables import RELATED, UNRELATED

NAMED = {True: "passes the gate", False: "does not"}
LOOK = {RELATED: (OKABE_ITO[0], MARKERS[0]), UNRELATED: (OKABE_ITO[1], MARKERS[1])}


def ways_of_contrast(ways: pd.DataFrame, most: int = 4) -> Figure:
    """The contrast along the line for the first pairs, related and not; dotted is log-linear."""
    pairs = list(ways["pair"].unique())[:most]
    fig, axes = figure(3 * len(pairs) + 0.5, 3.4, columns=len(pairs), squeeze=False)
    for ax, pair in zip(axes[0], pairs, strict=True):
        some = ways[(ways["pair"] == pair) & (ways["way"] == "lerp")]
        for of, (colour, marker) in LOOK.items():
            one = some[some["of"] == of]
            ax.plot(one["p"], one["contrast"], f"{marker}-", color=colour, markersize=3, label=of)
            ax.plot(one["p"], one["line"], ":", color=colour, linewidth=1.2)
        ax.axhline(0, color="0.7", linewidth=0.8)
        ax.set(xlabel="p", title=shown(cut(pair, 28)))
    axes[0, 0].set_ylabel("contrast, nats")
    legend_outside(fig, list(axes[0]), 2)
    return fig


def deviations(table: pd.DataFrame) -> Figure:
    """The deviation of each pair, related against unrelated, a panel a way; filled if it passes the gate."""
    names = list(table["way"].unique())
    fig, axes = figure(4 * len(names), 3.8, columns=len(names), squeeze=False, sharex=True, sharey=True)
    for ax, way in zip(axes[0], names, strict=True):
        some = table[table["way"] == way].pivot(index=["pair", "gate"], columns="of", values="deviation")
        for (_, gate), row in some.iterrows():
            fill = "full" if gate else "none"
            ax.plot(
                row[UNRELATED],
                row[RELATED],
                "o",
                color=OKABE_ITO[0],
                fillstyle=fill,
                markersize=5,
                label=NAMED[gate],
            )
        end = table["deviation"].max()
        ax.plot([0, end], [0, end], color="0.6", linewidth=1, linestyle=":")
        ax.set(title=way, xlabel="deviation, unrelated", xlim=(0, None), ylim=(0, None))
    axes[0, 0].set_ylabel("deviation, related")
    legend_outside(fig, list(axes[0]), 2)
    return fig
