"""A prompt's hidden states as a table of what each says when it is read out; between any two, a slider."""

from functools import cached_property, partial

import ipywidgets as w
from torch import Tensor

from nokenlab.interpolation import INTERPOLATIONS, between
from nokenlab.lab import Lab
from nokenlab.panels import face, markup, state_reader_view
from nokenlab.panels.panel import Panel
from nokenlab.panels.state_reader_view import READINGS
from nokenlab.readout import patching

MOST = 24  # tokens of a prompt: each is a column, and has a state in each layer to be read out
NEAREST = 3  # tokens
ALONG = ["lerp", "slerp"]  # of INTERPOLATIONS those that need no centroid: hidden states have none


class StateReader(Panel):
    """What a prompt's hidden states say, layer by token; click one, or slide from one to another.

    Each is put in the place of the <noken> of `asked`: into the layer that it comes from, or in the embedding
    slot, raw or at token norm. The table has the first token that each says, and needs no kernel. What a
    state says in `max_new_tokens`, and what lies between two, is read out live; between two layers it goes
    into the layer that is nearest on the way.
    Raises ValueError for a prompt that is empty or too long for a table, and as `patching.read_out` does.
    """

    def __init__(self, lab: Lab, prompt: str, asked: str = patching.READ_OUT, max_new_tokens: int = 4):
        super().__init__(lab)
        if (tokens := len(lab.ids(prompt))) > MOST:
            raise ValueError(f"this prompt has {tokens} tokens; this panel takes up to {MOST}; shorten it")
        self.prompt, self.asked, self.max_new_tokens = prompt, asked, max_new_tokens
        self.states = lab.states(prompt)  # (layers + 1, tokens, width)
        for _ in patching.read_out(lab, self.states[0, :1], asked, 0, max_new_tokens):
            break  # it has said what is wrong with them

    @cached_property
    def view(self) -> dict:
        """What does not change."""
        return state_reader_view.view(self.lab, self.prompt, self.states, self.asked)

    @cached_property
    def cells(self) -> dict:
        """The table as it first stands."""
        return self._cells(next(iter(READINGS)))

    def build(self) -> list[w.Widget]:
        self.face = face.live("state_reader", **self._state(), answer={})
        self.face.observe(lambda change: self._ask(), "place")
        self._ask()
        return [self.face]

    def twin(self) -> str:
        return face.page("state_reader", state_reader_view.still(self.view, self.cells), **self._state())

    def between(self, place: dict) -> tuple[Tensor, int]:
        """The state at a place (`Place` in state_reader.js), (1, width), and the layer that it belongs to."""
        (layer, token), (other, last) = place["from"], place["to"] or place["from"]
        a, b, p = self.states[layer, token], self.states[other, last], place["p"]
        return between(a, b, [p], place["way"], self.lab.space.centroid), round(layer + p * (other - layer))

    def _state(self) -> dict:
        ways = [{"name": way, "tip": INTERPOLATIONS[way].tip} for way in ALONG]
        middle = [len(self.states) // 2, self.states.shape[1] - 1]
        place = {"reading": self.cells["reading"], "from": middle, "to": None, "p": 0, "way": ALONG[0]}
        return {"view": self.view, "cells": self.cells, "ways": ways, "place": place}

    def _cells(self, reading: str) -> dict:
        return state_reader_view.cells(self.lab, self.states, self.asked, reading)

    def _ask(self) -> None:
        self.latest.ask(partial(self._answer, self.face.place))

    def _answer(self, place: dict, check) -> None:
        """What the state at a place says; then the table, if it is read out in another way than before."""
        self.say()
        self._read(place, check)
        if self.face.cells["reading"] != place["reading"]:
            found = self._cells(place["reading"])
            check()
            self.face.cells = found

    def _read(self, place: dict, check) -> None:
        """Write what the state at a place says, token by token."""
        state, layer = self.between(place)
        put, into = READINGS[place["reading"]].put(self.lab, state, [layer])
        shown = {"place": place, "into": into and into[0], "norm": put.float().norm().item()}
        shown["nearest"] = self._nearest(put)
        ids: list[int] = []
        for step in patching.read_out(self.lab, put, self.asked, into, self.max_new_tokens):
            check()
            ids.extend(id for id in step.ids.tolist() if id not in self.lab.eos_ids)
            if step.index == 0:
                shown["leading"] = state_reader_view.leading(self.lab, step.logits)
            self.face.answer = shown | {"text": self.lab.text(ids), "going": True}
        check()
        self.face.answer = shown | {"text": self.lab.text(ids), "going": False}

    def _nearest(self, put: Tensor) -> list[list]:
        """The tokens nearest to a vector (1, width) and their cosines; none where embeddings are narrower."""
        if put.shape[1] != self.lab.space.width:
            return []
        near = self.lab.space.nearest(put, NEAREST)
        return [[markup.visible(t), cosine] for t, cosine in zip(near["token"], near["cosine"], strict=True)]
