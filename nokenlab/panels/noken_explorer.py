"""One token of a prompt replaced by a noken, and what the model says then, beside what it says without."""

import os
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial

import pandas as pd
import torch
from torch import Tensor

from nokenlab import nokens
from nokenlab.answers.substitutes import substitutes_for
from nokenlab.errors import LARGEST_SEED, check_seeds
from nokenlab.lab import Lab
from nokenlab.nokens import shell
from nokenlab.panels.face import page, quiet
from nokenlab.panels.latest import message
from nokenlab.panels.panel import (
    Panel,
    check_prompt,
    follow,
    nearest_tokens,
    next_tokens,
    spelled_tokens,
    watched,
    with_ids,
    with_sign,
)
from nokenlab.runs import show
from nokenlab.runs.results import OUTPUT

KINDS = {
    "article": "random, as the article has it",
    "token norm": "random, at token norm × size",
    "centroid": "random, at a token's distance from the centroid × size",
    "real token": "a random real token",
    "true token": "the token that stands there × size",
}
SIZED = ("token norm", "centroid", "true token")
LEADING, NEAREST = 8, 6  # tokens that are shown
SEEDS = 6  # of the grid on a page without a kernel, from the panel's seed on
SIZES = (0.25, 0.5, 1.0, 2.0, 5.0)  # of that grid, in token norms


@dataclass(frozen=True)
class Choice:
    """What stands at `position` of a prompt. scale: as in `substitutes_for`, or "centroid"."""

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

    Where a named noken (`lab.with_nokens`) stands at `position`, it is shown first. The page of a run has a
    grid of seeds and sizes, answered when the page is made. Raises ValueError for an invalid seed.
    """

    name = "noken_explorer"

    def __init__(self, lab: Lab, prompt: str, position: int = 0, seed: int = 0, max_new_tokens: int = 20):
        super().__init__(lab)
        check_seeds([seed])
        position %= len(lab.ids(prompt))  # a negative position counts from the end
        scale = "true token" if is_named(lab, prompt, position) else "token norm"
        self.choice, self.max_new_tokens = Choice(prompt, position, seed, scale), max_new_tokens
        self.plain: dict[str, str] = {}  # the last prompt, and what the model says to it
        self.errors: dict[str, str] = {}  # a field of the choice, and what is wrong there
        self.kept: list[dict] = []

    @cached_property
    def grid(self) -> dict:
        """What the panel shows without a kernel: in a run many nokens, elsewhere the one that it has."""
        choice = self.choice
        seeds, sizes = (SEEDS, SIZES) if os.environ.get(OUTPUT) else (1, (1.0,))
        return answer_grid(
            self.lab, choice.prompt, choice.position, choice.seed, self.max_new_tokens, seeds, sizes
        )

    def state(self) -> dict:
        return {
            "choice": asdict(self.choice),
            "tokens": spelled_tokens(self.lab, self.choice.prompt),
            "kinds": [{"value": kind, "name": name, "sized": kind in SIZED} for kind, name in KINDS.items()],
            "errors": self.errors,
            "answer": {},
            "kept": self.kept,
        }

    def still(self) -> str:
        return still(self.grid)

    def twin(self) -> str:
        return page(self.name, self.still(), grid=self.grid)

    def begin(self) -> None:
        self._ask()

    def receive(self, content: dict) -> None:
        if "choose" in content:
            self._choose(content["choose"])
        elif "keep" in content:
            self.latest.ask(partial(self._keep, self.choice))
        else:
            self.stop()

    def _choose(self, changes: dict) -> None:
        """Change a part of the choice at once, so that nothing chosen right behind it is lost."""
        before = self.choice
        for field, value in changes.items():
            try:
                self.choice = self._changed(field, value)
                self.errors = {name: text for name, text in self.errors.items() if name != field}
            except ValueError as error:
                self.errors = self.errors | {field: message(error)}
        tokens = spelled_tokens(self.lab, self.choice.prompt)
        self.update(errors=self.errors, tokens=tokens, choice=asdict(self.choice))
        if self.choice != before:
            self._ask()

    def _changed(self, field: str, value) -> Choice:
        if field == "seed":
            check_seeds([value])
        if field == "prompt":
            check_prompt(self.lab, value)
            self.lab.embed(value)  # refuses an unfilled <noken>
            ids = [self.lab.ids(prompt).tolist() for prompt in (self.choice.prompt, value)]
            return replace(self.choice, prompt=value, position=follow(*ids, self.choice.position))
        return replace(self.choice, **{field: value})

    def _ask(self) -> None:
        self.latest.ask(partial(self._answer, self.choice), "answer")

    def _answer(self, choice: Choice, check) -> dict:
        """Write what the model says with the noken, then without; the row of it for the table."""
        noken, space = vector(self.lab, choice), self.lab.space
        answer = {"choice": asdict(choice), "norm": noken.norm().item()}
        answer["distance"] = (noken - space.centroid.cpu()).norm().item()
        tokens = self.lab.tokens(choice.prompt)["token"].tolist()
        answer["before"] = with_sign(tokens, [choice.position])
        prompt = nokens.replace(self.lab.embed(choice.prompt), choice.position, noken)
        for step, ids in with_ids(self.lab, watched(self.lab, check).sample(prompt, self.max_new_tokens)):
            if step.index == 0:
                (answer["leading"],) = next_tokens(self.lab, step.logits, LEADING)
                answer["nearest"] = nearest_tokens(self.lab, noken, NEAREST)
            self.update(answer=answer | {"text": self.lab.text(ids), "running": True})
        answer["text"] = self.lab.text(ids)
        check()
        self.update(answer=answer | {"running": False})
        if choice.prompt not in self.plain:
            plain = watched(self.lab, check).generate(choice.prompt, self.max_new_tokens)
            self.plain = {choice.prompt: plain[0]}
        self.update(answer=answer | {"running": False, "plain": self.plain[choice.prompt]})
        self.say()
        return answer

    def _keep(self, choice: Choice, check) -> None:
        answer = self.face.answer
        if answer.get("choice") != asdict(choice) or answer["running"]:
            answer = self._answer(choice, check)
        (nearest, cosine), *_ = answer["nearest"]
        numbers = {"norm": answer["norm"], "nearest": nearest, "cosine": cosine}
        row = {"model": self.lab.name, **answer["choice"], **numbers, "response": answer["text"]}
        self.kept = [*self.kept, row]
        self.update(kept=self.kept)


def is_named(lab: Lab, prompt: str, position: int) -> bool:
    """Whether the token at `position` is a named noken (`lab.with_nokens`)."""
    return lab.tokens(prompt)["token"][position] in {f"<{name}>" for name in lab.nokens}


# --- without a kernel: a grid of seeds and sizes, answered in one batch


def answer_grid(
    lab: Lab, prompt: str, position: int, seed: int, max_new_tokens: int, count: int = SEEDS, sizes=SIZES
) -> dict:
    """The answers to `count` nokens at each of `sizes`: a `Grid` of `noken_explorer.js`.

    Where a named noken stands at `position`, its row is the first. Raises ValueError as
    `substitutes_for` does.
    """
    first = min(seed, LARGEST_SEED + 1 - count)
    seeds = list(range(first, first + count))
    tokens = lab.tokens(prompt)["token"].tolist()
    vectors = substitutes_for(lab, prompt, position, seeds)
    names, bases = [f"seed {seed}" for seed in seeds], vectors["token norm"]  # (rows, width)
    if is_named(lab, prompt, position):
        names, bases = [tokens[position], *names], torch.cat([vectors["true token"], bases])
    rows = (bases[:, None] * torch.tensor(sizes)[:, None]).flatten(0, 1)  # (rows × sizes, width)
    responses = lab.generate(nokens.replace(lab.embed(prompt), position, rows), max_new_tokens)
    nearest = [nearest_tokens(lab, base, 1)[0] for base in bases]  # size does not change the direction
    return {
        "before": "".join(tokens[:position]),
        "after": "".join(tokens[position + 1 :]),
        "position": position,
        "names": names,
        "sizes": list(sizes),
        "norms": rows.norm(dim=-1).view(-1, len(sizes)).tolist(),
        "nearest": [[token, round(cosine, 3)] for token, cosine in nearest],
        "response": [responses[i : i + len(sizes)] for i in range(0, len(responses), len(sizes))],
    }


def still(grid: dict) -> str:
    """The grid as a table, in HTML."""
    columns = ["noken", *(f"{size:g} × its norm" for size in grid["sizes"])]
    rows = [[name, *texts] for name, texts in zip(grid["names"], grid["response"], strict=True)]
    about = f"“{grid['before']}▢{grid['after']}”, a noken at ▢:"
    return quiet(about) + show.table(pd.DataFrame(rows, columns=columns)).data
