"""A map of answers with a noken to drag: what the model says there, at once from the map and then exactly."""

import json
import math
from functools import cached_property, partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab import measures
from nokenlab.answers import territory_map
from nokenlab.answers.planes import Plane, near_tokens, plane_through
from nokenlab.lab import Lab
from nokenlab.panels.face import quiet
from nokenlab.panels.panel import Panel, check_one_noken, check_prompt, next_tokens, watched, with_ids
from nokenlab.prompt import NOKEN, fill
from nokenlab.runs import show
from nokenlab.spelling import spelled, spelled_token

CELLS = 19  # of each side of a map that is not given
SHOWN = 12  # territories in the table without scripts


class Territories(Panel):
    """Drag a noken over a map of answers, and change the corners.

    `table` is from `territory_map.territory_map` of this prompt and plane, with answers of `max_new_tokens`;
    without it a map of `CELLS` is answered. `plane` may be three words. In columns the noken has the same
    weights of the corners in all.
    `near` tokens that lie near the plane are dots on the map. Only exact texts, another prompt, other corners
    and a finer map need a kernel. Raises ValueError for a table of another plane, and for a prompt without
    one <noken>.
    """

    name = "territories"

    def __init__(
        self,
        lab: Lab,
        prompt: str,
        plane: Plane | list[str],
        table: pd.DataFrame | None = None,
        max_new_tokens: int = 12,
        near: int = 1000,
    ):
        super().__init__(lab)
        check_prompt(lab, prompt)
        check_one_noken(prompt)
        plane = plane if isinstance(plane, Plane) else plane_through(lab, plane)
        if table is None:
            table = territory_map.territory_map(lab, prompt, plane, CELLS, max_new_tokens, progress=False)
        check_map(plane, table)
        self.prompt, self.plane, self.table = prompt, plane, table
        self.max_new_tokens, self.near = max_new_tokens, near
        self.follows = False  # while another column moves the noken

    @cached_property
    def view(self) -> dict:
        """The map as it first stands."""
        return view(self.lab, self.prompt, self.plane, self.table, self.near)

    def state(self) -> dict:
        corner = self.plane.corners[0]
        return {"map": self.view, "place": [corner.x, corner.y], "exact": {}}

    def still(self) -> str:
        return still(self.prompt, self.table)

    def begin(self) -> None:
        self.face.observe(lambda change: self._moved(*change["new"]), "place")

    def _moved(self, x: float, y: float) -> None:
        """Answer the point where the noken is now, and move it in the other columns."""
        self.latest.ask(partial(self._exact, x, y), "exact")
        if not self.follows:
            for panel in self.beside:
                if panel is not self:
                    panel.follow(self.plane.weights(x, y)[0])

    def follow(self, weights: Tensor) -> None:
        """Move the noken to where the corners have these weights (3,), or as near as the map goes."""
        corners = torch.tensor([[corner.x, corner.y] for corner in self.plane.corners])
        reach, self.follows = float(self.table["x"].max()), True
        self.face.place = (weights @ corners).clamp(-reach, reach).tolist()
        self.follows = False

    def receive(self, content: dict) -> None:
        if "corners" in content:
            job = partial(self._new_map, content["prompt"], content["corners"], content["refine"])
            self.latest.ask(job, "map", long=True)
        else:
            self.stop()

    def _exact(self, x: float, y: float, check) -> None:
        """Write what the model says at a point, token by token."""
        self.say()
        answer = {"place": [x, y]}
        prompt = fill(self.lab, self.prompt, self.plane.vector(x, y))
        steps = watched(self.lab, check).sample(prompt, self.max_new_tokens)
        for step, ids in with_ids(self.lab, steps):
            if step.index == 0:
                (answer["leading"],) = next_tokens(self.lab, step.logits, territory_map.LEADING)
                answer["entropy"] = measures.entropy(step.logits).item()
            answer["text"] = self.lab.text(ids)
            self.update(exact=answer | {"going": True})
        check()
        self.update(exact=answer | {"going": False, "territory": self._territory(ids)})

    def _territory(self, ids: list[int]) -> str:
        """The territory of the map whose answers begin like these ids, "" where there is none."""
        begins = self.lab.text(ids[: int(self.table["told_by"].iloc[0])])
        letters = self.table["territory"][self.table["begins"] == begins]
        return letters.iloc[0] if len(letters) else ""

    def _new_map(self, prompt: str, words: list[str], refine: bool, check) -> None:
        """Answer the map of another prompt, or through three other corners, or with cells between its own."""
        self.say()
        check_prompt(self.lab, prompt)
        check_one_noken(prompt)
        same = words == [corner.label for corner in self.plane.corners]
        plane, cells = self.plane if same else plane_through(self.lab, words), math.isqrt(len(self.table))
        if refine:
            cells = min(2 * cells - 1, territory_map.MOST_CELLS)
        batches, margin = math.ceil((cells**2 + 3) / self.lab.rows_at_once), margin_of(self.plane, self.table)
        with self.counted(batches * self.max_new_tokens, f"answering {cells**2:,} nokens", check) as lab:
            table = territory_map.territory_map(
                lab, prompt, plane, cells, self.max_new_tokens, margin, progress=False
            )
            new = view(lab, prompt, plane, table, self.near)
        check()
        self.prompt, self.plane, self.table, self.view = prompt, plane, table, new
        self.update(exact={}, map=new)
        notes = " · ".join(corner.note for corner in plane.corners if corner.note)
        self.say(notes or f"{cells**2:,} nokens answered")


def check_map(plane: Plane, table: pd.DataFrame) -> None:
    """Raise ValueError unless `table` is a `territory_map` of this plane."""
    side = math.isqrt(len(table))
    square = side**2 == len(table) and side > 1 and table["x"].iloc[:side].is_monotonic_increasing
    if not square or table["y"].round(9).nunique() != side:
        raise ValueError(f"the table must be of territory_map, cells × cells rows; got {len(table)} rows")
    weights = table[["weight_a", "weight_b", "weight_c"]].to_numpy(dtype=float)
    if not np.allclose(plane.weights(table["x"], table["y"]).numpy(), weights, atol=1e-3):
        raise ValueError("the table is of another plane; give the plane that territory_map had")


def margin_of(plane: Plane, table: pd.DataFrame) -> float:
    """The `margin` that a `territory_map` was made with."""
    return float(table["x"].max()) / plane.reach(0) - 1


def view(lab: Lab, prompt: str, plane: Plane, table: pd.DataFrame, count: int) -> dict:
    """The map for the face, with `count` tokens near the plane: `Territories` of `territories.js`."""
    from nokenlab.answers.territory_colours import colours  # imports matplotlib

    colour = colours(table)
    first = table.drop_duplicates("territory").set_index("territory")
    letters = table["territory"].value_counts().index.tolist()  # the largest first
    before, after = prompt.split(NOKEN)
    near = near_tokens(lab, plane, count, margin_of(plane, table))
    return {
        "prompt": prompt,
        "before": before,
        "after": after,
        "corners": [{"label": spelled(c.label), "x": c.x, "y": c.y, "note": c.note} for c in plane.corners],
        "reach": float(table["x"].max()),
        "side": math.isqrt(len(table)),
        "territories": [
            {
                "letter": letter,
                "colour": colour[letter],
                "corner": first.at[letter, "corner"],
                "begins": first.at[letter, "begins"],
            }
            for letter in letters
        ],
        "territory": table["territory"].map(letters.index).tolist(),
        "response": _coded(table["response"]),
        "nearest": _coded(table["nearest"].map(spelled_token)),
        "entropy": table["entropy"].round(3).tolist(),
        "leading": _leading(table["leading"]),
        "near": {
            "token": [spelled(token.strip()) for token in near["token"]],
            "x": near["x"].round(4).tolist(),
            "y": near["y"].round(4).tolist(),
        },
    }


def _leading(column: pd.Series) -> dict:
    """The leading next tokens of each cell, from that column of a `territory_map`.

    token: the different ones; of: for each cell the indices of its own in `token`; probability: theirs.
    """
    rows = [json.loads(text) for text in column]  # one per cell: pairs of a token and its probability
    tokens = _coded(pd.Series([spelled_token(token) for row in rows for token, _ in row]))
    return {
        "token": tokens["text"],
        "of": np.reshape(tokens["of"], (len(rows), -1)).tolist(),
        "probability": [[probability for _, probability in row] for row in rows],
    }


def _coded(column: pd.Series) -> dict[str, list]:
    """A column with each different text once: text[of[i]] is that of row i."""
    of, text = pd.factorize(column)
    return {"text": text.tolist(), "of": of.tolist()}


def still(prompt: str, table: pd.DataFrame) -> str:
    """The largest territories as a table, in HTML."""
    groups = table.groupby("territory", sort=False)
    rows = groups.agg(cells=("x", "size"), corner=("corner", "first"), answer=("response", "first"))
    rows = rows.reset_index().sort_values("cells", ascending=False, kind="stable")
    about = f"“{prompt}”: {len(rows)} territories, the largest first; corner: whose own answer it is."
    return quiet(about) + show.table(rows.head(SHOWN)).data
