"""Figures of notebook 05."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nokenlab.errors import cut
from nokenlab.palette import OKABE_ITO
from workbook.style import figure, panels, shown


def step_grid(table: pd.DataFrame) -> Figure:
    """The tokens of a `step_table`, coloured by entropy: one column per seed, one row per step.

    A frame marks where something else than the token's own embedding was fed next. Shows the first 12
    seeds and 40 steps.
    """
    seeds = list(table["seed"].unique()[:12])
    table = table[table["seed"].isin(seeds) & (table["step"] < 40)]
    grid = table.pivot(index="step", columns="seed", values="entropy")[seeds]
    fig, ax = figure(max(10 * len(seeds) / 12, 4), 1.2 + 0.26 * len(grid))
    image = ax.imshow(grid, aspect="auto", cmap="cividis", vmin=0)
    for row in table.itertuples():
        x, y = seeds.index(row.seed), row.step
        light = image.norm(row.entropy) > 0.55
        look = {"fontsize": 7.5, "color": "black" if light else "white"}
        ax.text(x, y, shown(cut(row.token.strip(" ") or "␣", 11)), ha="center", va="center", **look)
        if row.fed:
            frame = {"fill": False, "edgecolor": OKABE_ITO[5], "linewidth": 2.5}
            ax.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, **frame))
    ax.set(xticks=range(len(seeds)), xticklabels=seeds, xlabel="seed of the noken", ylabel="step")
    ax.xaxis.set(label_position="top", ticks_position="top")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.tick_params(length=0)
    fig.colorbar(image, ax=ax, label="entropy (bits)", fraction=0.03, pad=0.01)
    return fig


def chosen_probability(table: pd.DataFrame) -> Figure:
    """The model's own probability of each chosen token, from step tables with a column `how`: a panel each.

    A dot is one seed's token; the line is the median over seeds.
    """
    fig, by_method = panels(table, "how", 10, 3.4, sharey=True)
    for (ax, method, rows), colour in zip(by_method, OKABE_ITO, strict=False):
        ax.plot(rows["step"], rows["probability"], "o", color=colour, alpha=0.45, markersize=5)
        median = rows.groupby("step")["probability"].median()
        ax.plot(median.index, median, color="black", linewidth=2, label="median of the seeds")
        ax.set(xlabel="step", title=f"{method}: median {rows['probability'].median():.2f}", ylim=(0, 1.03))
        ax.xaxis.get_major_locator().set_params(integer=True)
    fig.axes[0].set_ylabel("probability of the chosen token")
    fig.axes[0].legend(fontsize=8)
    return fig
