"""A slider between two prompts: every blend is answered in advance, so moving it only looks answers up."""

import math
from functools import partial

import pandas as pd

from nokenlab.answers import blends
from nokenlab.interpolation import INTERPOLATIONS
from nokenlab.lab import Lab
from nokenlab.panels.face import quiet
from nokenlab.panels.panel import Panel, check_prompt, spelled_tokens, with_sign
from nokenlab.runs import show
from nokenlab.spelling import spelled_token

POINTS = 21  # where no answers are given
MOST_POINTS = 201  # of a finer sweep every second p is shown, or every third, …
FORK_ROWS = 64  # rows per batch where it is computed at which token the blends part


class LerpSlider(Panel):
    """Slide from one prompt to the other and see what the model says.

    `sweep` is from `blends.blend`, `leading` from `blends.leading_along`, both of these prompts; each may
    have several interpolations, all with the same p. Without them `POINTS` blends are answered. The model
    runs only then, and when other prompts, or another interpolation, are to be blended, over the same p.
    """

    name = "lerp_slider"
    shared = ("index", "way")

    def __init__(
        self,
        lab: Lab,
        prompt_a: str,
        prompt_b: str,
        sweep: pd.DataFrame | None = None,
        leading: pd.DataFrame | None = None,
        max_new_tokens: int = 20,
    ):
        super().__init__(lab)
        if sweep is None:
            ends, p = (prompt_a, prompt_b), blends.grid(POINTS)
            sweep = blends.blend(lab, *ends, p, max_new_tokens=max_new_tokens)
            leading = blends.leading_along(lab, *ends, p, walk=max_new_tokens - 1)
        self.prompts, self.max_new_tokens = (prompt_a, prompt_b), max_new_tokens
        points = sorted(sweep["p"].unique().tolist())
        self.p = points[:: math.ceil(len(points) / MOST_POINTS)]
        shown = sweep[sweep["p"].isin(self.p)]
        self.views = {
            name: view(lab, self.prompts, rows, leading[leading["way"] == name])
            for name, rows in shown.groupby("way", sort=False)
        }

    def state(self) -> dict:
        tips = {name: interpolation.tip for name, interpolation in INTERPOLATIONS.items()}
        return {
            "ways": [
                {"name": name, "tip": tips.get(name, "")} for name in dict.fromkeys([*self.views, *tips])
            ],
            "views": self.views,
            "way": next(iter(self.views)),
            "index": 0,
            "prompts": list(self.prompts),
            "unequal": [],
        }

    def receive(self, content: dict) -> None:
        if "blend" in content:
            self.blend(*content["blend"], content["way"], content["pad"])
        else:
            self.stop()

    def blend(self, prompt_a: str, prompt_b: str, interpolation: str = "lerp", pad: str = "") -> None:
        """Answer all blends of two prompts, and show them.

        pad: what the shorter prompt ends in, "centroid", or "last" for its last token again; "": nothing.
        """
        self.latest.ask(partial(self._blend, (prompt_a, prompt_b), interpolation, pad), "blend")

    def _blend(self, prompts: tuple[str, str], interpolation: str, pad: str, check) -> None:
        self.say()
        for prompt in prompts:
            check_prompt(self.lab, prompt)
        lab, prompts = padded(self.lab, prompts, pad)
        tokens = [spelled_tokens(lab, prompt) for prompt in prompts]
        self.update(unequal=tokens if len(tokens[0]) != len(tokens[1]) else [])
        rows, most = len(self.p), self.max_new_tokens
        passes = most * (math.ceil(rows / lab.rows_at_once) + math.ceil(rows / FORK_ROWS))
        with self.counted(passes, f"answering {rows} blends", check, lab) as lab:
            sweep = blends.blend(lab, *prompts, self.p, interpolation, most)
            leading = blends.leading_along(
                lab, *prompts, self.p, interpolation, walk=most - 1, batch_size=FORK_ROWS
            )
        new = view(lab, prompts, sweep, leading)
        check()
        others = self.views if prompts == self.prompts else {}
        self.prompts, self.views = prompts, others | {interpolation: new}
        self.update(views=self.views)
        self.say(f"{rows} blends answered")

    def still(self) -> str:
        return still(self.views)


def padded(lab: Lab, prompts: tuple[str, str], pad: str) -> tuple[Lab, tuple[str, str]]:
    """The prompts with as many tokens each, <pad> at the end of the shorter, and a lab that knows this word.

    pad: as for `LerpSlider.blend`.
    """
    counts = [len(lab.ids(prompt)) for prompt in prompts]
    if not pad or counts[0] == counts[1]:
        return lab, prompts
    shorter = min(prompts, key=lambda prompt: len(lab.ids(prompt)))
    vector = lab.space.centroid if pad == "centroid" else lab.embed(shorter)[0, -1]
    longer = shorter + "<pad>" * abs(counts[0] - counts[1])
    return lab.with_nokens(pad=vector), tuple(longer if text == shorter else text for text in prompts)


def view(lab: Lab, prompts: tuple[str, str], sweep: pd.DataFrame, leading: pd.DataFrame) -> dict:
    """One interpolation for the face: a `View` of `lerp_slider.js`.

    `sweep` has the rows of one interpolation of a `blends.blend` table, `leading` of `blends.leading_along`.
    """
    sweep = sweep.sort_values("p", kind="stable")
    p = sweep["p"].astype(float).tolist()
    a, b = (lab.tokens(prompt)["token"].tolist() for prompt in prompts)
    return {
        "prompts": list(prompts),
        "before": with_sign(a, [i for i in range(len(a)) if a[i] != b[i]]),
        "p": p,
        "response": sweep["response"].tolist(),
        "leading": _leading(leading, p),
    }


def _leading(leading: pd.DataFrame, p: list[float]) -> dict | None:
    """The leading next tokens, the same for all p, and their probabilities at each p that the table has."""
    if leading.empty:
        return None
    probabilities = {value: rows["probability"].tolist() for value, rows in leading.groupby("p")}
    tokens = leading.loc[leading["p"] == leading["p"].iloc[0], "token"]
    return {
        "after": leading["after"].iloc[0],
        "token": [spelled_token(token) for token in tokens],
        "probability": [probabilities.get(value) for value in p],
    }


def still(views: dict[str, dict]) -> str:
    """The plateaus of each interpolation as a table, in HTML; `views` has a `view` for each."""
    parts = []
    for name, shown in views.items():
        a, b = shown["prompts"]
        runs = blends.plateaus(pd.DataFrame({"way": name, "p": shown["p"], "response": shown["response"]}))
        letters = blends.letters(runs["response"])
        rows = {
            "answer": runs["response"].map(letters),
            "p": [f"{start:g} to {end:g}" for start, end in zip(runs["p_from"], runs["p_to"], strict=True)],
            "text": runs["response"],
        }
        parts += [quiet(f"{name}: from “{a}” to “{b}”"), show.table(pd.DataFrame(rows)).data]
    return "".join(parts)
