"""Learned nokens: vectors with which a frozen model says what you want it to say.

Many are learned in one batch, a row each, by Adam. What stands before the first noken is run once, without
gradients; logits are made where the target is said, and nowhere else.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.constraints import Constraint, free
from nokenlab.decode import teacher_forcing
from nokenlab.models import memory
from nokenlab.nokens import NOKEN, near_centroid

if TYPE_CHECKING:
    from nokenlab.lab import Lab

LEARNING_RATE = 0.1  # of a typical token's spread, a number and step
HISTORY = ["row", "step", "nll", "exact", "norm", "nearest", "cosine"]


def learn(
    lab: Lab,
    prompt: str | Sequence[str],
    targets: Sequence[str],
    *,
    starts: Tensor | None = None,
    constraint: Constraint | None = None,
    steps: int = 200,
    learning_rate: float = LEARNING_RATE,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool = True,
) -> Learned:
    """Learn nokens with which `lab` goes on with the targets: a row a target and start, target after target.

    prompt: a text with one <noken>, or k of them, for k vectors a row; or several such texts, which one
    noken shall serve: its loss is the mean over them. targets: texts that follow the prompt. starts:
    (starts, width) or (starts, k, width); without, one near the centroid, drawn from `seed`. constraint:
    where vectors may lie (`nokenlab.constraints`); without, anywhere. learning_rate: Adam's, in parts of a
    typical token's spread, median distance from the centroid / sqrt(width). A row stops when it is exact:
    greedy decoding says its target in every prompt. Rows run in batches of `batch_size`, by default what
    memory holds; no row depends on others. Ctrl-C ends learning and keeps what was learned.
    Raises ValueError for what cannot be learned.
    """
    settings = {"constraint": constraint, "learning_rate": learning_rate, "seed": seed}
    targets = [targets] if isinstance(targets, str) else list(targets)
    whole = Learner(lab, prompt, targets, starts=starts, **settings)  # all that can be wrong is said here
    size = batch_size or whole.rows_at_once()
    learned = Learned(lab)

    def run(rows: slice) -> None:
        learner = Learner(lab, prompt, targets, starts=starts, rows=rows, **settings)
        learned.learners.append(learner)
        try:
            learned.run(learner, steps + 1, bar)
        except torch.OutOfMemoryError:
            learned.learners.remove(learner)
            raise

    with tqdm(total=len(whole.pairs), unit="row", disable=not progress) as bar:
        memory.in_batches(run, len(whole.pairs), size, lab.decoders.forget)
    return learned


class Learned:
    """What was learned: rows are targets × starts, target after target."""

    def __init__(self, lab: Lab):
        self.lab, self.learners, self.stopped = lab, [], False

    @property
    def vectors(self) -> Tensor:
        """The vectors as the model gets them, (rows, width), or (rows, k, width); float32 on the CPU."""
        return torch.cat([learner.vectors for learner in self.learners])

    @property
    def history(self) -> pd.DataFrame:
        """A line a row and step: row, step (0 is the start), nll (nats a token of the target, mean over
        prompts), exact, norm, nearest (token, by cosine), cosine. With k vectors a row norm and cosine are
        means, and nearest is all of them with "|" between."""
        parts = [
            learner.history.assign(row=lambda lines, own=learner: lines["row"] + own.first)
            for learner in self.learners
        ]
        return pd.concat(parts).sort_values(["row", "step"], ignore_index=True)

    @property
    def table(self) -> pd.DataFrame:
        """A line a row: target, start (its number), constraint, steps, nll, exact, norm, nearest, cosine,
        text (greedy, in the first prompt, as many tokens as the target has)."""
        return pd.concat([learner.table() for learner in self.learners], ignore_index=True)

    def go_on(self, steps: int, progress: bool = True) -> Learned:
        """So many more steps, as if never stopped, for rows that are not exact. Returns itself."""
        self.stopped = False
        with tqdm(total=len(self.vectors), unit="row", disable=not progress) as bar:
            for learner in self.learners:
                self.run(learner, steps + (learner.steps < 0), bar)
        return self

    def run(self, learner: Learner, looks: int, bar: tqdm) -> None:
        """Steps of one batch, until all its rows are done, there were `looks`, or Ctrl-C."""
        try:
            for _ in range(0 if self.stopped else looks):
                if learner.done:
                    break
                lines = learner.step()
                bar.set_postfix_str(f"step {learner.steps}, nll {lines['nll'].mean():.3f}")
        except KeyboardInterrupt:
            self.stopped = True
            print("learning was stopped; what was learned is kept, go_on continues", file=sys.stderr)
        bar.update(len(learner.pairs))


class Learner:
    """One batch of nokens that are learned; `step` by step, as a panel wants it. Arguments as in `learn`.

    `rows` says which of targets × starts are learned here. `pairs` are their targets' and starts' numbers.
    """

    def __init__(
        self,
        lab: Lab,
        prompt: str | Sequence[str],
        targets: Sequence[str],
        *,
        starts: Tensor | None = None,
        constraint: Constraint | None = None,
        learning_rate: float = LEARNING_RATE,
        seed: int = 0,
        rows: slice = slice(None),
    ):
        self.lab, self.constraint = lab, constraint or free()
        self.prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        self.targets = [targets] if isinstance(targets, str) else list(targets)
        if not hasattr(lab, "decoders"):
            raise ValueError(f"{lab.name} makes no text; learn with a language model, nokenlab.load")
        self.frames = teacher_forcing.frames(lab, self.prompts)
        self.k = len(self.frames[0].behind)
        starts = near_centroid(lab.space, self.k, seed) if starts is None else starts
        starts = _checked_starts(starts, self.k, lab.width)
        self.ids = teacher_forcing.target_ids(lab, self.frames, self.targets)
        self.hold = self.constraint.bind(lab)
        self.pairs = [(t, s) for t in range(len(self.targets)) for s in range(len(starts))][rows]
        self.first = rows.start or 0
        if not (math.isfinite(learning_rate) and learning_rate > 0):
            raise ValueError(f"learning_rate must be above 0, got {learning_rate}")
        own = starts[[start for _, start in self.pairs]].to(lab.device, torch.float32)  # (rows, k, width)
        self._free = (own if self.constraint.only_fed else self.hold(own)).clone().requires_grad_()
        self._seen = (self.hold(own) if self.constraint.only_fed else self._free).detach().clone()
        scale = lab.space.median_distance / lab.width**0.5
        self._adam = torch.optim.Adam([self._free], lr=learning_rate * scale)
        self.going = torch.arange(len(self.pairs), device=lab.device)
        self.steps, self._lines = -1, []

    @property
    def done(self) -> bool:
        """Whether all rows are: exact, or with a gradient that is no longer finite."""
        return not len(self.going)

    @property
    def vectors(self) -> Tensor:
        """The vectors as the model got them last, (rows, width), or (rows, k, width); float32 on the CPU."""
        return (self._seen[:, 0] if self.k == 1 else self._seen).cpu()

    @property
    def history(self) -> pd.DataFrame:
        """All lines that `step` gave."""
        return pd.concat(self._lines, ignore_index=True) if self._lines else pd.DataFrame(columns=HISTORY)

    def step(self) -> pd.DataFrame:
        """Move all rows that are not done, and look where they are; the first step looks at the starts.

        Returns a line a row: row, step, nll, exact, norm, nearest, cosine; see `Learned.history`.
        """
        with self.lab.turn:
            if self.steps >= 0:
                self._move()
            rows = self.going
            fed = self._fed(rows)
            nll, exact = self._look(rows, fed)
            self._seen[rows] = fed.detach()
            exact[exact.clone()] = self._is_said(rows[exact])
            finite = self._free.grad[rows].isfinite().flatten(1).all(-1)
            if self.steps < 0 and not finite.all():
                raise ValueError(
                    f"gradients of {self.lab.name} are not finite in {self.lab.dtype}: its numbers overflow; "
                    'load it with dtype="float32" or "bfloat16", or begin with a shorter vector'
                )
            self.steps += 1
            self._lines.append(self._told(rows, nll, exact))
            self.going = rows[finite & ~exact]
            return self._lines[-1]

    def texts(self, max_new_tokens: int = 20) -> list[str]:
        """What the model says now by greedy decoding, behind the first prompt, a text a row."""
        prompts = self._filled(0, torch.arange(len(self.pairs), device=self.lab.device))
        return self.lab.generate(prompts, max_new_tokens)

    def table(self) -> pd.DataFrame:
        """A line a row, as in `Learned.table`."""
        last = self.history.groupby("row").tail(1).set_index("row").reindex(range(len(self.pairs)))
        new = max(len(self.ids[target]) for target, _ in self.pairs)
        said = teacher_forcing.greedy(
            self.lab, self._filled(0, torch.arange(len(self.pairs))), new
        )  # (rows, new)
        lines = []
        for row, (target, start) in enumerate(self.pairs):
            ids = [id for id in said[row, : len(self.ids[target])].tolist() if id >= 0]
            about = {"target": self.targets[target], "start": start, "constraint": self.constraint.name}
            found = last.loc[row].to_dict() | {
                "exact": bool(last.loc[row, "step"] >= 0 and last.loc[row, "exact"])
            }
            lines.append(about | {"steps": found.pop("step")} | found | {"text": self.lab.text(ids)})
        return pd.DataFrame(lines)

    def rows_at_once(self) -> int:
        """How many rows memory holds while they are learned, by their longest target."""
        size = teacher_forcing.row_size(self.lab, self.frames, self.ids)
        most = 1024 if self.lab.device.type == "cuda" else 32
        return min(most, memory.rows_at_once(self.lab.model, str(self.lab.device), size))

    def _move(self) -> None:
        self._adam.step()
        self._adam.zero_grad()
        if not self.constraint.only_fed:
            with torch.no_grad():
                self._free[self.going] = self.hold(self._free[self.going])

    def _fed(self, rows: Tensor) -> Tensor:
        """What the model gets of these rows, (rows, k, width), float32; gradients go to what is learned."""
        own = self._free[rows]
        return own + (self.hold(own.detach()) - own.detach()) if self.constraint.only_fed else own

    def _look(self, rows: Tensor, fed: Tensor) -> tuple[Tensor, Tensor]:
        """Nll of each row (rows,) and whether its target is the likeliest everywhere; leaves its gradient."""
        ids = [self.ids[self.pairs[row][0]].to(self.lab.device) for row in rows.tolist()]
        fed_once = fed.detach().requires_grad_()
        nll, exact = torch.zeros(len(rows), device=fed.device), torch.ones_like(rows, dtype=torch.bool)
        with torch.enable_grad():
            for prompt in self.frames:
                losses, right = teacher_forcing.run(self.lab, prompt, fed_once, ids)
                (losses.sum() / len(self.prompts)).backward()
                nll += losses.detach() / len(self.prompts)
                exact &= right
            fed.backward(fed_once.grad)
        return nll, exact

    def _is_said(self, rows: Tensor) -> Tensor:
        """Whether greedy decoding says the targets of these rows, in every prompt, (rows,)."""
        said = torch.ones_like(rows, dtype=torch.bool)
        ids = [self.ids[self.pairs[row][0]] for row in rows.tolist()]
        for number in range(len(self.prompts) if len(rows) else 0):
            new = teacher_forcing.greedy(self.lab, self._filled(number, rows), max(map(len, ids)))
            same = [torch.equal(own[: len(wanted)], wanted) for own, wanted in zip(new, ids, strict=True)]
            said &= torch.tensor(same, device=rows.device)
        return said

    def _filled(self, number: int, rows: Tensor) -> Tensor:
        """A prompt with these rows' vectors in it, (rows, tokens, width)."""
        vectors = self._seen[rows.to(self._seen.device)].to(self.lab.dtype)
        return self.frames[number].filled(vectors)

    def _told(self, rows: Tensor, nll: Tensor, exact: Tensor) -> pd.DataFrame:
        seen = self._seen[rows]  # (rows, k, width)
        found, cosine = self.lab.space.nearest_rows(seen)
        ids = self.lab.space.ids[found.cpu()].tolist()
        lines = {
            "row": rows.tolist(),
            "step": self.steps,
            "nll": nll.tolist(),
            "exact": exact.tolist(),
            "norm": seen.norm(dim=-1).mean(-1).tolist(),
            "nearest": ["|".join(self.lab.token(id) for id in row) for row in ids],
            "cosine": cosine.mean(-1).tolist(),
        }
        return pd.DataFrame(lines, columns=HISTORY)


def _checked_starts(starts: Tensor, k: int, width: int) -> Tensor:
    """Starts as (starts, k, width), finite."""
    wanted = f"(starts, {width})" if k == 1 else f"(starts, {k}, {width})"
    own = starts[:, None] if k == 1 and starts.dim() == 2 else starts
    if own.dim() != 3 or own.shape[1:] != (k, width) or not len(own):
        raise ValueError(f"starts must be {wanted}, as the prompt has {k} {NOKEN}; got {tuple(starts.shape)}")
    if not own.isfinite().all():
        raise ValueError("a start holds NaN or infinity; every value must be finite")
    return own.detach()
