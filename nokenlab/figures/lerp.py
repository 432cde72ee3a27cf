"""Figures from tables: along the way between two prompts, and token by token."""

import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from nokenlab.experiments import lerp
from nokenlab.figures.style import MARKERS, OKABE_ITO, cut, figure, shown, wrap

P = "p  (0 is the first prompt, 1 the second)"


def plateau_strip(runs: pd.DataFrame, a: str = "the first prompt", b: str = "the second") -> Figure:
    """What is said from prompt a to b, from a `lerps.plateaus` table: a strip a way, a block a plateau.

    Equal texts have the same letter and colour; the p of each flip stands above its edge. Texts too long for
    their block are spelled out below.
    """
    letters = lerp.letters(runs["response"])
    ways = list(runs["way"].unique())
    low, high = runs["p_from"].min(), runs["p_to"].max()
    low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
    fig, ax = figure(10, 1)
    spilled = []
    for row, way in enumerate(ways):
        along = runs[runs["way"] == way]
        flips = ((along["p_to"] + along["p_from"].shift(-1)) / 2).iloc[:-1].tolist()
        for left, right, text in zip([low, *flips], [*flips, high], along["response"], strict=True):
            colour = OKABE_ITO[list(letters).index(text) % len(OKABE_ITO)]
            ax.barh(row, right - left, 0.8, left, color=_tint(colour), edgecolor="black", linewidth=0.8)
            share = (right - left) / (high - low)
            label = wrap(f"{letters[text]}  {text}", max(int(share * 132) - 2, 1))
            if share < 0.08 or label.count("\n") > 7:
                spilled.append(text)
                label = letters[text] if share > 0.012 else ""
            ax.text((left + right) / 2, row, label, ha="center", va="center", fontsize=8)
        for flip in flips if len(flips) <= 12 else []:
            ax.text(flip, row - 0.41, f"{flip:.3g}", ha="center", va="bottom", fontsize=7)
    key = [wrap(f"{letters[text]}  {text}", 135) for text in letters if text in spilled]
    key = "\n".join(key[:12] + [f"… and {len(key) - 12} more in the table"] * (len(key) > 12))
    ax.set(xlim=(low, high), ylim=(len(ways) - 0.55, -0.6), yticks=range(len(ways)), yticklabels=ways)
    ax.set_xlabel(f"p  (0 is “{shown(cut(a, 60))}”, 1 is “{shown(cut(b, 60))}”)" + "\n" * bool(key))
    ax.spines["left"].set_visible(False)
    ax.set_title(f"{len(runs)} plateaus, {len(letters)} different answers", loc="left", pad=10)
    if key:
        fig.text(0.01, 0.01, key, fontsize=8, va="bottom")
    height = 1.0 + 1.5 * len(ways)
    below = 0.145 * (key.count("\n") + 1) if key else 0
    fig.set_size_inches(10, height + below)
    fig.get_layout_engine().set(rect=(0, below / (height + below), 1, 1 - below / (height + below)))
    return fig


def leading_lines(table: pd.DataFrame) -> Figure:
    """Probabilities of the leading next tokens along p, from `lerps.leading_along` tables: a panel a way.

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
        leader = along.loc[along.groupby("p")["probability"].idxmax()].set_index("p")["id"]
        turns = leader.index[leader != leader.shift()][1:]
        for p in turns:
            ax.axvline(p, color="0.6", linestyle=":", zorder=0)
        for p in turns if len(turns) <= 8 else []:
            ax.text(p, 1, f" {p:.3g}", va="top", fontsize=8, transform=ax.get_xaxis_transform())
        after = along["after"].iloc[0]
        said = f"after all have said\n{wrap(repr(after), 55, lines=2)}" if after else "right after the prompt"
        ax.set_title(f"{way}: the next token {said}", fontsize=10)
        ax.set(xlabel=P)
    panels[0].set(ylabel="probability", ylim=(0, 1.12 * table["probability"].max()))
    named = {name: line for ax in panels for line, name in zip(*ax.get_legend_handles_labels(), strict=True)}
    columns = 7 if len(named) <= 7 else 6
    fig.legend(
        named.values(), named.keys(), loc="outside lower center", ncols=columns, fontsize=9, frameon=False
    )
    return fig


def norm_lines(table: pd.DataFrame) -> Figure:
    """Length of the blended nokens along p, from `lerps.nokens_along` tables: a panel a position.

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
                ax.annotate(
                    shown(repr(turn.token)),
                    (turn.p, turn.norm),
                    (4, 7),
                    textcoords="offset points",
                    fontsize=9,
                )
        ax.set(xlabel=P)
        ax.set_title(f"position {position}; a dot: from here this token is the nearest", fontsize=10)
        ax.margins(0.08, 0.15)
    panels[0].set_ylabel("norm of the blended noken")
    panels[0].legend()
    return fig


def _tint(colour: str) -> tuple:
    """A colour light enough for black text."""
    return tuple(0.45 * part + 0.55 for part in to_rgb(colour))
