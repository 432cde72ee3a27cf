"""A noken is learned in view: its loss falls and its text changes, until the model says what it should."""

import math
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import ipywidgets as w
import pandas as pd
import torch
from torch import Tensor

from nokenlab.lab import Lab
from nokenlab.learning import Learner
from nokenlab.panels import face
from nokenlab.panels import noken_forge_view as views
from nokenlab.panels import noken_forge_wish as wishes
from nokenlab.panels.noken_forge_wish import Wish
from nokenlab.panels.panel import Panel, watched
from nokenlab.prompt import fill
from nokenlab.saved_nokens import save_nokens

EVERY = 2  # steps after which the model is asked what it says now
MORE = 8  # tokens that are written beyond the target's


class NokenForge(Panel):
    """Learn the noken with which the model says `target` after `prompt`, which has one <noken>.

    `start`, `seed`, `constraint`, `word` and `distance` (by default half a typical token's from the centroid)
    are as in `Wish`. Learning runs on a thread of its own; `noken` is the vector as it is now. Those kept are
    `nokens` by name and, with what is known of them, the table `kept`; `lab.with_nokens(**forge.nokens)`
    makes each a word for every other panel. What was learned when it is shown is replayed where no kernel is.
    Raises ValueError as `Learner` does, for a wish that cannot be met.
    """

    def __init__(
        self,
        lab: Lab,
        prompt: str,
        target: str,
        *,
        start: str = "centroid",
        seed: int = 0,
        constraint: str = "free",
        word: str = "dog",
        distance: float | None = None,
        steps: int = 100,
    ):
        super().__init__(lab)
        far = round(lab.space.median_distance / 2, 2) if distance is None else distance
        self.face, self.kept, self.nokens = None, pd.DataFrame(), {}
        self._begin(Wish(prompt, target, start, seed, constraint, word, far, steps), lambda *_: None)

    @property
    def noken(self) -> Tensor:
        """The vector after the last step, (width,), float32 on the CPU."""
        return self.learner.vectors[0]

    def learn(self, steps: int | None = None) -> None:
        """Take so many steps more, by default those of the wish, and wait for them; for a cell.

        Raises ValueError for steps that are none. Ctrl-C ends it and keeps what is learned.
        """
        self._wait_for(partial(self._go_on, self.wish.steps if steps is None else steps))

    def keep(self, name: str = "") -> None:
        """Keep the noken after the last step, by default as noken1, noken2, …; what is learned ends there.

        Raises ValueError for a name that is taken or is no word.
        """
        self._wait_for(partial(self._keep, name))

    def stop(self, *_) -> None:
        """End learning at its next step, and ask what the model says then."""
        self.latest.ask(self._stopped)

    def save(self, path: str) -> None:
        """Write the kept nokens to a file, with their table; `nl.load_nokens` reads it."""
        if not self.nokens:
            raise ValueError("nothing is kept yet; keep a noken first")
        prompts = self.kept["prompt"].unique().tolist()
        vectors = torch.stack(list(self.nokens.values()))  # (kept, width)
        save_nokens(
            path, self.lab, vectors, prompt=prompts[0] if len(prompts) == 1 else None, table=self.kept
        )

    def build(self) -> list[w.Widget]:
        state = self._state() | {"wish": asdict(self.wish), "constraints": views.constraints()}
        self.face = face.live("noken_forge", **state, progress=[0, 0])
        self.face.on_msg(lambda widget, content, buffers: self._hear(content))
        return [self.face]

    def twin(self) -> str:
        return face.page("noken_forge", views.still(self.wish, self.points), **self._state())

    def _state(self) -> dict:
        return {"run": views.run(self.wish), "points": self.points, "kept": views.kept(self.kept)}

    def _show(self, **state) -> None:
        """Give the face, if there is one, another state."""
        for key, value in state.items() if self.face else ():
            setattr(self.face, key, value)

    def _hear(self, content: dict) -> None:
        """A wish from the page."""
        if "learn" in content:
            self.latest.ask(partial(self._learn, Wish(**content["learn"])))
        elif "go_on" in content:
            self.latest.ask(partial(self._go_on, content["go_on"]))
        elif "keep" in content:
            self.latest.ask(partial(self._keep, content["keep"].strip()))
        elif "save" in content:
            self.latest.ask(partial(self._save, content["save"].strip()))
        else:
            self.stop()

    # - jobs: the newest ends the others at their next step

    def _wait_for(self, job: Callable) -> None:
        """Run a job and wait for it; its error is raised here."""
        failed = []

        def told(check) -> None:
            try:
                job(check)
            except ValueError as error:
                failed.append(error)

        self.latest.ask(told)
        try:
            while not self.latest.join():
                pass
        except KeyboardInterrupt:
            self.stop()
            raise
        if failed:
            raise failed[0]

    def _learn(self, wish: Wish, check: Callable) -> None:
        self.say("looking at the start …")
        self._begin(wish, check)
        self._go_on(wish.steps, check)

    def _begin(self, wish: Wish, check: Callable) -> None:
        """Stand at the start of a wish."""
        learner = wishes.learner(self.lab, wish)
        point = self._point(learner)
        point["text"] = self._said(wish, learner, check)
        check()
        self.wish, self.learner, self.points = wish, learner, [point]
        self._show(run=views.run(wish), points=self.points)

    def _go_on(self, steps: int, check: Callable) -> None:
        """So many steps more, or until the model says the target."""
        wishes.check_steps(steps)
        try:
            for step in range(1, steps + 1):
                if self.learner.done:
                    break
                check()
                self.points = [*self.points, self._point(self.learner)]
                self._show(points=self.points, progress=[step, steps])
                self.say(f"learning: step {step} of {steps} at most")
                if self.learner.steps % EVERY == 0:
                    self._ask(check)
            self._ask(check)
        finally:
            self._show(progress=[0, 0])
        self.say(self._ended())

    def _ended(self) -> str:
        step, exact = self.points[-1]["step"], self.points[-1]["exact"]
        if exact:
            return f"the model says it exactly, after {step} steps"
        told = (
            "its gradient is no longer finite, so it ends here" if self.learner.done else "Go on takes more"
        )
        return f"{step} steps taken; not exact yet: {told}"

    def _point(self, learner: Learner) -> dict:
        """The noken after one more step, the first time at its start: a `Point` of noken_forge.js."""
        line = learner.step().iloc[0]
        if not math.isfinite(line["nll"]):
            raise ValueError("the loss is no longer finite; start anew, from somewhere else")
        return views.point(line)

    def _ask(self, check: Callable) -> None:
        """Ask what the model says after the last step, unless it was asked."""
        if self.points[-1]["text"] is not None:
            return
        text = self._said(self.wish, self.learner, check)
        self.points = [*self.points[:-1], self.points[-1] | {"text": text}]
        self._show(points=self.points)

    def _said(self, wish: Wish, learner: Learner, check: Callable) -> str:
        """What the model says with the noken as it is now."""
        prompt = fill(self.lab, wish.prompt, learner.vectors)
        tokens = len(self.lab.ids(wish.target)) + MORE
        return watched(self.lab, check).generate(prompt, tokens)[0]

    def _stopped(self, check: Callable) -> None:
        self._ask(check)
        self.say(f"stopped after {self.points[-1]['step']} steps")

    def _keep(self, name: str, check: Callable) -> None:
        name = name or next(
            f"noken{n}" for n in range(1, len(self.nokens) + 2) if f"noken{n}" not in self.nokens
        )
        if name in self.nokens:
            raise ValueError(f"{name!r} is kept already; choose another name")
        self.lab.with_nokens(**{name: self.noken})  # refuses what is no name
        self._ask(check)
        self.nokens[name] = self.noken
        self.kept = pd.DataFrame([*self.kept.to_dict("records"), views.row(name, self.wish, self.points[-1])])
        self._show(kept=views.kept(self.kept))
        self.say(f"{name} is kept; lab.with_nokens(**forge.nokens) knows it as <{name}>")

    def _save(self, path: str, check: Callable) -> None:
        self.save(path)
        self.say(f"{len(self.nokens)} saved to {path}")
