"""A noken is learned while you watch: its loss falls, its text changes, until the model says the target."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

import pandas as pd
import torch
from torch import Tensor

from nokenlab import constraints
from nokenlab.answers.planes import CENTROID
from nokenlab.errors import check_seeds
from nokenlab.lab import Lab
from nokenlab.learning import Learner
from nokenlab.nokens import random_nokens
from nokenlab.panels.face import quiet
from nokenlab.panels.latest import Job
from nokenlab.panels.panel import Panel, check_one_noken, check_prompt, watched
from nokenlab.prompt import NOKEN, fill, word_vector
from nokenlab.runs import show
from nokenlab.saved_nokens import save_nokens
from nokenlab.spelling import spelled_token

RANDOM = "random"  # a start by this name is a random noken at token norm
MOST_STEPS = 1000  # at a time; each is a point of the curve
EVERY = 2  # steps after which the model's text is generated again
MORE = 8  # tokens that are generated beyond the target's
SHOWN = 12  # texts in the table without scripts
COLUMNS = ["name", "nll", "text", "nearest", "cosine", "norm", "target", "constraint"]  # of kept nokens
CONSTRAINTS = {kind.label: kind for kind in constraints.KINDS.values()}


@dataclass(frozen=True)
class Task:
    """One noken to learn: with it at <noken> in `prompt` the model should say `target`.

    start: "centroid", "random" (drawn with `seed`) or a word. constraint: a name of `CONSTRAINTS`;
    `word` and `distance` (in the embedding space) are for those that need them.
    """

    prompt: str
    target: str
    start: str
    seed: int
    constraint: str
    word: str
    distance: float
    steps: int


class NokenForge(Panel):
    """Learn the noken with which the model says `target` after `prompt`, which has one <noken>.

    `start`, `seed`, `constraint`, `word` and `distance` (by default half a median token's from the centroid)
    are as in `Task`. Learning runs on a thread of its own; `noken` is the current vector. Kept nokens are
    in `nokens` by name, and in the table `kept`; `lab.with_nokens(**forge.nokens)` makes each a word for
    every other panel. Without a kernel the panel replays what was learned when it was first shown.
    Raises ValueError for a task that cannot be learned.
    """

    name = "noken_forge"

    def __init__(
        self,
        lab: Lab,
        prompt: str,
        target: str,
        *,
        start: str = CENTROID,
        seed: int = 0,
        constraint: str = "free",
        word: str = "dog",
        distance: float | None = None,
        steps: int = 100,
    ):
        super().__init__(lab)
        if distance is None:
            distance = round(lab.space.median_distance / 2, 2)
        self.kept, self.nokens = pd.DataFrame(), {}
        self.past: list[tuple] = []  # of kept and nokens: what Undo goes back to
        self._begin(Task(prompt, target, start, seed, constraint, word, distance, steps), lambda *_: None)

    @property
    def noken(self) -> Tensor:
        """The vector after the last step, (width,), float32 on the CPU."""
        return self.learner.vectors[0]

    def learn(self, steps: int | None = None) -> None:
        """Take more steps, by default those of the task, and wait for them; for a cell.

        Raises ValueError for an invalid number. Ctrl-C ends it and keeps what is learned.
        """
        job = self._take_steps(self.task.steps if steps is None else steps)
        try:
            job.result()
        except KeyboardInterrupt:
            self.stop()
            raise

    def keep(self, name: str = "") -> None:
        """Keep the current noken, by default as noken1, noken2, …; learning goes on.

        Raises ValueError for a name that is taken or not an identifier.
        """
        self.latest.ask(partial(self._keep, name)).result()

    def stop(self) -> None:
        """End learning at its next step, and generate the text for it."""
        self.latest.stop()
        self.latest.ask(self._stopped)

    def save(self, path: str) -> None:
        """Write the kept nokens to a file, with their table; `nl.load_nokens` reads it."""
        if not self.nokens:
            raise ValueError("nothing is kept yet; keep a noken first")
        prompts = self.kept["prompt"].unique().tolist()
        prompt = prompts[0] if len(prompts) == 1 else None
        vectors = torch.stack(list(self.nokens.values()))  # (kept, width)
        save_nokens(path, self.lab, vectors, prompt=prompt, table=self.kept)

    def state(self) -> dict:
        choices = [
            {"name": name, "tip": kind.tip, "needs": list(kind.needs)} for name, kind in CONSTRAINTS.items()
        ]
        task = {"task": asdict(self.task), "constraints": choices, "run": about(self.task)}
        return task | {"points": self.points, "kept": self._kept_rows()}

    def still(self) -> str:
        return still(self.task, self.points)

    def _kept_rows(self) -> list[dict[str, str]]:
        """The table of kept nokens as the face shows it."""
        rows = self.kept.to_dict("records")
        return [
            {name: f"{row[name]:.3g}" if isinstance(row[name], float) else row[name] for name in COLUMNS}
            for row in rows
        ]

    def receive(self, content: dict) -> None:
        if "learn" in content:
            self.latest.stop()  # whatever is being learned
            self.latest.ask(partial(self._learn, Task(**content["learn"])))
        elif "go_on" in content:
            self._take_steps(content["go_on"])
        elif "keep" in content:
            self.latest.ask(partial(self._keep, content["keep"].strip()))
        elif "delete" in content:
            self.latest.ask(partial(self._delete, content["delete"]))
        elif "undo" in content:
            self.latest.ask(self._undo)
        elif "save" in content:
            self.latest.ask(partial(self._save, content["save"].strip()))
        else:
            self.stop()

    def _take_steps(self, steps: int) -> Job:
        """Learn; what is kept, deleted or saved meanwhile is done between two steps."""
        return self.latest.ask(partial(self._go_on, steps), "learning", long=True)

    # - jobs

    def _learn(self, task: Task, check: Callable) -> None:
        self.say("looking at the start …")
        self._begin(task, check)
        self._take_steps(task.steps)

    def _begin(self, task: Task, check: Callable) -> None:
        """Stand at the start of a task."""
        learner = new_learner(self.lab, task)
        point = self._next_point(learner)
        point["text"] = self._generated(task, learner, check)
        check()
        self.task, self.learner, self.points = task, learner, [point]
        self.update(run=about(task), points=self.points)

    def _go_on(self, steps: int, check: Callable) -> None:
        """Take so many more steps, or fewer if the model says the target."""
        check_steps(steps)
        try:
            for step in range(1, steps + 1):
                if self.learner.done:
                    break
                check()
                self.points = [*self.points, self._next_point(self.learner)]
                self.update(points=self.points, progress=[step, steps])
                self.say(f"learning: step {step} of at most {steps}")
                if self.learner.steps % EVERY == 0:
                    self._add_text(check)
            self._add_text(check)
        finally:
            self.update(progress=[0, 0])
        self.say(self._summary())

    def _summary(self) -> str:
        point = self.points[-1]
        if point["exact"]:
            return f"the model says it exactly, after {point['step']} steps"
        if self.learner.done:
            return f"{point['step']} steps taken; not exact, and it ends here: its gradient is not finite"
        return f"{point['step']} steps taken; not exact yet: Go on takes more"

    def _next_point(self, learner: Learner) -> dict:
        """The noken after one more step, first at its start: a `Point` of noken_forge.js, without text."""
        line = learner.step().iloc[0]
        if not math.isfinite(line["nll"]):
            raise ValueError("the loss is no longer finite; begin again from another start")
        numbers = {key: round(float(line[key]), 4) for key in ("nll", "norm", "cosine")}
        nearest = spelled_token(line["nearest"])
        return {
            "step": int(line["step"]),
            "exact": bool(line["exact"]),
            "nearest": nearest,
            **numbers,
            "text": None,
        }

    def _add_text(self, check: Callable) -> None:
        """Generate the text of the last point, unless it has one."""
        if self.points[-1]["text"] is None:
            text = self._generated(self.task, self.learner, check)
            self.points = [*self.points[:-1], self.points[-1] | {"text": text}]
            self.update(points=self.points)

    def _generated(self, task: Task, learner: Learner, check: Callable) -> str:
        """What the model says with the current noken."""
        prompt = fill(self.lab, task.prompt, learner.vectors)
        tokens = len(self.lab.ids(task.target)) + MORE
        return watched(self.lab, check).generate(prompt, tokens)[0]

    def _stopped(self, check: Callable) -> None:
        self.latest.stop()  # a start that was pressed right before has begun by now
        self._add_text(check)
        self.say(f"stopped after {self.points[-1]['step']} steps")

    def _keep(self, name: str, check: Callable) -> None:
        if not name:
            names = (f"noken{number}" for number in range(1, len(self.nokens) + 2))
            name = next(name for name in names if name not in self.nokens)
        if name in self.nokens:
            raise ValueError(f"{name!r} is kept already; choose another name")
        self.lab.with_nokens(**{name: self.noken})  # refuses an invalid name
        self._add_text(check)
        task = self.task
        row = {"name": name, "prompt": task.prompt, "target": task.target, "start": start_name(task)}
        row |= {"constraint": constraint_name(task)} | self.points[-1]
        kept = pd.DataFrame([*self.kept.to_dict("records"), row])
        self._change_kept(kept, self.nokens | {name: self.noken})
        self.say(f"{name} is kept; in lab.with_nokens(**forge.nokens) it is the word <{name}>")

    def _delete(self, name: str, check: Callable) -> None:
        others = {other: noken for other, noken in self.nokens.items() if other != name}
        self._change_kept(self.kept[self.kept["name"] != name], others)
        self.say(f"{name} is deleted; Undo takes it back")

    def _change_kept(self, kept: pd.DataFrame, nokens: dict[str, Tensor]) -> None:
        self.past.append((self.kept, self.nokens))
        self.kept, self.nokens = kept, nokens
        self.update(kept=self._kept_rows())

    def _undo(self, check: Callable) -> None:
        if self.past:
            self.kept, self.nokens = self.past.pop()
            self.update(kept=self._kept_rows())
        self.say(f"{len(self.nokens)} kept")

    def _save(self, path: str, check: Callable) -> None:
        self.save(path)
        self.say(f"{len(self.nokens)} saved to {path}")


# --- the task


def check_task(lab: Lab, task: Task) -> None:
    """Raise ValueError, in one line, for a task that cannot be learned; `Learner` checks the rest."""
    check_prompt(lab, task.prompt)
    check_one_noken(task.prompt)
    if task.constraint not in CONSTRAINTS:
        raise ValueError(f"constraint {task.constraint!r} is not one of {', '.join(CONSTRAINTS)}")
    if not task.target:
        raise ValueError("the target is empty; write what the model should say after the prompt")
    check_prompt(lab, task.target, "the target")
    if not task.start.strip():
        raise ValueError("the start is empty; write a word")
    needed = CONSTRAINTS[task.constraint].needs
    if "word" in needed and not task.word.strip():
        raise ValueError("the word is empty; write a word")
    if "distance" in needed and not (isinstance(task.distance, int | float) and task.distance > 0):
        raise ValueError(f"within must be a distance above 0, got {task.distance}")
    if task.start == RANDOM:
        check_seeds([task.seed])
    check_steps(task.steps)


def check_steps(steps: int) -> None:
    """Raise ValueError for an invalid number of steps."""
    if not isinstance(steps, int) or not 1 <= steps <= MOST_STEPS:
        raise ValueError(f"steps must be a whole number from 1 to {MOST_STEPS:,}, got {steps}")


def start_vector(lab: Lab, task: Task) -> Tensor:
    """Where learning starts, (width,), float32 on the CPU."""
    if task.start == CENTROID:
        return lab.space.centroid.cpu()
    if task.start == RANDOM:
        return random_nokens(lab.width, task.seed, norm=lab.space.median_norm)[0]
    return word_vector(lab, task.start.strip())


def new_learner(lab: Lab, task: Task) -> Learner:
    """The learner of a task, before its first step. Raises ValueError as `check_task` and `Learner` do."""
    check_task(lab, task)
    constraint = CONSTRAINTS[task.constraint].make(lab, task.word, task.distance)
    starts = start_vector(lab, task)[None]
    with lab.lock:  # it runs the part of the prompt before the noken
        return Learner(lab, task.prompt, [task.target], starts=starts, constraint=constraint)


# --- what the page shows


def about(task: Task) -> dict:
    """The task for the face: before (the prompt), target, and title, a line about it."""
    before = task.prompt.replace(NOKEN, "▢")
    line = f"“{before}” should go on with “{task.target}” · from {start_name(task)} · {constraint_name(task)}"
    return {"before": before, "target": task.target, "title": line}


def start_name(task: Task) -> str:
    """The start, with the seed of a random one."""
    return f"random {task.seed}" if task.start == RANDOM else task.start


def constraint_name(task: Task) -> str:
    """The constraint, with the word and the distance that it needs."""
    parts, needs = [task.constraint], CONSTRAINTS[task.constraint].needs
    if "word" in needs:
        parts.append(repr(task.word))
    if "distance" in needs:
        parts.append(f"within {task.distance:g}")
    return " ".join(parts)


def still(task: Task, points: list[dict]) -> str:
    """The different texts while it was learned, each at its first step, as a table in HTML."""
    table = pd.DataFrame([point for point in points if point["text"] is not None])
    table = table[table["text"] != table["text"].shift()]
    if len(table) > SHOWN:  # the last ones matter most
        table = pd.concat([table.head(1), table.tail(SHOWN - 1)])
    rows = table[["step", "nll", "norm", "nearest", "text"]]
    return quiet(about(task)["title"]) + show.table(rows).data
