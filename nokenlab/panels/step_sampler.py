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

TOP = 10  # choices on show
HOW = (
    "Click a token to force it. Beside it the model's probability (full bar), and the chance to be "
    "drawn after temperature, top-k and top-p (hollow bar)."
)


@dataclass(frozen=True)
class Settings:
    """What the next step depends on, besides the steps taken. The dice of step n are seeded by `seed` + n."""

    prompt: str
    temperature: float
    top_k: int
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Taken:
    """A step taken: a token by its id, or a noken by its seed; how, and the model's probability of it."""

    how: str  # likeliest, drawn, forced or noken
    number: int
    probability: float | None = None


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
        self.wishes: deque = deque()  # clicks not yet followed; the newest job follows them all
        self._known: tuple = (None, None)  # a state and its step

    def build(self) -> list[w.Widget]:
        number = w.Layout(width="150px")
        self.prompt = w.Text(
            self.start.prompt,
            description="prompt",
            layout=w.Layout(width="min(100%, 640px)"),
            continuous_update=False,
        )
        self.dice = w.BoundedIntText(self.start.seed, 0, 10**6, description="dice seed", layout=number)
        self.feed = w.BoundedIntText(0, 0, 10**6, description="noken seed", layout=number)
        sliders = self._sliders()
        for control in (self.prompt, *sliders, self.dice):
            control.observe(self._changed, "value")
        buttons = [
            self._button("Likeliest", "step-forward", "take the likeliest token", lambda: ("likeliest",)),
            self._button("Draw", "random", "draw a token by the chances below", lambda: ("drawn",)),
            self._button("Undo", "undo", "take back the last step", lambda: ("undo",)),
            self.dice,
            self._button("Feed noken", "bolt", "feed a random noken", lambda: ("noken", self.feed.value)),
            self.feed,
        ]
        self.text = w.HTML(layout=w.Layout(width="100%"))
        self.picks = [w.Button(layout=w.Layout(width="170px")) for _ in range(TOP)]
        self.bars = [w.HTML(layout=w.Layout(flex="1 1 auto")) for _ in range(TOP)]
        for rank, pick in enumerate(self.picks):
            pick.on_click(partial(self._force, rank))
        self._show(self.start)
        choices = (w.HBox(pair) for pair in zip(self.picks, self.bars, strict=True))
        return [self.prompt, row(*sliders), row(*buttons), self.text, w.HTML(markup.quiet(HOW)), *choices]

    def _sliders(self) -> list[w.Widget]:
        start, third = self.start, w.Layout(width="min(100%, 300px)")
        self.temperature = w.FloatSlider(
            start.temperature, min=0.1, max=3, step=0.1, description="temperature", layout=third
        )
        self.top_k = w.IntSlider(start.top_k, 1, max(100, start.top_k), description="top-k", layout=third)
        self.top_p = w.FloatSlider(start.top_p, min=0.05, max=1, step=0.05, description="top-p", layout=third)
        sliders = [self.temperature, self.top_k, self.top_p]
        for slider in sliders:
            slider.style.description_width = "90px"
        return sliders

    def twin(self) -> str:
        table = steps.choices(self.lab, self._step(self.start), TOP)
        said = markup.quiet("The likeliest next tokens, with the model's probabilities:")
        return self._written(self.start) + said + markup.bars(table["token"], table["probability"])

    def _button(self, name: str, icon: str, tip: str, wish) -> w.Button:
        button = w.Button(description=name, icon=icon, tooltip=tip, layout=w.Layout(width="120px"))
        button.on_click(lambda _: self._ask(wish()))
        return button

    def _force(self, rank: int, _) -> None:
        self._ask(("forced", self.offered[rank]))

    def _changed(self, change) -> None:
        self._ask(*[("restart",)] * (change["owner"] is self.prompt))

    def _ask(self, *wishes: tuple) -> None:
        settings = Settings(
            self.prompt.value,
            round(self.temperature.value, 2),  # the page snaps 0.8 to 0.8000000000000002
            self.top_k.value,
            round(self.top_p.value, 2),
            self.dice.value,
        )
        if wishes or settings != self.settings:
            self.settings = settings
            self.wishes.extend(wishes)
            self.latest.ask(partial(self._follow, settings))

    def _follow(self, settings: Settings, check) -> None:
        try:
            check_prompt(self.lab, settings.prompt)
            while self.wishes:
                check()
                self._take(settings, *self.wishes.popleft())
            self._show(settings)
            self.say(f"{len(self.path)} steps taken")
        except Superseded:
            raise
        except Exception:
            self.wishes.clear()
            raise

    def _take(self, settings: Settings, how: str, number: int | None = None) -> None:
        if how == "restart":
            self.path.clear()
        elif how == "undo":
            del self.path[-1:]
        elif how == "noken":
            self.path.append(Taken(how, number))
        else:
            step = self._step(settings)
            id = {"likeliest": step.scores.argmax().item(), "drawn": step.ids.item(), "forced": number}[how]
            self.path.append(Taken(how, id, step.probabilities[0, id].item()))

    def _step(self, settings: Settings) -> Step:
        """The model's next step after the prompt and the path."""
        state = (settings, tuple(self.path))
        if self._known[0] != state:
            rules = steps.processors(self.lab, settings.temperature, settings.top_k)
            rules.append(TopPLogitsWarper(settings.top_p))
            seed = settings.seed + len(self.path)
            step = next(self.lab.sample(self._embeddings(settings), 1, seeds=[seed], processors=rules))
            self._known = (state, step)
        return self._known[1]

    def _embeddings(self, settings: Settings) -> Tensor:
        """Everything fed so far, (1, tokens, width)."""
        prompt = self.lab.embed(settings.prompt)
        if self.noken is not None:
            prompt = replace(prompt, self.position, self.noken)
        return torch.cat([prompt, *map(self._fed, self.path)], dim=1)

    def _fed(self, taken: Taken) -> Tensor:
        """What a step put into the model, (1, 1, width)."""
        if taken.how == "noken":
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
        before = settings.prompt
        if self.noken is not None:
            tokens = self.lab.tokens(before)["token"].tolist()
            tokens[self.position] = "▢"
            before = "".join(tokens)
        written = [
            "▢" * len(list(run)) if noken else self.lab.text([t.number for t in run])
            for noken, run in groupby(self.path, key=lambda t: t.how == "noken")
        ]
        chips = [self._chip(t) for t in self.path]
        return markup.answer("".join(written), before, going=True) + markup.block("".join(chips))

    def _chip(self, taken: Taken) -> str:
        if taken.how == "noken":
            return markup.chip("▢", f"noken {taken.number}")
        return markup.chip(self.lab.token(taken.number), f"{taken.how} {taken.probability:.2g}")
