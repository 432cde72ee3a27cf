"""Figures of notebook 02."""

import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.style import figure, shown

HALO = [patheffects.withStroke(linewidth=3, foreground="white")]
_LABELS = {  # where an outlier's label stands: offset in points, alignment
    "shortest": (-8, 8, "right"),
    "longest": (-10, 0, "right"),
    "nearest the centroid": (36, -10, "left"),
    "farthest from the centroid": (-10, 0, "right"),
    "least like the centroid": (-12, 14, "right"),
}


def space_map(lengths: pd.DataFrame, outliers: pd.DataFrame, centroid_norm: float) -> Figure:
    """All tokens by norm, and by norm and distance from the centroid, with the farthest out named.

    From `lengths` and `outliers` tables, and the norm of the centroid.
    """
    fig, (left, right) = figure(10, 4.4, columns=2)
    left.hist(lengths["norm"], bins=80, color=OKABE_ITO[4], label="norm of a token")
    outline = {"histtype": "step", "color": OKABE_ITO[5], "linewidth": 1.8}
    left.hist(lengths["distance"], bins=80, label="its distance from the centroid", **outline)
    left.axvline(centroid_norm, color="black", linestyle="--", label="norm of the centroid")
    left.set(xlabel="length", ylabel="tokens", title="How long tokens are, how far from the middle")
    left.set_xlim(left=0)
    left.set_ylim(top=left.get_ylim()[1] * 1.25)
    left.legend(fontsize=8, loc="upper right")
    x, y = lengths["norm"], lengths["distance"]
    cells = right.hexbin(x, y, gridsize=45, bins="log", cmap="cividis", mincnt=1)
    fig.colorbar(cells, ax=right, label="tokens in a cell")
    right.margins(0.2, 0.1)
    _name_outliers(right, outliers[outliers["rank"] == 1])
    right.set(xlabel="norm", ylabel="distance from the centroid", title="The first of each kind of outlier")
    return fig


def _name_outliers(ax: Axes, outliers: pd.DataFrame) -> None:
    line = {"arrowstyle": "-", "color": "0.5", "shrinkB": 3}
    look = {"textcoords": "offset points", "va": "center", "fontsize": 9, "arrowprops": line}
    for row in outliers.drop_duplicates("id").itertuples():
        dx, dy, side = _LABELS[row.which]
        ax.plot(row.norm, row.distance, "o", color=OKABE_ITO[5], markersize=5)
        label = shown(repr(row.token))
        ax.annotate(label, (row.norm, row.distance), (dx, dy), ha=side, path_effects=HALO, **look)
