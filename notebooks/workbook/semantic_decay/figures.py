"""Figures of definitions that decay under noise, from the tables of `counts`."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from nokenlab.palette import OKABE_ITO
from workbook.semantic_decay.counts import BITS
from workbook.semantic_decay.tables import WORD
from workbook.style import MARKERS, figure, legend_outside, reach, shown

COLOURS = [OKABE_ITO[i] for i in (7, 0, 1, 2, 3, 5, 4)]  # words black
NOISE = "noise"
NAME = (0.12, 0.05)  # width and height of a name at a dot, as shares of what the dots span
BORNE = {
    "half": "noise that leaves half\nof the definitions",
    "moved": f"noise that makes\n{BITS:g} bit of KL",
}


def decay_lines(shares: pd.DataFrame) -> Figure:
    """Kept definitions and divergence against the noise, one line per family, from a `shares` table.

    Left is the kept share with its interval over subjects, right the median KL of the first token.
    """
    fig, (left, right) = figure(10, 4.4, columns=2)
    families = list(shares["family"].unique())
    for i, family in enumerate(families):
        rows = shares[shares["family"] == family].sort_values("magnitude")
        look = _look(i) | {"markersize": 5, "linewidth": 1.5}
        x = rows["magnitude"] * 1.04 ** (i - len(families) / 2)  # bars beside each other
        left.errorbar(x, rows["kept"], reach(rows, "kept"), elinewidth=0.8, label=shown(family), **look)
        right.plot(rows["magnitude"], rows["kl"].clip(lower=1e-5), **look)
    median = (shares["magnitude"] / shares["medians"]).iloc[0]  # the median token's distance, in units
    for ax in (left, right):
        _noise_axis(ax, "x", shares["magnitude"])
        ax.set_xlabel(NOISE)
        scales = (lambda noise: noise / median, lambda medians: medians * median)
        above = ax.secondary_xaxis("top", functions=scales)
        above.set_xlabel("the same in distances of the median token from the centroid", fontsize=9)
        _plain_ticks(above.xaxis)
        above.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.axhline(0.5, color="0.7", linestyle=":", zorder=0)
    left.set(ylim=(-0.02, 1.03), ylabel="share of definitions kept (bars: 95 %, over subjects)")
    right.set(yscale="log", ylabel="KL of the first token from no noise, bits")
    right.axhline(BITS, color="0.7", linestyle=":", zorder=0)
    legend_outside(fig, 7)
    return fig


def difference_lines(against: pd.DataFrame) -> Figure:
    """Nokens' kept shares less words' against the noise, a line per family, from an `against_words` table."""
    fig, ax = figure(10, 4)
    families = list(against["family"].unique())
    for i, family in enumerate(families, 1):  # in the colours of `decay_lines`
        rows = against[against["family"] == family]
        x = rows["magnitude"] * 1.04 ** (i - len(families) / 2)  # bars beside each other
        look = _look(i) | {"markersize": 5, "elinewidth": 0.8}
        ax.errorbar(x, rows["difference"], reach(rows, "difference"), label=shown(family), **look)
    ax.axhline(0, color=COLOURS[0], linestyle=":", label="words")
    _noise_axis(ax, "x", against["magnitude"])
    bars = "bars: 95 %, over subjects" if against["low"].notna().any() else "too few subjects for intervals"
    ax.set(xlabel=NOISE, ylabel=f"share kept, less words' share\n({bars})")
    legend_outside(fig, 7)
    return fig


def half_dots(subjects: pd.DataFrame, magnitudes: list[float]) -> Figure:
    """What each subject bears against the distance to its nearest other token: words, and all subjects.

    From a table of subjects with the columns of `halves`. Hollow signs are off the scale: ▽ already below
    the smallest magnitude, △ not even at the largest.
    """
    limits = min(magnitudes) / 1.4, max(magnitudes) * 1.4
    fig, axes = figure(10, 7.6, rows=2, columns=2, sharex="col", squeeze=False)
    for (left, right), (column, label) in zip(axes, BORNE.items(), strict=True):
        for i, (family, rows) in enumerate(subjects.groupby("family", sort=False)):
            _dots(right, rows["nearest"], rows[column], limits, i, family)
        right.set(ylim=limits, xscale="log")
        _noise_axis(right, "y", magnitudes)
        _plain_ticks(right.xaxis)
        _word_dots(left, subjects[subjects["family"] == WORD], column, limits)
        left.set_ylabel(label)
    axes[0, 0].set_title("words alone", fontsize=10)
    axes[0, 1].set_title("words and nokens", fontsize=10)
    fig.supxlabel("distance to the nearest other token", fontsize=10)
    legend_outside(fig, 7)
    return fig


def turned_lines(table: pd.DataFrame) -> Figure:
    """How much of the change is that of direction, and of length, from a `turned_or_longer` table."""
    fig, axes = figure(10, 3.8, columns=2, sharey=True)
    titles = {"turned": "only turned: the length held", "longer": "only longer: the direction held"}
    for ax, (share, title) in zip(axes, titles.items(), strict=True):
        for i, (name, rows) in enumerate(table.groupby("subjects", sort=False)):
            x = rows["magnitude"] * 1.03 ** (2 * i - 1)  # bars beside each other
            look = {"color": OKABE_ITO[[7, 5][i]], "marker": MARKERS[i], "linewidth": 1.8, "capsize": 3}
            ends = reach(rows, share, f"{share}_low", f"{share}_high")
            ax.errorbar(x, rows[share], ends, label=name, **look)
        ax.axhline(1, color="0.5", linestyle=":", label="as much as the noise itself")
        _noise_axis(ax, "x", table["magnitude"])
        ax.set_xlabel(NOISE)
        ax.set_title(title, fontsize=10)
    axes[0].set(ylim=(0, None), ylabel="KL, as a share of that of the noise\n(bars: 95 %, over subjects)")
    legend_outside(fig, 3)
    return fig


def _look(i: int) -> dict:
    """Colour and marker of family number i."""
    return {"color": COLOURS[i % 7], "marker": MARKERS[i % 7]}


def _dots(ax: Axes, x: pd.Series, y: pd.Series, limits: tuple[float, float], i: int, label: str) -> None:
    """A family's dots; 0 and infinity are at the edge, hollow."""
    look = _look(i) | {"linestyle": "", "clip_on": False, "in_layout": False}
    ax.plot(x, y.where(_measured(y)), label=shown(label), **look)
    for value, edge, marker in ((0, limits[0], "v"), (np.inf, limits[1], "^")):
        at_edge = [edge] * (y == value).sum()
        ax.plot(x[y == value], at_edge, markerfacecolor="none", **look | {"marker": marker})


def _word_dots(ax: Axes, words: pd.DataFrame, column: str, limits: tuple[float, float]) -> None:
    """The dots of words with their names, on their own axis; `limits` if no word has a number."""
    numbers = words[column][_measured(words[column])]
    limits = (numbers.min() / 1.4, numbers.max() * 1.4) if len(numbers) else limits
    _dots(ax, words["nearest"], words[column], limits, 0, WORD)
    ax.set(ylim=limits, yscale="log")
    _names(ax, words["nearest"], words[column].clip(*limits), words["subject"])
    ax.margins(x=0.12)  # room for names
    _plain_ticks(ax.yaxis)


def _measured(values: pd.Series) -> pd.Series:
    return (values > 0) & np.isfinite(values)


def _names(ax: Axes, x: pd.Series, y: pd.Series, names: pd.Series) -> None:
    """A name at each dot, above or below it: away from the nearest other dot, and not over another name."""
    look = {"textcoords": "offset points", "ha": "center", "fontsize": 8}
    at = np.stack([x, np.log(y)], axis=-1)  # (words, 2)
    at = at / np.maximum(np.ptp(at, axis=0), 1e-9) if len(at) else at
    before, below = None, np.zeros(len(at), bool)
    for i in np.argsort(at[:, 0], kind="stable"):
        distances = np.linalg.norm(at - at[i], axis=-1)
        distances[i] = np.inf
        below[i] = at[i, 1] < at[distances.argmin(), 1] and y.iloc[i] > ax.get_ylim()[0]
        if before is not None and (abs(at[i] - at[before]) < NAME).all():
            below[i] = not below[before]
        note = ax.annotate(shown(names.iloc[i]), (x.iloc[i], y.iloc[i]), (0, -12 if below[i] else 6), **look)
        note.set_in_layout(False)
        before = i


def _noise_axis(ax: Axes, axis: str, magnitudes: list[float] | pd.Series) -> None:
    """A logarithmic axis with a tick at each magnitude."""
    ticks = sorted(set(magnitudes))
    ax.set(**{f"{axis}scale": "log"})
    ax.minorticks_off()
    ax.set(**{f"{axis}ticks": ticks, f"{axis}ticklabels": [f"{tick:g}" for tick in ticks]})


def _plain_ticks(axis: Axis) -> None:
    """Numbers such as 0.5 and 2, not powers of ten, on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())
