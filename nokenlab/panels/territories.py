"""A map of answers with a noken to drag: what the model says there, from the map at once and then exactly."""

import math
from functools import cached_property, partial

import ipywidgets as w
import pandas as pd

from nokenlab import measures
from nokenlab.answers import territory_map as experiment
from nokenlab.answers.planes import Plane, plane_through
from nokenlab.lab import Lab
from nokenlab.panels import face, territories_view
from nokenlab.panels.panel import Panel, check_prompt, watched
from nokenlab.prompt import fill

LINE = 33  # places on a line that is answered exactly


class Territories(Panel):
    """Drag a noken over a map of answers, along a line to a corner too, and change the corners.

    `table` is from `territories.territory_map` of this prompt and plane, with answers of `max_new_tokens`.
    `near` tokens that lie near the plane are points on the map. Needs no kernel but for exact texts and
    other corners. Raises ValueError for a table of another plane, and as `nl.fill` does for a prompt.
    """

    def __init__(
        self,
        lab: Lab,
        prompt: str,
        plane: Plane,
        table: pd.DataFrame,
        max_new_tokens: int = 12,
        near: int = 1000,
    ):
        super().__init__(lab)
        check_prompt(lab, prompt)
        fill(lab, prompt, plane.origin)
        territories_view.check_map(plane, table)
        self.prompt, self.plane, self.table = prompt, plane, table
        self.max_new_tokens, self.near = max_new_tokens, near

    @cached_property
    def view(self) -> dict:
        """The map as it first stands."""
        return territories_view.view(self.lab, self.prompt, self.plane, self.table, self.near)

    @property
    def path(self) -> pd.DataFrame:
        """Where the noken has been, and what was said there."""
        return pd.DataFrame(self.face.path)

    def build(self) -> list[w.Widget]:
        self.face = face.live("territories", **self._state(), exact={}, line={}, progress=[0, 0])
        self.face.observe(lambda change: self._ask_exact(), "place")
        self.face.on_msg(lambda widget, content, buffers: self._hear(content))
        return [self.face]

    def twin(self) -> str:
        return face.page("territories", territories_view.still(self.prompt, self.table), **self._state())

    def _state(self) -> dict:
        corner = self.plane.corners[0]
        return {"map": self.view, "place": [corner.x, corner.y], "path": []}

    def _ask_exact(self) -> None:
        x, y = self.face.place
        self.latest.ask(partial(self._exact, x, y))

    def _hear(self, content: dict) -> None:
        """A wish from the page."""
        if "corners" in content:
            self.latest.ask(partial(self._new_map, content["corners"]))
        elif "line" in content:
            self.latest.ask(partial(self._exact_line, content["from"], content["line"]))
        else:
            self.stop()

    def _exact(self, x: float, y: float, check) -> None:
        """Write what is said at a place, token by token."""
        self.say()
        ids, shown = [], {"place": [x, y]}
        prompt = fill(self.lab, self.prompt, self.plane.vector(x, y))
        for step in watched(self.lab, check).sample(prompt, self.max_new_tokens):
            ids.extend(id for id in step.ids.tolist() if id not in self.lab.eos_ids)
            if step.index == 0:
                shown["entropy"] = measures.entropy(step.logits).item()
                best = measures.leading(self.lab, step.logits, experiment.LEADING)
                shown["leading"] = best[["token", "probability"]].to_numpy().tolist()
            self.face.exact = shown | {"text": self.lab.text(ids), "going": True}
        shown["territory"] = self._territory(self.lab.text(ids[: self._told_by]))
        check()
        self.face.exact = shown | {"text": self.lab.text(ids), "going": False}

    @property
    def _told_by(self) -> int:
        return int(self.table["told_by"].iloc[0])

    def _territory(self, begins: str) -> str:
        """The territory of the map in which answers begin so, "" where none does."""
        found = self.table["territory"][self.table["begins"] == begins]
        return found.iloc[0] if len(found) else ""

    def _exact_line(self, start: list[float], corner: int, check) -> None:
        """Answer the places on the line from `start` to a corner."""
        end, (x, y) = self.plane.corners[corner], start
        p = [i / (LINE - 1) for i in range(LINE)]
        vectors = self.plane.vector([x + s * (end.x - x) for s in p], [y + s * (end.y - y) for s in p])
        lab = self._counted(self.max_new_tokens, f"answering {LINE} places on the line", check)
        try:
            said = experiment.answered(lab, self.prompt, vectors, self.max_new_tokens)
        finally:
            self.face.progress = [0, 0]
        begins = [self.lab.text(ids[: self._told_by]) for ids in said["ids"]]
        self.face.line = {
            "from": start,
            "corner": corner,
            "territory": [self._territory(text) for text in begins],
            "response": said["response"].tolist(),
        }
        self.say(f"{LINE} places on the line answered")

    def _new_map(self, words: list[str], check) -> None:
        """Answer the map through three other corners."""
        self.say()
        plane, cells = plane_through(self.lab, words), math.isqrt(len(self.table))
        batches = -(-(cells**2 + 3) // self.lab.rows_at_once)
        said = f"answering {cells**2:,} nokens"
        lab = self._counted(batches * self.max_new_tokens, said, check)
        margin = territories_view.margin_of(self.plane, self.table)
        try:
            table = experiment.territory_map(
                lab, self.prompt, plane, cells, self.max_new_tokens, margin, progress=False
            )
            view = territories_view.view(lab, self.prompt, plane, table, self.near)
        finally:
            self.face.progress = [0, 0]
        check()
        self.plane, self.table, self.view = plane, table, view
        self.face.exact, self.face.line, self.face.map = {}, {}, view
        notes = " · ".join(corner.note for corner in plane.corners if corner.note)
        self.say(notes or f"{cells**2:,} nokens answered")

    def _counted(self, passes: int, said: str, check) -> Lab:
        """The lab, each token counted on the page, of `passes` at most."""
        self.face.progress = done = [0, passes]

        def at_token(step) -> None:
            nonlocal done
            check()
            done = [done[0] + 1, passes]
            self.face.progress = done
            self.say(f"{said}: pass {done[0]} of {passes} at most")

        return watched(self.lab, at_token)
