"""What the reader of states shows, as plain lists for its face, and the table without scripts."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd
from torch import Tensor

from nokenlab import measures
from nokenlab.lab import Lab
from nokenlab.nokens import rescale
from nokenlab.panels import markup
from nokenlab.readout import patching
from nokenlab.runs import show

LEADING = 5  # next tokens that are shown


class Reading(NamedTuple):
    """A place to put states in for reading: what it is, and what states (rows, width), a layer each, become.

    `put` gives the vectors that are put, and the layers that they are put into, none for the embedding slot.
    """

    tip: str
    put: Callable[[Lab, Tensor, list[int]], tuple[Tensor, list[int] | None]]


READINGS = {
    "into the same layer": Reading(
        "the state is what enters that layer of the prompt that reads out",
        lambda lab, states, at: (states, at),
    ),
    "as an embedding, raw": Reading(
        "the state stands in the embedding slot, as long as it is", lambda lab, states, at: (states, None)
    ),
    "as an embedding, at token norm": Reading(
        "the state stands in the embedding slot, as long as a token's embedding",
        lambda lab, states, at: (rescale(states, lab.space.median_norm), None),
    ),
}


def view(lab: Lab, prompt: str, states: Tensor, asked: str) -> dict:
    """What does not change, for the face: `View` in `state_reader.js`. States (layers + 1, tokens, width)."""
    usable = list(READINGS)
    if states.shape[2] != lab.space.width:  # an embedding may be narrower than a state
        usable = usable[:1]
    return {
        "before": asked.replace("<noken>", "▢"),
        "tokens": [markup.visible(token) for token in lab.tokens(prompt)["token"]],
        "layers": len(states),
        "readings": [{"name": name, "tip": READINGS[name].tip} for name in usable],
    }


def cells(lab: Lab, states: Tensor, asked: str, reading: str) -> dict:
    """What each of states (layers + 1, tokens, width) says first: `Cells` in `state_reader.js`."""
    at = [layer for layer in range(len(states)) for _ in states[layer]]
    put, into = READINGS[reading].put(lab, states.flatten(0, 1), at)  # (cells, width)
    best = leading(lab, patching.read_logits(lab, put, asked, into))
    return {
        "reading": reading,
        "leading": [best[i : i + LEADING] for i in range(0, len(best), LEADING)],
        "norm": put.float().norm(dim=-1).tolist(),
    }


def leading(lab: Lab, logits: Tensor) -> list[list]:
    """The most probable next tokens of logits (rows, vocab): [token, probability], `LEADING` a row."""
    best = measures.leading(lab, logits, LEADING)
    return [[markup.visible(token), p] for token, p in zip(best["token"], best["probability"], strict=True)]


def still(view: dict, cells: dict) -> str:
    """What each state says first, a row a layer, in HTML."""
    first = [f"{best[0][0]} {best[0][1]:.2f}" for best in cells["leading"]]
    told = f"What each state says first in “{view['before']}”, {cells['reading']}, and its probability."
    names = ["layer", *(f"{i} {token}" for i, token in enumerate(view["tokens"]))]
    return markup.quiet(told) + show.table(pd.DataFrame(_rows(first, view), columns=names)).data


def _rows(first: Sequence[str], view: dict) -> list[list[str]]:
    many, last = len(view["tokens"]), view["layers"] - 1
    return [
        [str(layer) if layer < last else "out", *first[layer * many : (layer + 1) * many]]
        for layer in range(view["layers"])
    ]
