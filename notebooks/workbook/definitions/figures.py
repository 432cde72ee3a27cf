"""Figures of notebook 08. Prompts are never pooled: each has a panel or a line of its own."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.style import MARKERS, figure, legend_outside, reach, shown, ticks_in_medians, wrap

RADIUS = "r, distance from the centroid (below: in distances of the median token)"
COLOURS = [OKABE_ITO[i] for i in (7, 0, 1, 2, 3, 5, 4)]  # raw nokens black
REAL = "real token"  # has no radius, and is a dashed line


def theme_panels(frequencies: pd.DataFrame, most: int = 5) -> Figure:
    """Share of definitions with a theme against the radius: one column per prompt, one row per kind of noken.

    From a `frequencies` table; the most frequent themes of the first kind. Bars are 95 % intervals over
    nokens, dashed lines the shares among real tokens. No radius 0, where all nokens are equal.
    """
    frequencies = frequencies[frequencies["radius"] != 0]
    prompts, kinds = frequencies["prompt"].unique(), frequencies["kind"].unique()
    first = frequencies[frequencies["kind"] == kinds[0]]
    themes = first.groupby("theme", sort=False)["hits"].sum().nlargest(most).index
    kinds = [kind for kind in kinds if kind != REAL]
    size = max(10, 5 * len(prompts)), 0.8 + 2.3 * len(kinds)
    fig, axes = figure(*size, rows=len(kinds), columns=len(prompts), sharey=True, squeeze=False)
    for column, prompt in zip(axes.T, prompts, strict=True):
        of_prompt = frequencies[frequencies["prompt"] == prompt]
        tokens = of_prompt[of_prompt["kind"] == REAL]
        for ax, kind in zip(column, kinds, strict=True):
            rows = of_prompt[of_prompt["kind"] == kind]
            _theme_lines(ax, rows, tokens, themes)
            ax.set_title(f"{kind}: {rows['n_units'].max()} nokens a radius", fontsize=10)
            ax.set_ylim(-0.02, 1.02)
        column[0].set_title(f"{wrap(prompt, 60)}\n{column[0].get_title()}", fontsize=10)
    fig.supylabel("share of definitions", fontsize=10)
    dashed = f" (dashed: {tokens['n_units'].max()} real tokens)" if len(tokens) else ""
    fig.supxlabel(RADIUS + dashed, fontsize=10)
    legend_outside(fig, axes.flat[:1], columns=3)
    return fig


def _theme_lines(ax: Axes, frequencies: pd.DataFrame, tokens: pd.DataFrame, themes: pd.Index) -> None:
    """One line per theme, of one kind of noken in one prompt; dashed: its share among real tokens."""
    for i, theme in enumerate(themes):
        rows = frequencies[frequencies["theme"] == theme].sort_values("radius")
        x, bars = _beside(len(rows), i, len(themes)), reach(rows, "share")
        look = {"linewidth": 1.5, "elinewidth": 0.8, "label": shown(theme)}
        ax.errorbar(x, rows["share"], bars, **_marked(OKABE_ITO, i), **look)
        for share in tokens[tokens["theme"] == theme]["share"]:
            ax.axhline(share, color=OKABE_ITO[i], linestyle="--", linewidth=1)
    ticks_in_medians(ax, rows["radius"], rows["medians"])


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
    legend_outside(fig, axes.flat[:1], columns=6)
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
    legend_outside(fig, [left, right], columns=2)
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
