"""Figures of notebook 08. Prompts are never pooled: each has a panel or a line of its own."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.style import MARKERS, figure, legend_outside, reach, shown, ticks_in_medians, wrap

RADIUS = "r, distance from the centroid (below: in distances of the median token)"
COLOURS = [OKABE_ITO[i] for i in (7, 0, 1, 2, 3, 5, 4)]  # raw nokens black
REAL = "real token"  # has no radius, and is a dashed line


def theme_panels(frequencies: pd.DataFrame, most: int = 5) -> Figure:
    """Share of definitions with a theme, darker for more: one column per prompt, one row per theme.

    From a `frequencies` table. In a panel a row is a kind of noken, a column a radius; the last row is the
    real tokens' share. The most frequent themes of the first kind. No radius 0, where all nokens are equal.
    """
    frequencies = frequencies[frequencies["radius"] != 0]
    prompts = frequencies["prompt"].unique()
    kinds = sorted(frequencies["kind"].unique(), key=lambda kind: kind == REAL)  # they come last
    first = frequencies[frequencies["kind"] == kinds[0]]
    themes = first.groupby("theme", sort=False)["hits"].sum().nlargest(most).index
    size = max(10, 5 * len(prompts)), 0.9 + (0.45 + 0.21 * len(kinds)) * len(themes)
    fig, axes = figure(*size, rows=len(themes), columns=len(prompts), sharex=True, sharey=True, squeeze=False)
    for row, theme in zip(axes, themes, strict=True):
        for ax, prompt in zip(row, prompts, strict=True):
            chosen = (frequencies["theme"] == theme) & (frequencies["prompt"] == prompt)
            image = _theme_map(ax, frequencies[chosen], kinds)
            title = f"{wrap(prompt, 60)}\n\n{shown(theme)}" if theme == themes[0] else shown(theme)
            ax.set_title(title, fontsize=10, loc="left", fontweight="bold")
    fig.supxlabel(RADIUS, fontsize=10)
    fig.colorbar(image, ax=axes, label=f"share of {first['n_units'].max()} nokens' definitions", shrink=0.5)
    return fig


def _theme_map(ax: Axes, rows: pd.DataFrame, kinds: list[str]):
    """The share of one theme in one prompt, kinds by radii, with its numbers; the image."""
    radii = rows.dropna(subset="radius").drop_duplicates("radius").sort_values("radius")
    shares = rows.dropna(subset="radius").pivot(index="kind", columns="radius", values="share").reindex(kinds)
    if REAL in kinds:
        shares.loc[REAL] = rows.loc[rows["kind"] == REAL, "share"].mean()
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, x in np.ndindex(shares.shape):
        share = shares.iloc[y, x]
        look = {"ha": "center", "va": "center", "fontsize": 8, "color": "white" if share > 0.6 else "0.2"}
        ax.text(x, y, f"{share:.0%}", **look)
    ticks_in_medians(ax, radii["radius"], radii["medians"])
    ax.set_yticks(range(len(kinds)), kinds, fontsize=8)
    return image


def change_lines(probed: pd.DataFrame) -> Figure:
    """Entropy of the next token and its divergence from the centroid's: one row per prompt, a line per kind.

    From a `probe` table. Points are medians over nokens, bars the middle half; dashed: real tokens' median.
    """
    probed = probed[probed["kind"] != "temperature 1"]  # the same nokens as raw
    radii = probed.dropna(subset="radius").drop_duplicates("radius").sort_values("radius")
    prompts = list(probed.groupby("prompt", sort=False))
    size = 10, 0.6 + 3.6 * len(prompts)
    fig, axes = figure(*size, rows=len(prompts), columns=2, sharey="col", squeeze=False)
    for panels, (prompt, rows) in zip(axes, prompts, strict=True):
        columns = {"entropy": "entropy, bits", "kl": "KL from the centroid, bits"}
        for ax, (value, label) in zip(panels, columns.items(), strict=True):
            _middle_halves(ax, rows, value)
            ticks_in_medians(ax, radii["radius"], radii["medians"])
            ax.set_ylabel(label)
            ax.set_title(wrap(prompt, 60), fontsize=10)
    for ax in axes.flat:  # after all lines: panels of a column share their axis
        ax.set_ylim(bottom=0)
    fig.supxlabel(RADIUS, fontsize=10)
    legend_outside(fig, columns=6)
    return fig


def _middle_halves(ax: Axes, probed: pd.DataFrame, value: str) -> None:
    """One line per kind: median of a column at each radius, with its quartiles."""
    kinds = probed[probed["kind"] != REAL].groupby("kind", sort=False)
    for i, (kind, rows) in enumerate(kinds):
        quartiles = rows.groupby("radius")[value].quantile([0.25, 0.5, 0.75]).unstack()
        x, bars = _beside(len(quartiles), i, len(kinds)), reach(quartiles, 0.5, 0.25, 0.75)
        ax.errorbar(x, quartiles[0.5], bars, elinewidth=0.8, label=kind, **_marked(COLOURS, i))
    tokens = probed[probed["kind"] == REAL]
    if len(tokens):
        ax.axhline(tokens[value].median(), color="0.4", linestyle="--", linewidth=1, label=REAL)


def held_lines(survival: pd.DataFrame, lengths: pd.DataFrame) -> Figure:
    """What is left with the norm held, and what the length alone changes, from `survival` and `lengths`.

    One colour per prompt; on the right words' directions are solid and nokens' dashed. Bars: 95 %, over
    nokens on the left, over directions on the right.
    """
    fig, (left, right) = figure(10, 4.8, columns=2)
    for i, (prompt, rows) in enumerate(survival.groupby("prompt", sort=False)):
        label = f"norm held, {rows['n_units'].max()} nokens: {wrap(prompt, 60)}"
        _held(left, rows, "share", i, linestyle="-", label=label)
        for of, group in lengths[lengths["prompt"] == prompt].groupby("of", sort=False):
            label = f"angle held, {group['n_units'].max()} {of}s: {wrap(prompt, 60)}"
            linestyle = "-" if of == "word" else "--"
            _held(right, group[group["radius"] > 0], "kl", i, linestyle=linestyle, label=label)
    radii = survival.drop_duplicates("radius").sort_values("radius")
    for ax in (left, right):
        ticks_in_medians(ax, radii["radius"], radii["medians"])
        ax.set_ylim(bottom=0)
    left.axhline(1, color="0.5", linestyle=":")
    left.set_ylabel("change with the norm held / raw change")
    right.set_ylabel("change by the length alone, bits")
    fig.supxlabel(RADIUS, fontsize=10)
    legend_outside(fig, columns=2)
    return fig


def _held(ax: Axes, rows: pd.DataFrame, value: str, line: int, **look) -> None:
    rows = rows.sort_values("radius")
    look |= {"color": OKABE_ITO[line % 8], "marker": MARKERS[line % 7], "linewidth": 1.5, "capsize": 3}
    ax.errorbar(_beside(len(rows), line, 2), rows[value], reach(rows, value), **look)


def _marked(colours: list[str], line: int) -> dict:
    return {"color": colours[line % 7], "marker": MARKERS[line % 7], "markersize": 5}


def _beside(points: int, line: int, lines: int) -> list[float]:
    """x of the points of a line: one position per radius, the lines a little apart."""
    return [radius + 0.09 * (line - lines / 2) for radius in range(points)]
