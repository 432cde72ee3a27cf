"""Figures of notebook 04: what lies on the way between two prompts."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from nokenlab.answers import blends as lerp
from nokenlab.style import MARKERS, OKABE_ITO, cut, figure, legend_outside, shown, wrap

P = "p  (0 is the first prompt, 1 the second)"


def plateau_strip(runs: pd.DataFrame, a: str = "the first prompt", b: str = "the second") -> Figure:
    """What is said from prompt a to b, from a `lerp.plateaus` table: a strip a way, a block a plateau.

    Equal texts have the same letter and colour; the p of each flip stands above its edge. Texts too long for
    their block are spelled out below.
    """
    names = lerp.letters(runs["response"])
    ways = list(runs["way"].unique())
    low, high = runs["p_from"].min(), runs["p_to"].max()
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    fig, ax = figure(10, 1)
    ax.set(xlim=(low, high), ylim=(len(ways) - 0.55, -0.6), yticks=range(len(ways)), yticklabels=ways)
    below = set()
    for row, way in enumerate(ways):
        below |= _strip(ax, row, runs[runs["way"] == way], names)
    key = [wrap(f"{name}  {text}", 135) for text, name in names.items() if text in below]
    ax.set_xlabel(f"p  (0 is “{shown(cut(a, 60))}”, 1 is “{shown(cut(b, 60))}”)" + "\n" * bool(key))
    ax.spines["left"].set_visible(False)
    ax.set_title(f"{len(runs)} plateaus, {len(names)} different answers", loc="left", pad=10)
    more = [f"… and {len(key) - 12} more in the table"] if len(key) > 12 else []
    _text_below(fig, 1.0 + 1.5 * len(ways), key[:12] + more)
    return fig


def _strip(ax: Axes, row: int, runs: pd.DataFrame, names: dict[str, str]) -> set[str]:
    """Draw the plateaus of one way; returns the texts for which their blocks have no room."""
    low, high = ax.get_xlim()
    edges, below = lerp.flips(runs), set()
    for left, right, text in zip([low, *edges], [*edges, high], runs["response"], strict=True):
        colour = OKABE_ITO[list(names).index(text) % len(OKABE_ITO)]
        ax.barh(row, right - left, 0.8, left, color=_tint(colour), edgecolor="black", linewidth=0.8)
        share = (right - left) / (high - low)
        label = wrap(f"{names[text]}  {text}", max(int(share * 132) - 2, 1))
        if share < 0.08 or label.count("\n") > 7:
            below.add(text)
            label = names[text] if share > 0.012 else ""
        ax.text((left + right) / 2, row, label, ha="center", va="center", fontsize=8)
    for edge in edges if len(edges) <= 12 else []:
        ax.text(edge, row - 0.41, f"{edge:.3g}", ha="center", va="bottom", fontsize=7)
    return below


def _text_below(fig: Figure, height: float, paragraphs: list[str]) -> None:
    """Make a figure so many inches high, and higher by what the text below it needs."""
    text = "\n".join(paragraphs)
    below = 0.145 * (text.count("\n") + 1) if text else 0
    if text:
        fig.text(0.01, 0.01, text, fontsize=8, va="bottom")
    fig.set_size_inches(10, height + below)
    fig.get_layout_engine().set(rect=(0, below / (height + below), 1, 1 - below / (height + below)))


def leading_lines(table: pd.DataFrame) -> Figure:
    """Probabilities of the leading next tokens along p, from `lerp.leading_along` tables: a panel a way.

    Dotted lines mark where another token takes the lead, with their p.
    """
    order = list(table["id"].unique())  # a token looks the same in all panels
    ways = list(table["way"].unique())
    fig, ((*panels,),) = figure(10, 4, columns=len(ways), sharey=True, squeeze=False)
    for ax, way in zip(panels, ways, strict=True):
        along = table[table["way"] == way].sort_values("p", ignore_index=True)
        for (id, token), line in along.groupby(["id", "token"], sort=False):
            i = order.index(id)
            look = {"color": OKABE_ITO[i % 7], "marker": MARKERS[i % 7], "linestyle": "-" if i < 7 else "--"}
            every = max(len(line) // 8, 1)
            ax.plot(line["p"], line["probability"], markevery=every, label=shown(repr(token)), **look)
        _mark_turns(ax, along)
        after = along["after"].iloc[0]
        said = f"after all have said\n{wrap(repr(after), 55, lines=2)}" if after else "right after the prompt"
        ax.set_title(f"{way}: the next token {said}", fontsize=10)
        ax.set(xlabel=P)
    panels[0].set(ylabel="probability", ylim=(0, 1.12 * table["probability"].max()))
    legend_outside(fig, panels, 7 if len(order) <= 7 else 6, "lower center")
    return fig


def _mark_turns(ax: Axes, along: pd.DataFrame) -> None:
    """A dotted line where another token takes the lead, and its p unless there are many."""
    leader = along.loc[along.groupby("p")["probability"].idxmax()].set_index("p")["id"]
    turns = leader.index[leader != leader.shift()][1:]
    for p in turns:
        ax.axvline(p, color="0.6", linestyle=":", zorder=0)
    for p in turns if len(turns) <= 8 else []:
        ax.text(p, 1, f" {p:.3g}", va="top", fontsize=8, transform=ax.get_xaxis_transform())


def norm_lines(table: pd.DataFrame) -> Figure:
    """Length of the blended nokens along p, from `lerp.nokens_along` tables: a panel a position.

    The nearest real token is written where it becomes the nearest.
    """
    positions = table["position"].unique()[:3]
    fig, ((*panels,),) = figure(10, 3.6, columns=len(positions), squeeze=False)
    for ax, position in zip(panels, positions, strict=True):
        here = table[table["position"] == position]
        for i, (way, line) in enumerate(here.groupby("way", sort=False)):
            line = line.sort_values("p")
            colour = OKABE_ITO[i]
            ax.plot(line["p"], line["norm"], ["-", "--"][i % 2], color=colour, label=way, linewidth=2)
            turns = line[line["id"] != line["id"].shift()]
            ax.plot(turns["p"], turns["norm"], "o", color=colour)
            for turn in turns.iloc[1 if i else 0 :].itertuples():  # all ways start in one point
                at = (turn.p, turn.norm)
                ax.annotate(shown(repr(turn.token)), at, (4, 7), textcoords="offset points", fontsize=9)
        ax.set(xlabel=P)
        ax.set_title(f"position {position}; a dot: from here this token is the nearest", fontsize=10)
        ax.margins(0.08, 0.15)
    panels[0].set_ylabel("norm of the blended noken")
    panels[0].legend()
    return fig


def _tint(colour: str) -> tuple:
    """A colour light enough for black text."""
    return tuple(0.45 * part + 0.55 for part in to_rgb(colour))
