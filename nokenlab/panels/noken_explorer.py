"""One token of a prompt replaced by a noken that is chosen with sliders, and what the model makes of it."""

import base64
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import ipywidgets as w
import pandas as pd
from torch import Tensor

from nokenlab.answers.substitutes import substitutes
from nokenlab.errors import check_seeds
from nokenlab.lab import Lab
from nokenlab.nokens import replace, shell
from nokenlab.panels import face, markup
from nokenlab.panels import noken_explorer_grid as explorer
from nokenlab.panels.noken_explorer_grid import is_named
from nokenlab.panels.panel import Panel, check_prompt, watched
from nokenlab.runs import show

KINDS = {
    "random, as the article has it": "article",
    "random, at token norm × size": "token norm",
    "random, at a token's distance from the centroid × size": "centroid",
    "a random real token": "real token",
    "what stands there × size": "true token",
}
SIZED = ("token norm", "centroid", "true token")


@dataclass(frozen=True)
class Choice:
    """What stands at `position` of a prompt. scale as in `random_nokens.SCALES`, or "centroid"."""

    prompt: str
    position: int
    seed: int
    scale: str
    size: float = 1.0  # in token norms, or in a token's distance from the centroid


def vector(lab: Lab, choice: Choice) -> Tensor:
    """The chosen noken, (width,). Raises ValueError as `random_nokens.substitutes` does."""
    if choice.scale == "centroid":
        typical = lab.space.median_distance
        return shell(lab.space.centroid, [choice.seed], choice.size * typical)[0]
    found = substitutes(lab, choice.prompt, choice.position, [choice.seed])[choice.scale][0]
    return found * choice.size if choice.scale in SIZED else found


class NokenExplorer(Panel):
    """Move through nokens; the model's text follows token by token, a newer move ending the older's run.

    Where a noken with a name (`lab.with_nokens`) stands at `position`, it is the first to be seen. Without a
    kernel there is a grid of seeds and sizes, answered when the panel is first shown. Raises ValueError for a
    seed that is none.
    """

    def __init__(self, lab: Lab, prompt: str, position: int = 0, seed: int = 0, max_new_tokens: int = 20):
        super().__init__(lab)
        check_seeds([seed])
        position %= len(lab.ids(prompt))  # which may count from the end
        scale = "true token" if is_named(lab, prompt, position) else "token norm"
        self.start, self.max_new_tokens = Choice(prompt, position, seed, scale), max_new_tokens
        self.kept: list[dict] = []
        self.whole: dict | None = None  # the row of the text on show, once it is whole

    @cached_property
    def first(self) -> dict:
        """The row of the panel as it first stands."""
        return self._row(self.start, vector(self.lab, self.start), lambda step: None)

    def build(self) -> list[w.Widget]:
        start = self.choice = self.start
        self.whole = self.first
        controls = self._controls(start)
        halt = w.Button(description="Stop", icon="stop", tooltip="end the text that is being written")
        keep = w.Button(description="Keep", icon="bookmark", tooltip="put this noken and its text in a table")
        halt.on_click(self.stop)
        keep.on_click(self._keep)
        self.text, self.near, self.table = w.HTML(), w.HTML(), w.HTML()
        self.text.layout = w.Layout(flex="1 1 360px", margin="0 16px 0 0")
        self.text.value = self._written(start, self.first["response"])
        self._show_near(vector(self.lab, start))
        both = w.HBox([self.text, self.near], layout=w.Layout(flex_flow="row wrap", align_items="flex-start"))
        return [*controls, w.HBox([halt, keep]), both, self.table]

    def _controls(self, start: Choice) -> list[w.Widget]:
        """What the noken is chosen with."""
        wide = w.Layout(width="min(100%, 640px)")
        self.prompt = w.Text(start.prompt, description="prompt", layout=wide, continuous_update=False)
        self.position = w.ToggleButtons(options=self._tokens(start.prompt))
        self.position.value, self.position.style.button_width = start.position, "auto"
        self.scale = w.Dropdown(options=KINDS, value=start.scale, description="by", layout=wide)
        self.seed = w.IntSlider(start.seed, 0, max(999, start.seed), description="seed", layout=wide)
        self.size = w.FloatSlider(
            start.size, min=0.1, max=10, step=0.1, readout_format=".1f", description="size ×", layout=wide
        )
        self.prompt.observe(lambda new: self.latest.ask(partial(self._new_prompt, new["new"])), "value")
        for control in (self.position, self.scale, self.seed, self.size):
            control.observe(self._moved, "value")
        which = w.HTML(markup.quiet("Click the token to replace:"))
        return [self.prompt, which, self.position, self.scale, self.seed, self.size]

    @cached_property
    def grid(self) -> dict:
        """What the panel has to show without a kernel."""
        start = self.start
        return explorer.grid(self.lab, start.prompt, start.position, start.seed, self.max_new_tokens)

    def twin(self) -> str:
        return face.page("noken_explorer", explorer.still(self.grid), grid=self.grid)

    def _moved(self, _=None) -> None:
        self.size.disabled = self.scale.value not in SIZED
        values = (control.value for control in (self.prompt, self.position, self.seed, self.scale))
        choice = Choice(*values, round(self.size.value, 2))  # the page snaps 1 to 1.0000000000000002
        if choice != self.choice or self.whole is None:
            self.choice, self.whole = choice, None
            self.latest.ask(partial(self._run, choice))

    def _new_prompt(self, prompt: str, check) -> None:
        check_prompt(self.lab, prompt)
        self.say()
        self.position.options = self._tokens(prompt)
        self._moved()

    def _tokens(self, prompt: str) -> list[tuple[str, int]]:
        return [(markup.visible(token), i) for i, token in enumerate(self.lab.tokens(prompt)["token"])]

    def _run(self, choice: Choice, check) -> None:
        self.say(f"writing at most {self.max_new_tokens} tokens …")
        noken, ids = vector(self.lab, choice), []

        def at_token(step) -> None:
            check()
            ids.extend(set(step.ids.tolist()) - set(self.lab.eos_ids))
            self.text.value = self._written(choice, self.lab.text(ids), going=True)
            if step.index == 0:  # the eye is on the text
                self._show_near(noken)

        row = self._row(choice, noken, at_token)
        self.text.value, self.whole = self._written(choice, row["response"]), row
        self.say("the text is whole")

    def _row(self, choice: Choice, noken: Tensor, at_token) -> dict:
        prompt = replace(self.lab.embed(choice.prompt), choice.position, noken)
        (response,) = watched(self.lab, at_token).generate(prompt, self.max_new_tokens)
        near = self.lab.space.nearest(noken, k=1).iloc[0]
        found = {"norm": noken.norm().item(), "nearest": near["token"], "cosine": float(near["cosine"])}
        return {"model": self.lab.name, **asdict(choice), **found, "response": response}

    def _show_near(self, noken: Tensor) -> None:
        near = self.lab.space.nearest(noken, k=8)[["token", "cosine", "distance"]]
        away = (noken - self.lab.space.centroid.cpu()).norm().item()
        told = f"norm {noken.norm().item():.3g} · distance from the centroid {away:.3g} · nearest tokens:"
        self.near.value = markup.quiet(told) + markup.block(show.table(near).data)

    def _written(self, choice: Choice, text: str, going: bool = False) -> str:
        tokens = self.lab.tokens(choice.prompt)["token"].tolist()
        before = "".join(tokens[: choice.position]), "".join(tokens[choice.position + 1 :])
        return markup.answer(text, before="▢".join(before), going=going)

    def _keep(self, _) -> None:
        if self.whole is None:
            self.fail("the text is not whole yet; keep it when it is")
            return
        self.kept.append(self.whole)
        table = pd.DataFrame(self.kept)
        data = base64.b64encode(table.to_csv(index=False).encode()).decode()
        link = (
            f'<a download="kept-nokens.csv" href="data:text/csv;base64,{data}">Save {len(table)} as CSV</a>'
        )
        self.table.value = markup.block(show.table(table.drop(columns=["model", "cosine"])).data + link)
        self.say(f"{len(table)} kept")
