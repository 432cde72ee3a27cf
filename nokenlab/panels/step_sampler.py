"""The decode loop by hand: take the next token, force another one, feed a noken, or go back."""

from collections import deque
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import ipywidgets as w
import torch
from torch import Tensor
from transformers import TopPLogitsWarper

from nokenlab.answers import steps
from nokenlab.decode.loop import Step
from nokenlab.lab import Lab
from nokenlab.nokens import random_nokens, replace
from nokenlab.panels import markup
from nokenlab.panels.latest import Superseded
from nokenlab.panels.panel import Panel, check_prompt, row

TOP = 10  # choices that are shown
LARGEST = 10**6  # seed that can be chosen
HELP = (
    "Click a token to force it. Beside it: the model's probability (full bar), and the chance of being "
    "drawn after temperature, top-k and top-p (hollow bar)."
)


@dataclass(frozen=True)
class Settings:
    """What the next step depends on, besides the steps taken. Step n draws with the seed `seed` + n."""

    prompt: str
    temperature: float
    top_k: int
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Taken:
    """A step taken: likeliest, drawn or forced (`number` is the token's id), or noken (its seed)."""

    kind: str
    number: int
    probability: float | None = None  # the model's, of a token


class StepSampler(Panel):
    """Write a text step by step, and see at every step what the model chooses from.

    With `noken` (width,) it stands at `position` of the prompt.
    """

    def __init__(
        self,
        lab: Lab,
        prompt: str,
        position: int = 0,
        noken: Tensor | None = None,
        temperature: float = 0.8,
        top_k: int = 40,
    ):
        super().__init__(lab)
        self.start = self.settings = Settings(prompt, temperature, top_k)
        self.position, self.noken = position, noken
        self.path: list[Taken] = []
        self.actions: deque[tuple] = deque()  # clicks that no job has done yet; the newest job does them all
        self._cached: tuple = (None, None)  # settings and path, and the model's step after them

    def build(self) -> list[w.Widget]:
        start, wide, number = self.start, w.Layout(width="min(100%, 640px)"), w.Layout(width="150px")
        self.prompt = w.Text(start.prompt, description="prompt", layout=wide, continuous_update=False)
        self.seed = w.BoundedIntText(start.seed, 0, LARGEST, description="draw seed", layout=number)
        self.noken_seed = w.BoundedIntText(0, 0, LARGEST, description="noken seed", layout=number)
        sliders = self._sliders()
        for control in (self.prompt, *sliders, self.seed):
            control.observe(self._changed, "value")
        buttons = [
            self._button("Likeliest", "step-forward", "take the likeliest token", lambda: ("likeliest",)),
            self._button("Draw", "random", "draw a token by the chances below", lambda: ("drawn",)),
            self._button("Undo", "undo", "take back the last step", lambda: ("undo",)),
            self.seed,
            self._button(
                "Feed noken", "bolt", "feed a random noken", lambda: ("noken", self.noken_seed.value)
            ),
            self.noken_seed,
        ]
        self.text = w.HTML(layout=w.Layout(width="100%"))
        self.picks = [w.Button(layout=w.Layout(width="170px")) for _ in range(TOP)]
        self.bars = [w.HTML(layout=w.Layout(flex="1 1 auto")) for _ in range(TOP)]
        for rank, pick in enumerate(self.picks):
            pick.on_click(partial(self._force, rank))
        self._show(start)
        choices = [w.HBox(pair) for pair in zip(self.picks, self.bars, strict=True)]
        return [self.prompt, row(*sliders), row(*buttons), self.text, w.HTML(markup.quiet(HELP)), *choices]

    def _sliders(self) -> list[w.Widget]:
        start, layout = self.start, w.Layout(width="min(100%, 300px)")
        self.temperature = w.FloatSlider(
            start.temperature, min=0.1, max=3, step=0.1, description="temperature", layout=layout
        )
        self.top_k = w.IntSlider(start.top_k, 1, max(100, start.top_k), description="top-k", layout=layout)
        self.top_p = w.FloatSlider(
            start.top_p, min=0.05, max=1, step=0.05, description="top-p", layout=layout
        )
        sliders = [self.temperature, self.top_k, self.top_p]
        for slider in sliders:
            slider.style.description_width = "90px"
        return sliders

    def _button(self, name: str, icon: str, tip: str, action) -> w.Button:
        button = w.Button(description=name, icon=icon, tooltip=tip, layout=w.Layout(width="120px"))
        button.on_click(lambda _: self._ask(action()))
        return button

    def twin(self) -> str:
        table = steps.choices(self.lab, self._step(self.start), TOP)
        about = markup.quiet("The likeliest next tokens, with the model's probabilities:")
        return self._written(self.start) + about + markup.bars(table["token"], table["probability"])

    def _force(self, rank: int, _) -> None:
        self._ask(("forced", self.offered[rank]))

    def _changed(self, change) -> None:
        if change["owner"] is self.prompt:
            self._ask(("restart",))
        else:
            self._ask()

    def _ask(self, *actions: tuple) -> None:
        settings = Settings(
            self.prompt.value,
            round(self.temperature.value, 2),  # the page rounds 0.8 to 0.8000000000000002
            self.top_k.value,
            round(self.top_p.value, 2),
            self.seed.value,
        )
        if actions or settings != self.settings:
            self.settings = settings
            self.actions.extend(actions)
            self.latest.ask(partial(self._follow, settings))

    def _follow(self, settings: Settings, check) -> None:
        """Do all actions that wait, and show what comes next."""
        try:
            check_prompt(self.lab, settings.prompt)
            while self.actions:
                check()
                self._take(settings, *self.actions.popleft())
            self._show(settings)
            self.say(f"{len(self.path)} steps taken")
        except Superseded:
            raise
        except Exception:
            self.actions.clear()
            raise

    def _take(self, settings: Settings, kind: str, number: int | None = None) -> None:
        if kind == "restart":
            self.path.clear()
        elif kind == "undo":
            del self.path[-1:]
        elif kind == "noken":
            self.path.append(Taken(kind, number))
        else:
            step = self._step(settings)
            ids = {"likeliest": step.scores.argmax().item(), "drawn": step.ids.item(), "forced": number}
            id = ids[kind]
            self.path.append(Taken(kind, id, step.probabilities[0, id].item()))

    def _step(self, settings: Settings) -> Step:
        """The model's next step after the prompt and the path."""
        state = (settings, tuple(self.path))
        if self._cached[0] != state:
            processors = steps.processors(self.lab, settings.temperature, settings.top_k)
            processors.append(TopPLogitsWarper(settings.top_p))
            seeds = [settings.seed + len(self.path)]
            step = next(self.lab.sample(self._embeddings(settings), 1, seeds=seeds, processors=processors))
            self._cached = (state, step)
        return self._cached[1]

    def _embeddings(self, settings: Settings) -> Tensor:
        """Everything fed so far, (1, tokens, width)."""
        prompt = self.lab.embed(settings.prompt)
        if self.noken is not None:
            prompt = replace(prompt, self.position, self.noken)
        return torch.cat([prompt, *map(self._fed, self.path)], dim=1)

    def _fed(self, taken: Taken) -> Tensor:
        """What a step put into the model, (1, 1, width)."""
        if taken.kind == "noken":
            noken = random_nokens(self.lab.width, taken.number, norm=self.lab.space.median_norm)
            return noken[None].to(self.lab.device, self.lab.dtype)
        return self.lab.embed_ids(torch.tensor([[taken.number]]))

    def _show(self, settings: Settings) -> None:
        table = steps.choices(self.lab, self._step(settings), TOP)
        self.text.value = self._written(settings)
        self.offered = table["id"].tolist()
        for choice, pick, bar in zip(table.itertuples(), self.picks, self.bars, strict=True):
            pick.description = markup.visible(choice.token)
            pick.tooltip = f"force {choice.token!r}"
            bar.value = markup.chance(choice.probability, choice.chance)

    def _written(self, settings: Settings) -> str:
        """The text so far, ▢ for each noken, with a chip below for each step."""
        before = settings.prompt
        if self.noken is not None:
            tokens = self.lab.tokens(before)["token"].tolist()
            tokens[self.position] = "▢"
            before = "".join(tokens)
        text = ""
        for is_noken, group in groupby(self.path, key=lambda taken: taken.kind == "noken"):
            numbers = [taken.number for taken in group]
            text += "▢" * len(numbers) if is_noken else self.lab.text(numbers)
        chips = "".join(self._chip(taken) for taken in self.path)
        return markup.answer(text, before, running=True) + markup.block(chips)

    def _chip(self, taken: Taken) -> str:
        if taken.kind == "noken":
            return markup.chip("▢", f"noken {taken.number}")
        return markup.chip(self.lab.token(taken.number), f"{taken.kind} {taken.probability:.2g}")
