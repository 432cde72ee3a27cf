"""Figures of half-trained tokens, from the tables of `half_trained_tokens` and `read_or_said`."""

import pandas as pd
from matplotlib.figure import Figure

from nokenlab.style import MARKERS, OKABE_ITO, figure, legend_outside, wrap
from workbook.half_trained_tokens.read_or_said import UNREAD
from workbook.half_trained_tokens.tables import CANDIDATE, MATCHED

SAID = {  # columns of a `says` table: output row, and the input that stands before it
    "own_healthy": "healthy row, its own input",
    "own_glitch": "candidate's row, its own input",
    "other_healthy": "healthy row, another healthy input",
    "glitch_in": "healthy row, candidate's input",
    "other_glitch": "candidate's row, another's input",
    "healthy_in": "candidate's row, healthy input",
}


def precision_lines(precision: pd.DataFrame) -> Figure:
    """Which share of the first tokens by the indicator is verified, from a `precision` table."""
    fig, ax = figure(9, 4)
    for i, (of, rows) in enumerate(precision.groupby("of", sort=False)):
        for name, line in (("weak", "-"), ("strong", "--")):
            below = {"weak": "below 0.1", "strong": "below 0.001"}[name]
            look = {"color": OKABE_ITO[[5, 0][i]], "linestyle": line, "label": f"{of}, probability {below}"}
            ax.plot(rows["rank"], rows[name], linewidth=2, **look)
    ax.set(xscale="log", ylim=(-0.03, 1.03), xlabel="the first so many by the indicator")
    ax.set(ylabel="share verified", title="How precise is the indicator?")
    ax.legend(fontsize=9)
    return fig


def read_dots(reads: pd.DataFrame, tokens: pd.DataFrame) -> Figure:
    """By rank of the indicator, the KL between what follows two inputs, a panel a prompt.

    `reads` and `tokens` are tables of these names; a ring marks candidates that are weakly verified.
    """
    prompts = list(reads.groupby("prompt", sort=False))
    fig, axes = _panels(len(prompts), sharey=True)
    weak = tokens[(tokens["of"] == CANDIDATE) & (tokens["weak"] == 1)]["id"]
    for ax, (prompt, rows) in zip(axes.flat, prompts, strict=False):
        for of, colour, marker in ((MATCHED, OKABE_ITO[0], "o"), (CANDIDATE, OKABE_ITO[5], "s")):
            some = rows[rows["of"] == of]
            look = {"color": colour, "markersize": 4, "alpha": 0.6, "label": of}
            ax.plot(some["pair"] + 1, some["reads_kl"].clip(lower=1e-6), marker, **look)
        some = rows[rows["id"].isin(weak) & (rows["of"] == CANDIDATE)]
        ring = {"markersize": 9, "fillstyle": "none", "label": "verified: hardly said"}
        ax.plot(some["pair"] + 1, some["reads_kl"].clip(lower=1e-6), "ko", **ring)
        mean = rows[rows["of"] == MATCHED]["reads_kl"].mean()
        ax.axhline(UNREAD * mean, color="black", linestyle="--", label="5 % of the matched tokens' mean")
        ax.set(xscale="log", yscale="log", title=wrap(prompt, 55, lines=1))
        ax.set(xlabel="rank by the indicator", ylabel="KL between two inputs, bits")
    legend_outside(fig, list(axes.flat)[:1], 4)
    return fig


def said_lines(says: pd.DataFrame) -> Figure:
    """Share of pairs whose row ranks so high or higher, from a `says` table: weakly verified ones, if any."""
    some = says[says["weak"] == 1] if says["weak"].any() else says
    prompts = list(some.groupby("prompt", sort=False))
    fig, axes = _panels(len(prompts), sharex=True, sharey=True)
    for ax, (prompt, rows) in zip(axes.flat, prompts, strict=False):
        for i, (name, label) in enumerate(SAID.items()):
            look = {"color": OKABE_ITO[[0, 5, 2, 3, 1, 7][i]], "marker": MARKERS[i], "markersize": 4}
            share = [(place + 1) / len(rows) for place in range(len(rows))]
            ax.step(rows[name].sort_values(), share, where="post", label=label, markevery=0.2, **look)
        ax.set(xscale="log", title=wrap(prompt.split("\n")[-1], 55, lines=1))
        ax.set(xlabel="rank of the output row", ylabel="share of pairs")
    legend_outside(fig, list(axes.flat)[:1], 3)
    which = "weakly verified candidates" if says["weak"].any() else "all candidates"
    fig.supxlabel(f"{some['pair'].nunique()} pairs: {which} and their matched tokens", fontsize=9)
    return fig


def walk_lines(walked: pd.DataFrame) -> Figure:
    """What is left of the reading of healthy tokens on two ways, from a `walk` table, a panel a prompt."""
    prompts = list(walked.groupby("prompt", sort=False))
    fig, axes = _panels(len(prompts), sharex=True, sharey=True)
    for ax, (prompt, rows) in zip(axes.flat, prompts, strict=False):
        for i, (to, some) in enumerate(rows.groupby("to", sort=False)):
            colour, line = OKABE_ITO[[5, 0][i]], "-:"[i]
            middle = some.groupby("alpha")["left"]
            ax.fill_between(
                middle.median().index, *(middle.quantile(q) for q in (0.25, 0.75)), color=colour, alpha=0.2
            )
            ax.plot(middle.median(), color=colour, linestyle=line, linewidth=2, label=f"to the {to}")
        alpha = sorted(rows["alpha"].unique())
        ax.plot(alpha, [(1 - a) ** 2 for a in alpha], color="grey", label="in proportion: (1 − alpha)²")
        ax.axhline(UNREAD, color="black", linestyle="--", linewidth=1, label="5 %: unread")
        ax.set(ylim=(-0.05, 1.3), title=wrap(prompt, 55, lines=1))
        ax.set(xlabel="alpha, share of the way gone", ylabel="share of KL left")
    legend_outside(fig, list(axes.flat)[:1], 4)
    return fig


def _panels(count: int, **shared):
    """A figure with so many panels, two in a row, or one; what is left over is hidden."""
    columns = min(count, 2)
    rows = (count + 1) // 2
    fig, axes = figure(10, 1 + 3 * rows, rows=rows, columns=columns, squeeze=False, **shared)
    for ax in list(axes.flat)[count:]:
        ax.set_visible(False)
    return fig, axes
