"""Figures of notebook 04: what lies between two prompts."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from nokenlab.answers.blends import flips, letters
from nokenlab.errors import cut
from nokenlab.palette import OKABE_ITO
from workbook.style import figure, legend_outside, line_look, panels, shown, wrap

P = "p  (0 is the first prompt, 1 the second)"


def plateau_strip(runs: pd.DataFrame, a: str = "the first prompt", b: str = "the second") -> Figure:
    """Answers from prompt a to b, from a `plateaus` table: a strip per interpolation, a block per plateau.

    Equal texts have the same letter and colour; the p of each flip stands above its edge. Texts too long for
    their block are written below the strips.
    """
    names = letters(runs["response"])
    strips = list(runs.groupby("way", sort=False))
    low, high = runs["p_from"].min(), runs["p_to"].max()
    if low == high:
        low, high = low - 0.5, high + 0.5
    fig, ax = figure(10, 1)
    labels = [interpolation for interpolation, _ in strips]
    ax.set(xlim=(low, high), ylim=(len(strips) - 0.55, -0.6), yticks=range(len(strips)), yticklabels=labels)
    too_long = set()
    for row, (_, plateaus) in enumerate(strips):
        too_long |= _strip(ax, row, plateaus, names)
    key = [wrap(f"{name}  {text}", 135) for text, name in names.items() if text in too_long]
    gap = "\n" if key else ""
    ax.set_xlabel(f"p  (0 is “{shown(cut(a, 60))}”, 1 is “{shown(cut(b, 60))}”){gap}")
    ax.spines["left"].set_visible(False)
    ax.set_title(f"{len(runs)} plateaus, {len(names)} different answers", loc="left", pad=10)
    more = [f"… and {len(key) - 12} more in the table"] if len(key) > 12 else []
    _text_below(fig, 1.0 + 1.5 * len(strips), key[:12] + more)
    return fig


def _strip(ax: Axes, row: int, plateaus: pd.DataFrame, names: dict[str, str]) -> set[str]:
    """Draw the plateaus of one interpolation; returns the texts that are too long for their blocks."""
    low, high = ax.get_xlim()
    edges, too_long = flips(plateaus), set()
    for left, right, text in zip([low, *edges], [*edges, high], plateaus["response"], strict=True):
        colour = OKABE_ITO[list(names).index(text) % len(OKABE_ITO)]
        ax.barh(row, right - left, 0.8, left, color=_tint(colour), edgecolor="black", linewidth=0.8)
        share = (right - left) / (high - low)
        label = wrap(f"{names[text]}  {text}", max(int(share * 132) - 2, 1))
        if share < 0.08 or label.count("\n") > 7:
            too_long.add(text)
            label = names[text] if share > 0.012 else ""
        ax.text((left + right) / 2, row, label, ha="center", va="center", fontsize=8)
    if len(edges) <= 12:
        for before, edge, after in zip([low, *edges], edges, [*edges[1:], high], strict=False):
            near = 0.04 * (high - low)  # too near for two numbers side by side
            side = "right" if after - edge < near else "left" if edge - before < near else "center"
            ax.text(edge, row - 0.41, f"{edge:.3g}", ha=side, va="bottom", fontsize=7)
    return too_long


def _text_below(fig: Figure, height: float, paragraphs: list[str]) -> None:
    """Make a figure `height` inches high, plus the height of the text below it."""
    below = 0
    if paragraphs:
        text = "\n".join(paragraphs)
        below = 0.145 * (text.count("\n") + 1)
        fig.text(0.01, 0.01, text, fontsize=8, va="bottom")
    fig.set_size_inches(10, height + below)
    fig.get_layout_engine().set(rect=(0, below / (height + below), 1, 1 - below / (height + below)))


def leading_lines(table: pd.DataFrame) -> Figure:
    """Probabilities of the leading next tokens along p, from `leading_along`: one panel per interpolation.

    Dotted lines mark where another token takes the lead, with their p.
    """
    order = list(table["id"].unique())  # a token has the same colour in all panels
    fig, by_interpolation = panels(table, "way", 10, 4, sharey=True)
    for ax, interpolation, along in by_interpolation:
        along = along.sort_values("p", ignore_index=True)
        for (id, token), line in along.groupby(["id", "token"], sort=False):
            i = order.index(id)
            look = line_look(i, OKABE_ITO[:7], linestyle="-" if i < 7 else "--", label=shown(repr(token)))
            ax.plot(line["p"], line["probability"], markevery=max(len(line) // 8, 1), **look)
        _mark_lead_changes(ax, along)
        after = along["after"].iloc[0]
        where = "right after the prompt"
        if after:
            where = f"after all have said\n{wrap(repr(after), 55, lines=2)}"
        ax.set_title(f"{interpolation}: the next token {where}", fontsize=10)
        ax.set(xlabel=P)
    fig.axes[0].set(ylabel="probability", ylim=(0, 1.12 * table["probability"].max()))
    legend_outside(fig, 7 if len(order) <= 7 else 6, "lower center")
    return fig


def _mark_lead_changes(ax: Axes, along: pd.DataFrame) -> None:
    """A dotted line where another token takes the lead, and its p unless there are many."""
    leader = along.loc[along.groupby("p")["probability"].idxmax()].set_index("p")["id"]
    changes = leader.index[leader != leader.shift()][1:]
    for p in changes:
        ax.axvline(p, color="0.6", linestyle=":", zorder=0)
        if len(changes) <= 8:
            ax.text(p, 1, f" {p:.3g}", va="top", fontsize=8, transform=ax.get_xaxis_transform())


def norm_lines(table: pd.DataFrame) -> Figure:
    """Length of the blended nokens along p, from `nokens_along` tables: one panel per position.

    The nearest real token is written where it becomes the nearest.
    """
    table = table[table["position"].isin(table["position"].unique()[:3])]
    fig, by_position = panels(table, "position", 10, 3.6)
    for ax, position, rows in by_position:
        for i, (interpolation, line) in enumerate(rows.groupby("way", sort=False)):
            line, colour = line.sort_values("p"), OKABE_ITO[i]
            look = {"color": colour, "linestyle": ["-", "--"][i % 2], "linewidth": 2}
            ax.plot(line["p"], line["norm"], label=interpolation, **look)
            changes = line[line["id"] != line["id"].shift()]
            ax.plot(changes["p"], changes["norm"], "o", color=colour)
            labelled = changes if i == 0 else changes[1:]  # all lines start in one point
            for row in labelled.itertuples():
                label = shown(repr(row.token))
                ax.annotate(label, (row.p, row.norm), (4, 7), textcoords="offset points", fontsize=9)
        ax.set(xlabel=P)
        ax.set_title(f"position {position}; a dot: from here this token is the nearest", fontsize=10)
        ax.margins(0.08, 0.15)
    fig.axes[0].set_ylabel("norm of the blended noken")
    fig.axes[0].legend()
    return fig


def _tint(colour: str) -> tuple:
    """A colour light enough for black text."""
    return tuple(0.45 * part + 0.55 for part in to_rgb(colour))
