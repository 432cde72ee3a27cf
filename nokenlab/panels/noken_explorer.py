"""One token of a prompt replaced by a noken chosen with sliders, and what the model says then."""

import base64
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import ipywidgets as w
import pandas as pd
import torch
from torch import Tensor

from nokenlab.answers.substitutes import substitutes_for
from nokenlab.errors import LARGEST_SEED, check_seeds
from nokenlab.lab import Lab
from nokenlab.nokens import replace, shell
from nokenlab.panels import face, markup
from nokenlab.panels.panel import Panel, check_prompt, watched, with_ids
from nokenlab.runs import show

KINDS = {
    "random, as the article has it": "article",
    "random, at token norm × size": "token norm",
    "random, at a token's distance from the centroid × size": "centroid",
    "a random real token": "real token",
    "the token that stands there × size": "true token",
}
SIZED = ("token norm", "centroid", "true token")
WIDE = "min(100%, 640px)"
SEEDS = 6  # of the grid without a kernel, from the panel's seed on
SIZES = (0.25, 0.5, 1.0, 2.0, 5.0)  # of that grid, in token norms


@dataclass(frozen=True)
class Choice:
    """What stands at `position` of a prompt. scale: as in `substitutes.SCALES`, or "centroid"."""

    prompt: str
    position: int
    seed: int
    scale: str
    size: float = 1.0  # in token norms, or in a median token's distance from the centroid


def vector(lab: Lab, choice: Choice) -> Tensor:
    """The chosen noken, (width,). Raises ValueError as `substitutes_for` does."""
    if choice.scale == "centroid":
        return shell(lab.space.centroid, [choice.seed], choice.size * lab.space.median_distance)[0]
    noken = substitutes_for(lab, choice.prompt, choice.position, [choice.seed])[choice.scale][0]
    return noken * choice.size if choice.scale in SIZED else noken


class NokenExplorer(Panel):
    """Move through nokens; the model's text follows token by token, and a newer move cancels the older run.

    Where a named noken (`lab.with_nokens`) stands at `position`, it is shown first. Without a kernel the
    panel has a grid of seeds and sizes, answered when first shown. Raises ValueError for an invalid seed.
    """

    def __init__(self, lab: Lab, prompt: str, position: int = 0, seed: int = 0, max_new_tokens: int = 20):
        super().__init__(lab)
        check_seeds([seed])
        position %= len(lab.ids(prompt))  # a negative position counts from the end
        scale = "true token" if is_named(lab, prompt, position) else "token norm"
        self.start, self.max_new_tokens = Choice(prompt, position, seed, scale), max_new_tokens
        self.saved: list[dict] = []
        self.complete: dict | None = None  # the row of the text that is shown, once it is complete

    @cached_property
    def first(self) -> dict:
        """The row of the panel as it first stands."""
        noken = vector(self.lab, self.start)
        return self._row(
            self.start, noken, self.lab.generate(self._filled(self.start, noken), self.max_new_tokens)[0]
        )

    @cached_property
    def grid(self) -> dict:
        """What the panel shows without a kernel."""
        start = self.start
        return answer_grid(self.lab, start.prompt, start.position, start.seed, self.max_new_tokens)

    def twin(self) -> str:
        return face.page("noken_explorer", still(self.grid), grid=self.grid)

    def build(self) -> list[w.Widget]:
        self.choice, self.complete = self.start, self.first
        controls = self._controls(self.start)
        stop = w.Button(description="Stop", icon="stop", tooltip="end the text that is being written")
        keep = w.Button(description="Keep", icon="bookmark", tooltip="put this noken and its text in a table")
        stop.on_click(self.stop)
        keep.on_click(self._keep)
        self.text, self.nearest, self.table = w.HTML(), w.HTML(), w.HTML()
        self.text.layout = w.Layout(flex="1 1 360px", margin="0 16px 0 0")
        self.text.value = self._written(self.start, self.first["response"])
        self._show_nearest(vector(self.lab, self.start))
        answer = w.HBox(
            [self.text, self.nearest], layout=w.Layout(flex_flow="row wrap", align_items="flex-start")
        )
        return [*controls, w.HBox([stop, keep]), answer, self.table]

    def _controls(self, start: Choice) -> list[w.Widget]:
        """What the noken is chosen with."""
        wide = w.Layout(width=WIDE)
        self.prompt = w.Text(start.prompt, description="prompt", layout=wide, continuous_update=False)
        self.position = w.ToggleButtons(options=self._tokens(start.prompt))
        self.position.value, self.position.style.button_width = start.position, "auto"
        self.scale = w.Dropdown(options=KINDS, value=start.scale, description="by", layout=wide)
        self.seed = w.IntSlider(start.seed, 0, max(999, start.seed), description="seed", layout=wide)
        self.size = w.FloatSlider(
            start.size, min=0.1, max=10, step=0.1, readout_format=".1f", description="size ×", layout=wide
        )
        self.prompt.observe(lambda change: self.latest.ask(partial(self._new_prompt, change["new"])), "value")
        for control in (self.position, self.scale, self.seed, self.size):
            control.observe(self._moved, "value")
        hint = w.HTML(markup.quiet("Click the token to replace:"))
        return [self.prompt, hint, self.position, self.scale, self.seed, self.size]

    def _tokens(self, prompt: str) -> list[tuple[str, int]]:
        return [(markup.visible(token), i) for i, token in enumerate(self.lab.tokens(prompt)["token"])]

    def _new_prompt(self, prompt: str, check) -> None:
        check_prompt(self.lab, prompt)
        self.say()
        self.position.options = self._tokens(prompt)
        self._moved()

    def _moved(self, _=None) -> None:
        self.size.disabled = self.scale.value not in SIZED
        size = round(self.size.value, 2)  # the page rounds 1 to 1.0000000000000002
        choice = Choice(self.prompt.value, self.position.value, self.seed.value, self.scale.value, size)
        if choice != self.choice or self.complete is None:
            self.choice, self.complete = choice, None
            self.latest.ask(partial(self._run, choice))

    def _run(self, choice: Choice, check) -> None:
        self.say(f"writing at most {self.max_new_tokens} tokens …")
        noken = vector(self.lab, choice)
        steps = watched(self.lab, check).sample(self._filled(choice, noken), self.max_new_tokens)
        for step, ids in with_ids(self.lab, steps):
            self.text.value = self._written(choice, self.lab.text(ids), running=True)
            if step.index == 0:  # after the first token: the reader waits for the text
                self._show_nearest(noken)
        row = self._row(choice, noken, self.lab.text(ids))
        check()
        self.text.value, self.complete = self._written(choice, row["response"]), row
        self.say("the text is complete")

    def _filled(self, choice: Choice, noken: Tensor) -> Tensor:
        return replace(self.lab.embed(choice.prompt), choice.position, noken)

    def _row(self, choice: Choice, noken: Tensor, response: str) -> dict:
        nearest = self.lab.space.nearest(noken, k=1).iloc[0]
        numbers = {
            "norm": noken.norm().item(),
            "nearest": nearest["token"],
            "cosine": float(nearest["cosine"]),
        }
        return {"model": self.lab.name, **asdict(choice), **numbers, "response": response}

    def _show_nearest(self, noken: Tensor) -> None:
        nearest = self.lab.space.nearest(noken, k=8)[["token", "cosine", "distance"]]
        distance = (noken - self.lab.space.centroid.cpu()).norm().item()
        about = (
            f"norm {noken.norm().item():.3g} · distance from the centroid {distance:.3g} · nearest tokens:"
        )
        self.nearest.value = markup.quiet(about) + markup.block(show.table(nearest).data)

    def _written(self, choice: Choice, text: str, running: bool = False) -> str:
        tokens = self.lab.tokens(choice.prompt)["token"].tolist()
        tokens[choice.position] = "▢"
        return markup.answer(text, "".join(tokens), running)

    def _keep(self, _) -> None:
        if self.complete is None:
            self.fail("the text is not complete yet; press Keep when it is")
            return
        self.saved.append(self.complete)
        table = pd.DataFrame(self.saved)
        csv = base64.b64encode(table.to_csv(index=False).encode()).decode()
        link = f'<a download="kept-nokens.csv" href="data:text/csv;base64,{csv}">Save {len(table)} as CSV</a>'
        self.table.value = markup.block(show.table(table.drop(columns=["model", "cosine"])).data + link)
        self.say(f"{len(table)} kept")


# --- without a kernel: a grid of seeds and sizes, answered in one batch


def is_named(lab: Lab, prompt: str, position: int) -> bool:
    """Whether the token at `position` is a named noken (`lab.with_nokens`)."""
    return lab.tokens(prompt)["token"][position] in {f"<{name}>" for name in lab.nokens}


def answer_grid(lab: Lab, prompt: str, position: int, seed: int, max_new_tokens: int) -> dict:
    """The answers to `SEEDS` nokens at `SIZES`: a `Grid` of `noken_explorer.js`.

    Where a named noken stands at `position`, its row is the first. Raises ValueError as
    `substitutes_for` does.
    """
    first = min(seed, LARGEST_SEED + 1 - SEEDS)
    seeds = list(range(first, first + SEEDS))
    tokens = lab.tokens(prompt)["token"].tolist()
    vectors = substitutes_for(lab, prompt, position, seeds)
    names, bases = [f"seed {seed}" for seed in seeds], vectors["token norm"]  # (rows, width)
    if is_named(lab, prompt, position):
        names, bases = [tokens[position], *names], torch.cat([vectors["true token"], bases])
    nokens = (bases[:, None] * torch.tensor(SIZES)[:, None]).flatten(0, 1)  # (rows × sizes, width)
    responses = lab.generate(replace(lab.embed(prompt), position, nokens), max_new_tokens)
    nearest = lab.space.nearest(bases, k=1)  # size does not change the direction
    return {
        "before": "".join(tokens[:position]),
        "after": "".join(tokens[position + 1 :]),
        "position": position,
        "names": names,
        "sizes": list(SIZES),
        "norms": nokens.norm(dim=-1).view(-1, len(SIZES)).tolist(),
        "nearest": [markup.visible(token) for token in nearest["token"]],
        "cosine": nearest["cosine"].astype(float).round(3).tolist(),
        "response": [responses[i : i + len(SIZES)] for i in range(0, len(responses), len(SIZES))],
    }


def still(grid: dict) -> str:
    """The grid as a table, in HTML."""
    columns = ["noken", *(f"{size:g} × its norm" for size in grid["sizes"])]
    rows = [[name, *texts] for name, texts in zip(grid["names"], grid["response"], strict=True)]
    about = f"“{grid['before']}▢{grid['after']}”, a noken at ▢:"
    return markup.quiet(about) + show.table(pd.DataFrame(rows, columns=columns)).data
