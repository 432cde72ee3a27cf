"""A prompt's hidden states, each as the token that it says when read out, and a slider between any two."""

from collections.abc import Callable
from functools import cached_property, partial
from typing import NamedTuple

import pandas as pd
from torch import Tensor

from nokenlab.interpolation import INTERPOLATIONS, between
from nokenlab.lab import Lab
from nokenlab.nokens import random_nokens, rescale
from nokenlab.panels.face import quiet
from nokenlab.panels.panel import Panel, check_prompt, nearest_tokens, next_tokens, spelled_tokens, with_ids
from nokenlab.prompt import NOKEN, word_vector
from nokenlab.readout import patching
from nokenlab.runs import show

MOST_TOKENS = 24  # of a prompt: each is a column, with a state in each layer to be read out
NEAREST = 3  # tokens that are shown, where they are nearer than to any of
RANDOM = 100  # random vectors
LEADING = 5  # next tokens that are shown
WITHOUT_CENTROID = ["lerp", "slerp"]  # of INTERPOLATIONS: hidden states have no centroid


class Reading(NamedTuple):
    """Where states are put to be read out.

    `prepare` takes states (rows, width) and their layers, and returns the vectors to put in and the layers to
    put them into; None instead of layers means the embedding slot.
    """

    tip: str
    prepare: Callable[[Lab, Tensor, list[int]], tuple[Tensor, list[int] | None]]


READINGS = {
    "into the same layer": Reading(
        "the state replaces what enters the same layer at ▢", lambda lab, states, layers: (states, layers)
    ),
    "as an embedding, raw": Reading(
        "the state is the embedding at ▢, at its own norm", lambda lab, states, layers: (states, None)
    ),
    "as an embedding, at token norm": Reading(
        "the state is the embedding at ▢, at the norm of a token's embedding",
        lambda lab, states, layers: (rescale(states, lab.space.median_norm), None),
    ),
}


class StateReader(Panel):
    """What a prompt's hidden states say, layer by token; click one, or slide from one to another.

    Each state is put where `asked` has its <noken>: into the layer that it comes from, or in the embedding
    slot, raw or at token norm. The table has the first token that each says, and needs no kernel; it is pale
    where the prompt says it anyway. What a state says in `max_new_tokens`, and what lies between two, is read
    out live; between two layers it goes into the nearest. So is another sentence.
    Raises ValueError for a prompt that is empty or too long for a table, and as `patching.read_out` does.
    """

    name = "state_reader"

    def __init__(self, lab: Lab, prompt: str, asked: str = patching.READ_OUT, max_new_tokens: int = 4):
        super().__init__(lab)
        self.asked, self.max_new_tokens = asked, max_new_tokens
        self._read(prompt)
        next(patching.read_out(lab, self.states[0, :1], asked, 0, max_new_tokens))  # raises for a bad prompt

    def _read(self, prompt: str) -> None:
        """Take the states of a prompt."""
        check_prompt(self.lab, prompt, most=MOST_TOKENS)
        self.prompt, self.states = prompt, self.lab.states(prompt)  # (layers + 1, tokens, width)

    @property
    def is_wide(self) -> bool:
        """Whether the model's embeddings are as wide as its states."""
        return self.states.shape[2] == self.lab.space.width

    @cached_property
    def unpatched(self) -> str:
        """The first token that the prompt says with no state in it."""
        logits = patching.read_logits(self.lab, word_vector(self.lab, patching.PLACEHOLDER)[None], self.asked)
        return next_tokens(self.lab, logits, 1)[0][0][0]

    @cached_property
    def floor(self) -> float:
        """The largest cosine with a token that random vectors have."""
        vectors = random_nokens(self.lab.width, range(RANDOM))
        return self.lab.space.nearest_rows(vectors)[1].max().item()

    @property
    def view(self) -> dict:
        """What depends on the sentence alone: a `View` of state_reader.js."""
        readings = list(READINGS) if self.is_wide else list(READINGS)[:1]
        return {
            "sentence": self.prompt,
            "unpatched": self.unpatched,
            "before": self.asked.replace(NOKEN, "▢"),
            "tokens": spelled_tokens(self.lab, self.prompt),
            "layers": len(self.states),
            "readings": [{"name": name, "tip": READINGS[name].tip} for name in readings],
        }

    @cached_property
    def cells(self) -> dict:
        """The table of the sentence that was read last."""
        return self._cells(next(iter(READINGS)))

    @property
    def first_selection(self) -> dict:
        """The last token, in a middle layer."""
        position = [len(self.states) // 2, self.states.shape[1] - 1]
        selection = {"from": position, "to": None, "p": 0, "interpolation": WITHOUT_CENTROID[0]}
        return selection | {"reading": self.cells["reading"]}

    def selected(self, selection: dict) -> tuple[Tensor, int]:
        """The state of a `Selection` of state_reader.js, (1, width), and the layer that it belongs to."""
        first_layer, first_token = selection["from"]
        last_layer, last_token = selection["to"] or selection["from"]
        a, b, p = self.states[first_layer, first_token], self.states[last_layer, last_token], selection["p"]
        state = between(a, b, [p], selection["interpolation"], self.lab.space.centroid)
        return state, round(first_layer + p * (last_layer - first_layer))

    def state(self) -> dict:
        return {
            "view": self.view,
            "cells": self.cells,
            "interpolations": [{"name": name, "tip": INTERPOLATIONS[name].tip} for name in WITHOUT_CENTROID],
            "selection": self.first_selection,
            "answer": {},
        }

    def still(self) -> str:
        return still(self.view, self.cells)

    def begin(self) -> None:
        self.face.observe(lambda change: self._ask(), "selection")
        self._ask()

    def receive(self, content: dict) -> None:
        if "sentence" in content:
            self.latest.ask(partial(self._change, content["sentence"]), "sentence")
        else:
            self.stop()

    def _change(self, sentence: str, check) -> None:
        """Read another sentence."""
        self.say("reading …")
        self._read(sentence)
        self.cells = self._cells(self.cells["reading"])
        check()
        self.update(answer={}, cells=self.cells, selection=self.first_selection, view=self.view)

    def _cells(self, reading: str) -> dict:
        """What each state says first: `Cells` in `state_reader.js`."""
        layers = [layer for layer in range(len(self.states)) for _ in self.states[layer]]
        vectors, layers = READINGS[reading].prepare(
            self.lab, self.states.flatten(0, 1), layers
        )  # (cells, width)
        logits = patching.read_logits(self.lab, vectors, self.asked, layers)
        return {
            "reading": reading,
            "text": [self.lab.token(id) for id in logits.argmax(-1).tolist()],
            "leading": next_tokens(self.lab, logits, LEADING),
            "norm": vectors.float().norm(dim=-1).tolist(),
        }

    def _ask(self) -> None:
        self.latest.ask(partial(self._answer, self.face.selection), "answer")

    def _answer(self, selection: dict, check) -> None:
        """What the selected state says; then the table, if the reading has changed."""
        self.say()
        self._read_out(selection, check)
        if self.face.cells["reading"] != selection["reading"]:
            cells = self._cells(selection["reading"])
            check()
            self.cells = self.face.cells = cells

    def _read_out(self, selection: dict, check) -> None:
        """Write what the selected state says, token by token."""
        state, layer = self.selected(selection)
        vector, layers = READINGS[selection["reading"]].prepare(self.lab, state, [layer])
        answer = {
            "selection": selection,
            "into": layers[0] if layers else None,
            "norm": vector.float().norm().item(),
            "nearest": [],
        }
        if self.is_wide:
            nearest = nearest_tokens(self.lab, vector, NEAREST)
            answer["nearest"] = [[token, cosine] for token, cosine in nearest if cosine > self.floor]
            answer["floor"] = self.floor
        steps = patching.read_out(self.lab, vector, self.asked, layers, self.max_new_tokens)
        for step, ids in with_ids(self.lab, steps):
            check()
            if step.index == 0:
                (answer["leading"],) = next_tokens(self.lab, step.logits, LEADING)
            answer["text"] = self.lab.text(ids)
            self.face.answer = answer | {"running": True}
        check()
        self.face.answer = answer | {"running": False}


def still(view: dict, cells: dict) -> str:
    """What each state says first, one row per layer, in HTML."""
    tokens, last = len(view["tokens"]), view["layers"] - 1
    texts = [f"{token} {probability:.2f}" for (token, probability), *_ in cells["leading"]]
    rows = [
        [str(layer) if layer < last else "out", *texts[layer * tokens : (layer + 1) * tokens]]
        for layer in range(view["layers"])
    ]
    columns = ["layer", *(f"{i} {token}" for i, token in enumerate(view["tokens"]))]
    about = f"What each state says first in “{view['before']}”, {cells['reading']}, and its probability."
    return quiet(about) + show.table(pd.DataFrame(rows, columns=columns)).data
