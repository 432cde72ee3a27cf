"""A slider between two prompts: every blend is answered in advance, so moving it only looks answers up."""

import math
from collections.abc import Iterable
from functools import partial

import ipywidgets as w
import pandas as pd

from nokenlab.answers import blends
from nokenlab.interpolation import INTERPOLATIONS
from nokenlab.lab import Lab
from nokenlab.palette import OKABE_ITO
from nokenlab.panels import face, markup
from nokenlab.panels.panel import Panel, check_prompt
from nokenlab.runs import show

MOST_POINTS = 201  # of a finer sweep every second p is shown, or every third, …
FORK_ROWS = 64  # rows per batch where it is computed at which token the blends part


class LerpSlider(Panel):
    """Slide from one prompt to the other and see what the model says.

    `sweep` is from `blends.blend`, `leading` from `blends.leading_along`, both of these prompts; each may
    have several interpolations, all with the same p. The model runs only when other prompts, or another
    interpolation, are to be blended, over the same p.
    """

    def __init__(
        self,
        lab: Lab,
        prompt_a: str,
        prompt_b: str,
        sweep: pd.DataFrame,
        leading: pd.DataFrame,
        max_new_tokens: int = 20,
    ):
        super().__init__(lab)
        self.prompts, self.max_new_tokens = (prompt_a, prompt_b), max_new_tokens
        points = sorted(sweep["p"].unique().tolist())
        self.p = points[:: math.ceil(len(points) / MOST_POINTS)]
        shown = sweep[sweep["p"].isin(self.p)]
        self.views = {
            name: view(lab, self.prompts, rows, leading[leading["way"] == name])
            for name, rows in shown.groupby("way", sort=False)
        }

    def build(self) -> list[w.Widget]:
        state = self._state(dict.fromkeys([*self.views, *INTERPOLATIONS]))
        self.face = face.live("lerp_slider", **state, prompts=list(self.prompts), progress=[0, 0])
        self.face.on_msg(lambda widget, content, buffers: self._receive(content))
        return [self.face]

    def twin(self) -> str:
        return face.page("lerp_slider", still(self.views), **self._state(self.views))

    def _state(self, names: Iterable[str]) -> dict:
        """The face as it first stands, with a button for each of these interpolations."""
        tips = {name: interpolation.tip for name, interpolation in INTERPOLATIONS.items()}
        buttons = [{"name": name, "tip": tips.get(name, "")} for name in names]
        return {"ways": buttons, "views": self.views, "way": next(iter(self.views)), "index": 0}

    def _receive(self, content: dict) -> None:
        """A message from the page."""
        if "blend" in content:
            self.blend(*content["blend"], content["way"])
        else:
            self.stop()

    def blend(self, prompt_a: str, prompt_b: str, interpolation: str = "lerp") -> None:
        """Answer all blends of two prompts, and show them."""
        self.latest.ask(partial(self._blend, (prompt_a, prompt_b), interpolation))

    def _blend(self, prompts: tuple[str, str], interpolation: str, check) -> None:
        self.say()
        for prompt in prompts:
            check_prompt(self.lab, prompt)
        rows, tokens = len(self.p), self.max_new_tokens
        passes = tokens * (math.ceil(rows / self.lab.rows_at_once) + math.ceil(rows / FORK_ROWS))
        with self.counted(passes, f"answering {rows} blends", check) as lab:
            sweep = blends.blend(lab, *prompts, self.p, interpolation, tokens)
            leading = blends.leading_along(
                lab, *prompts, self.p, interpolation, walk=tokens - 1, batch_size=FORK_ROWS
            )
            new = view(self.lab, prompts, sweep, leading)
            check()
            others = self.views if prompts == self.prompts else {}
            self.prompts, self.views = prompts, others | {interpolation: new}
            self.face.views = self.views
            self.say(f"{rows} blends answered")


def view(lab: Lab, prompts: tuple[str, str], sweep: pd.DataFrame, leading: pd.DataFrame) -> dict:
    """One interpolation for the face: a `View` of `lerp_slider.js`.

    `sweep` has the rows of one interpolation of a `blends.blend` table, `leading` of `blends.leading_along`.
    """
    sweep = sweep.sort_values("p", kind="stable")
    runs, p = blends.plateaus(sweep), sweep["p"].astype(float).tolist()
    return {
        "prompts": list(prompts),
        "before": _blended_prompt(lab, prompts),
        "p": p,
        "plateaus": _plateaus(runs, blends.letters(sweep["response"])),
        "of": runs["plateau"].repeat(runs["count"]).tolist(),
        "leading": _leading(leading, p),
    }


def _plateaus(runs: pd.DataFrame, letters: dict[str, str]) -> list[dict]:
    """Runs of equal answers, with the part of the strip that each fills: flips lie halfway between two p."""
    edges = [runs["p_from"].min(), *blends.flips(runs), runs["p_to"].max()]
    order = list(letters)
    return [
        {
            "letter": letters[run.response],
            "colour": OKABE_ITO[order.index(run.response) % 7],
            "from": float(run.p_from),
            "to": float(run.p_to),
            "left": float(edges[number]),
            "right": float(edges[number + 1]),
            "response": run.response,
        }
        for number, run in enumerate(runs.itertuples())
    ]


def _leading(leading: pd.DataFrame, p: list[float]) -> dict | None:
    """The leading next tokens, the same for all p, and their probabilities at each p that the table has."""
    if leading.empty:
        return None
    probabilities = {value: rows["probability"].tolist() for value, rows in leading.groupby("p")}
    tokens = leading.loc[leading["p"] == leading["p"].iloc[0], "token"]
    return {
        "after": leading["after"].iloc[0],
        "token": [markup.visible(token) for token in tokens],
        "probability": [probabilities.get(value) for value in p],
    }


def _blended_prompt(lab: Lab, prompts: tuple[str, str]) -> str:
    """The text that both prompts share, with ▢ for each token that is blended."""
    pairs = zip(*(lab.tokens(prompt)["token"] for prompt in prompts), strict=True)
    return "".join(a if a == b else "▢" for a, b in pairs)


def still(views: dict[str, dict]) -> str:
    """The plateaus of each interpolation as a table, in HTML; `views` has a `view` for each."""
    parts = []
    for name, shown in views.items():
        a, b = shown["prompts"]
        rows = [
            (run["letter"], f"{run['from']:g} to {run['to']:g}", run["response"]) for run in shown["plateaus"]
        ]
        parts.append(markup.quiet(f"{name}: from “{a}” to “{b}”"))
        parts.append(show.table(pd.DataFrame(rows, columns=["answer", "p", "text"])).data)
    return "".join(parts)
