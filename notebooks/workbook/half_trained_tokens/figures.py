"""Figures of half-trained tokens, from the tables of `tables` and `read_or_said`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.palette import OKABE_ITO
from workbook.half_trained_tokens.read_or_said import UNREAD
from workbook.half_trained_tokens.tables import CANDIDATE, MATCHED
from workbook.style import MARKERS, figure, legend_outside, panels, wrap

SAID = {  # columns of a `says` table: output row, and the input that stands before it
    "own_healthy": "healthy row, its own input",
    "own_glitch": "candidate's row, its own input",
    "other_healthy": "healthy row, another healthy input",
    "glitch_in": "healthy row, candidate's input",
    "other_glitch": "candidate's row, another's input",
    "healthy_in": "candidate's row, healthy input",
}
PANELS = {"width": 10, "height": 3, "columns": 2, "margin": 1}


def precision_lines(precision: pd.DataFrame) -> Figure:
    """The share of the first tokens by the indicator that is verified, from a `precision` table."""
    fig, ax = figure(9, 4)
    for i, (of, rows) in enumerate(precision.groupby("of", sort=False)):
        wide, thin = {"linewidth": 6, "alpha": 0.35}, {"linewidth": 1.5}  # both are seen where they coincide
        for name, look, below in (("weak", wide, "below 0.1"), ("strong", thin, "below 0.001")):
            look |= {"color": OKABE_ITO[[5, 0][i]], "label": f"{of}, probability {below}"}
            ax.plot(rows["rank"], rows[name], **look)
    ax.set(xscale="log", ylim=(-0.03, 1.03), xlabel="the first so many by the indicator")
    ax.set(ylabel="share verified", title="How precise is the indicator?")
    ax.legend(fontsize=9)
    return fig


def read_dots(reads: pd.DataFrame, tokens: pd.DataFrame) -> Figure:
    """By rank of the indicator, the KL between what follows two inputs: one panel per prompt.

    `reads` and `tokens` are tables of these names; a ring marks candidates that are weakly verified.
    """
    fig, by_prompt = panels(reads, "prompt", **PANELS, sharey=True)
    weak = tokens[(tokens["of"] == CANDIDATE) & (tokens["weak"] == 1)]["id"]
    for ax, prompt, rows in by_prompt:
        matched, candidates = (rows[rows["of"] == of] for of in (MATCHED, CANDIDATE))
        verified = candidates[candidates["id"].isin(weak)]
        look = {"markersize": 4, "alpha": 0.6}
        _dots(ax, matched, "o", color=OKABE_ITO[0], label=MATCHED, **look)
        _dots(ax, candidates, "s", color=OKABE_ITO[5], label=CANDIDATE, **look)
        _dots(ax, verified, "ko", markersize=9, fillstyle="none", label="verified: hardly said")
        limit = UNREAD * matched["reads_kl"].mean()
        ax.axhline(limit, color="black", linestyle="--", label="5 % of the matched tokens' mean")
        ax.set(xscale="log", yscale="log", title=wrap(prompt, 55, lines=1))
        ax.set(xlabel="rank by the indicator", ylabel="KL between two inputs, bits")
    legend_outside(fig, 4)
    return fig


def _dots(ax, rows: pd.DataFrame, marker: str, **look) -> None:
    ax.plot(rows["pair"] + 1, rows["reads_kl"].clip(lower=1e-6), marker, **look)


def said_lines(says: pd.DataFrame) -> Figure:
    """The share of pairs whose row has a rank up to x, from a `says` table: weakly verified ones, if any."""
    rows, which = says[says["weak"] == 1], "weakly verified candidates"
    if rows.empty:
        rows, which = says, "all candidates"
    fig, by_prompt = panels(rows, "prompt", **PANELS, sharex=True, sharey=True)
    for ax, prompt, pairs in by_prompt:
        share = [(number + 1) / len(pairs) for number in range(len(pairs))]
        for i, (name, label) in enumerate(SAID.items()):
            look = {"color": OKABE_ITO[[0, 5, 2, 3, 1, 7][i]], "marker": MARKERS[i], "markersize": 4}
            ax.step(pairs[name].sort_values(), share, where="post", label=label, markevery=0.2, **look)
        ax.set(xscale="log", title=wrap(prompt.split("\n")[-1], 55, lines=1))
        ax.set(xlabel="rank of the output row", ylabel="share of pairs")
    legend_outside(fig, 3)
    fig.supxlabel(f"{rows['pair'].nunique()} pairs: {which} and their matched tokens", fontsize=9)
    return fig


def walk_lines(walked: pd.DataFrame) -> Figure:
    """What is left of reading on the lines to two centres, from a `walk` table: one panel per prompt."""
    fig, by_prompt = panels(walked, "prompt", **PANELS, sharex=True, sharey=True)
    for ax, prompt, rows in by_prompt:
        for i, (to, line) in enumerate(rows.groupby("to", sort=False)):
            low, middle, high = (line.groupby("alpha")["left"].quantile(q) for q in (0.25, 0.5, 0.75))
            colour = OKABE_ITO[[5, 0][i]]
            ax.fill_between(middle.index, low, high, color=colour, alpha=0.2)
            ax.plot(middle, "-:"[i], color=colour, linewidth=2, label=f"to the {to}")
        alpha = sorted(rows["alpha"].unique())
        ax.plot(alpha, [(1 - a) ** 2 for a in alpha], color="grey", label="in proportion: (1 − alpha)²")
        ax.axhline(UNREAD, color="black", linestyle="--", linewidth=1, label="5 %: unread")
        ax.set(ylim=(-0.05, 1.3), title=wrap(prompt, 55, lines=1))
        ax.set(xlabel="alpha, share of the way gone", ylabel="share of KL left")
    legend_outside(fig, 4)
    return fig
