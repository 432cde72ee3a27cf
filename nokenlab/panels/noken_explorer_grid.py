"""Nokens of some seeds at some sizes with their answers, made in one batch: the explorer without a kernel."""

import pandas as pd
import torch

from nokenlab.answers.substitutes import substitutes
from nokenlab.errors import LARGEST_SEED
from nokenlab.lab import Lab
from nokenlab.nokens import replace
from nokenlab.panels import markup
from nokenlab.runs import show

SEEDS = 6  # from the panel's own on
SIZES = (0.25, 0.5, 1.0, 2.0, 5.0)  # in token norms


def is_named(lab: Lab, prompt: str, position: int) -> bool:
    """Whether a noken with a name stands there (`lab.with_nokens`)."""
    return lab.tokens(prompt)["token"][position] in {f"<{name}>" for name in lab.nokens}


def grid(lab: Lab, prompt: str, position: int, seed: int, max_new_tokens: int) -> dict:
    """The answers, as `noken_explorer.js` documents a `Grid`. Raises ValueError as `substitutes` does.

    Where a noken with a name stands at `position`, its row is the first.
    """
    first = min(seed, LARGEST_SEED + 1 - SEEDS)
    seeds = list(range(first, first + SEEDS))
    tokens = lab.tokens(prompt)["token"].tolist()
    found = substitutes(lab, prompt, position, seeds)
    names, typical = [f"seed {seed}" for seed in seeds], found["token norm"]  # (rows, width)
    if is_named(lab, prompt, position):
        names, typical = [tokens[position], *names], torch.cat([found["true token"], typical])
    nokens = (typical[:, None] * torch.tensor(SIZES)[:, None]).flatten(0, 1)  # (rows × sizes, width)
    said = lab.generate(replace(lab.embed(prompt), position, nokens), max_new_tokens)
    near = lab.space.nearest(typical, k=1)  # size does not turn a noken
    return {
        "before": "".join(tokens[:position]),
        "after": "".join(tokens[position + 1 :]),
        "position": position,
        "names": names,
        "sizes": list(SIZES),
        "norms": nokens.norm(dim=-1).view(-1, len(SIZES)).tolist(),
        "nearest": [markup.visible(token) for token in near["token"]],
        "cosine": near["cosine"].astype(float).round(3).tolist(),
        "response": [said[row : row + len(SIZES)] for row in range(0, len(said), len(SIZES))],
    }


def still(found: dict) -> str:
    """The grid as a table, in HTML."""
    names = ["noken", *(f"{size:g} × its norm" for size in found["sizes"])]
    rows = [[name, *said] for name, said in zip(found["names"], found["response"], strict=True)]
    said = f"“{found['before']}▢{found['after']}”, a noken at ▢:"
    return markup.quiet(said) + show.table(pd.DataFrame(rows, columns=names)).data
