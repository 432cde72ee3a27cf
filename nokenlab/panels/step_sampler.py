"""The decode loop by hand: take the next token, force another one, feed a noken, or go back."""

from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby

import torch
from torch import Tensor
from transformers import TopPLogitsWarper

from nokenlab import nokens
from nokenlab.answers import steps
from nokenlab.decode.loop import Step
from nokenlab.lab import Lab
from nokenlab.panels.face import quiet
from nokenlab.panels.panel import Panel, check_prompt, follow, with_sign
from nokenlab.runs import show
from nokenlab.spelling import spelled_token

TOP = 10  # choices that are shown


@dataclass(frozen=True)
class Settings:
    """How tokens are drawn. Draw n, taken back or not, has the seed `seed` + n."""

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


@dataclass(frozen=True)
class Text:
    """A prompt, the position at which a noken stands, and the steps taken after it."""

    prompt: str
    position: int
    path: tuple[Taken, ...] = ()


class StepSampler(Panel):
    """Write a text step by step, and see at every step what the model chooses from.

    With `noken` (width,) it stands at `position` of the prompt.
    """

    name = "step_sampler"

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
        self.settings, self.noken = Settings(temperature, top_k), noken
        self.text = Text(prompt, position)
        self.past: list[Text] = []  # what Undo goes back to, the last one first
        self.draws = 0
        self._cached: tuple = (None, None)  # what a step depends on, and the model's step

    def state(self) -> dict:
        return {"settings": asdict(self.settings), "shown": self.shown()}

    def shown(self) -> dict:
        """The text and what its next token is chosen from: for the face."""
        table = steps.choices(self.lab, self._step(), TOP).assign(
            token=lambda rows: rows["token"].map(spelled_token)
        )
        return {
            "prompt": self.text.prompt,
            "before": self._before(),
            "text": self._written(),
            "path": [self._about(taken) for taken in self.text.path],
            "choices": table[["token", "probability", "chance", "id"]].to_numpy(object).tolist(),
            "past": len(self.past),
        }

    def still(self) -> str:
        table = steps.choices(self.lab, self._step(), TOP)[["token", "probability"]]
        return quiet(f"The likeliest next tokens after “{self._before()}”:") + show.table(table).data

    def receive(self, content: dict) -> None:
        ((name, value),) = content.items()
        actions = {"prompt": self._begin, "take": self._take, "back": self._back, "undo": self._undo}
        if name in actions:
            self.latest.ask(partial(self._act, actions[name], value))
        else:
            self._set(value)
        self.latest.ask(lambda check: self.update(shown=self.shown()), "show")

    def _set(self, changes: dict) -> None:
        self.settings = replace(self.settings, **changes)
        if "seed" in changes:
            self.draws = 0

    def _act(self, action, value, check) -> None:
        self.say()
        action(value)

    def _begin(self, prompt: str) -> None:
        check_prompt(self.lab, prompt)
        self.lab.embed(prompt)  # refuses an unfilled <noken>
        old, new = (self.lab.ids(text).tolist() for text in (self.text.prompt, prompt))
        self._go_to(Text(prompt, follow(old, new, self.text.position)))

    def _take(self, step: tuple[str, int | None]) -> None:
        kind, number = step
        if kind == "noken":
            taken = Taken(kind, number)
        else:
            step = self._step()
            ids = {"likeliest": step.scores.argmax().item(), "drawn": step.ids.item(), "forced": number}
            taken = Taken(kind, ids[kind], step.probabilities[0, ids[kind]].item())
        self.draws += kind == "drawn"
        self._go_to(replace(self.text, path=(*self.text.path, taken)))

    def _back(self, count: int) -> None:
        """Leave so many of the steps."""
        self._go_to(replace(self.text, path=self.text.path[:count]))

    def _go_to(self, text: Text) -> None:
        self.past.append(self.text)
        self.text = text

    def _undo(self, _) -> None:
        if self.past:
            self.text = self.past.pop()

    def _step(self) -> Step:
        """The model's next step after the prompt and the path."""
        settings = self.settings
        key = (settings, self.text, self.draws)
        if self._cached[0] != key:
            processors = steps.processors(self.lab, settings.temperature, settings.top_k)
            processors.append(TopPLogitsWarper(settings.top_p))
            seeds = [settings.seed + self.draws]
            step = next(self.lab.sample(self._embeddings(), 1, seeds=seeds, processors=processors))
            self._cached = (key, step)
        return self._cached[1]

    def _embeddings(self) -> Tensor:
        """Everything fed so far, (1, tokens, width)."""
        prompt = self.lab.embed(self.text.prompt)
        if self.noken is not None:
            prompt = nokens.replace(prompt, self.text.position, self.noken)
        return torch.cat([prompt, *map(self._fed, self.text.path)], dim=1)

    def _fed(self, taken: Taken) -> Tensor:
        """What a step put into the model, (1, 1, width)."""
        if taken.kind == "noken":
            noken = nokens.random_nokens(self.lab.width, taken.number, norm=self.lab.space.median_norm)
            return noken[None].to(self.lab.device, self.lab.dtype)
        return self.lab.embed_ids(torch.tensor([[taken.number]]))

    def _before(self) -> str:
        """The prompt, with ▢ for its noken."""
        tokens = self.lab.tokens(self.text.prompt)["token"].tolist()
        return with_sign(tokens, [] if self.noken is None else [self.text.position])

    def _written(self) -> str:
        """The text of the steps, ▢ for each noken."""
        parts = []
        for is_noken, group in groupby(self.text.path, key=lambda taken: taken.kind == "noken"):
            numbers = [taken.number for taken in group]
            parts.append("▢" * len(numbers) if is_noken else self.lab.text(numbers))
        return "".join(parts)

    def _about(self, taken: Taken) -> list[str]:
        """A step as the face shows it: its token, and what it was."""
        if taken.kind == "noken":
            return ["▢", f"noken {taken.number}"]
        return [spelled_token(self.lab.token(taken.number)), f"{taken.kind} {taken.probability:.2g}"]
