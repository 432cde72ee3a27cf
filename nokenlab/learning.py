"""Learned nokens: vectors with which a frozen model says what you want it to say.

Many are learned in one batch, a row each, by Adam. What stands before the first noken is run once, without
gradients; logits are made where the target is said, and nowhere else.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from copy import copy
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.constraints import Constraint, free
from nokenlab.errors import check_vectors
from nokenlab.models import memory
from nokenlab.nokens import near_centroid
from nokenlab.prompt import NOKEN
from nokenlab.readout import teacher_forcing

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
    if steps < 0 or (batch_size is not None and batch_size < 1):
        raise ValueError(f"steps must be 0 or more and batch_size 1 or more, got {steps} and {batch_size}")
    settings = {"constraint": constraint, "learning_rate": learning_rate, "seed": seed}
    whole = Learner(lab, prompt, targets, starts=starts, **settings)  # what is wrong is said here
    learned = Learned(lab)

    def run(rows: slice) -> None:
        learner = whole.part(rows)
        learned.learners.append(learner)
        try:
            learned.run(learner, steps + 1, bar)
        except torch.OutOfMemoryError:
            learned.learners.remove(learner)
            raise

    size = batch_size or teacher_forcing.rows_at_once(lab, whole.frames, whole.ids)
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
        parts = [part.history.assign(row=part.history["row"] + part.first) for part in self.learners]
        return pd.concat(parts).sort_values(["row", "step"], ignore_index=True)

    @property
    def table(self) -> pd.DataFrame:
        """A line a row: target, start (its number), constraint, steps, nll, exact, norm, nearest, cosine,
        text (greedy, in the first prompt, as many tokens as the target has)."""
        return pd.concat([learner.table for learner in self.learners], ignore_index=True)

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
        bar.update(0 if self.stopped else len(learner.pairs))


class Learner:
    """One batch of nokens that are learned; `step` by step, as a panel wants it. Arguments as in `learn`.

    `pairs` are its rows, each the number of a target and of a start. `steps` is -1 before the first.
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
    ):
        if not hasattr(lab, "decoders"):
            raise ValueError(f"{lab.name} makes no text; learn with a language model, nokenlab.load")
        if not (math.isfinite(learning_rate) and learning_rate > 0):
            raise ValueError(f"learning_rate must be a number above 0, got {learning_rate}")
        self.lab, self.constraint = lab, constraint or free()
        self.targets = [targets] if isinstance(targets, str) else list(targets)
        self.frames = teacher_forcing.frames(lab, [prompt] if isinstance(prompt, str) else list(prompt))
        self.ids = teacher_forcing.target_ids(lab, self.frames, self.targets)
        self.k = len(self.frames[0].behind)
        starts = near_centroid(lab.space, self.k, seed) if starts is None else starts
        self._starts = _checked_starts(starts, self.k, lab.width)
        self._hold = self.constraint.bind(lab)
        self._rate = learning_rate
        self._begin([(t, s) for t in range(len(self.targets)) for s in range(len(self._starts))], 0)

    def part(self, rows: slice) -> Learner:
        """A Learner of some of the rows alone, at their starts; it shares what is the same for all."""
        own = copy(self)
        own._begin(self.pairs[rows], rows.start or 0)
        return own

    @property
    def done(self) -> bool:
        """Whether all rows are: exact, or with a gradient that is no longer finite."""
        return not len(self._going)

    @property
    def vectors(self) -> Tensor:
        """The vectors as the model got them last, (rows, width), or (rows, k, width); float32 on the CPU."""
        return (self._seen[:, 0] if self.k == 1 else self._seen).cpu().clone()

    @property
    def history(self) -> pd.DataFrame:
        """All lines that `step` gave."""
        return pd.concat(self._lines, ignore_index=True) if self._lines else pd.DataFrame(columns=HISTORY)

    @property
    def table(self) -> pd.DataFrame:
        """A line a row, as in `Learned.table`."""
        if self._table is None or self._table[0] != self.steps:
            self._table = self.steps, self._summed_up()
        return self._table[1].copy()

    def step(self) -> pd.DataFrame:
        """Move all rows that are not done, and look where they are; the first step looks at the starts.

        Returns a line a row: row, step, nll, exact, norm, nearest, cosine; see `Learned.history`.
        """
        with self.lab.lock:
            self._move()
            rows = self._going
            fed = self._hold(self._free[rows])  # (rows, k, width)
            nll, exact, gradient = self._look(rows, fed)
            finite = gradient.isfinite().flatten(1).all(-1)
            if self.steps < 0 and not finite.all():
                raise ValueError(
                    f"gradients of {self.lab.name} are not finite in {self.lab.dtype}: its numbers overflow; "
                    'load it with dtype="float32" or "bfloat16", or begin with shorter vectors'
                )
            exact[exact.clone()] = self._is_said(rows[exact], fed[exact])
            lines = self._told(rows, fed, nll, exact)
            self._seen[rows] = fed  # from here on nothing takes time: Ctrl-C finds a whole step or none
            self._free.grad = torch.zeros_like(self._free).index_copy_(0, rows, gradient)
            self._going = rows[finite & ~exact]
            self.steps += 1
            self._lines.append(lines)
            return lines

    def texts(self, max_new_tokens: int = 20) -> list[str]:
        """What the model says now by greedy decoding, behind the first prompt, a text a row."""
        return self.lab.generate(self.frames[0].filled(self._seen), max_new_tokens)

    def _begin(self, pairs: list[tuple[int, int]], first: int) -> None:
        """Put these rows, the first of which is number `first` of all, at their starts."""
        self.pairs, self.first = pairs, first
        own = self._starts[[start for _, start in pairs]].to(self.lab.device, torch.float32)
        self._seen = self._hold(own).clone()  # (rows, k, width) as the model gets them
        self._free = own.clone() if self.constraint.only_fed else self._seen.clone()  # what Adam moves
        self._adam = adam(self.lab, self._free, self._rate)
        self._going = torch.arange(len(pairs), device=own.device)
        self.steps, self._lines, self._table = -1, [], None

    def _move(self) -> None:
        """One step of Adam, where there is a gradient; rows that are done are looked at no more."""
        self._adam.step()
        self._adam.zero_grad()
        if not self.constraint.only_fed:
            self._free[self._going] = self._hold(self._free[self._going])

    def _look(self, rows: Tensor, fed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Nll of each row (rows,), whether its target is the likeliest everywhere, gradient as `fed`."""
        ids, fed = self._ids(rows), fed.detach().requires_grad_()
        nll, exact = torch.zeros(len(rows), device=fed.device), torch.ones_like(rows, dtype=torch.bool)
        gradient = torch.zeros_like(fed)
        for frame in self.frames:
            with torch.enable_grad():
                own, likeliest = teacher_forcing.run(self.lab, frame, fed, ids)
                gradient += torch.autograd.grad(own.sum(), fed)[0] / len(self.frames)
            nll += own.detach() / len(self.frames)
            exact &= likeliest
        return nll, exact, gradient

    def _is_said(self, rows: Tensor, fed: Tensor) -> Tensor:
        """Whether greedy decoding says the targets of these rows, in every prompt, (rows,)."""
        said = torch.ones_like(rows, dtype=torch.bool)
        wanted = self._ids(rows)
        for frame in self.frames if wanted else ():
            new = teacher_forcing.greedy(self.lab, frame.filled(fed), max(map(len, wanted)))
            same = [own[: len(ids)] == ids.tolist() for own, ids in zip(new, wanted, strict=True)]
            said &= torch.tensor(same, device=rows.device)
        return said

    def _ids(self, rows: Tensor) -> list[Tensor]:
        return [self.ids[self.pairs[row][0]].to(rows.device) for row in rows.tolist()]

    def _told(self, rows: Tensor, fed: Tensor, nll: Tensor, exact: Tensor) -> pd.DataFrame:
        found, cosine = self.lab.space.nearest_rows(fed)
        ids = self.lab.space.ids[found.cpu()].tolist()
        lines = {
            "row": rows.tolist(),
            "step": self.steps + 1,
            "nll": nll.tolist(),
            "exact": exact.tolist(),
            "norm": fed.norm(dim=-1).mean(-1).tolist(),
            "nearest": ["|".join(self.lab.token(id) for id in row) for row in ids],
            "cosine": cosine.mean(-1).tolist(),
        }
        return pd.DataFrame(lines, columns=HISTORY)

    def _summed_up(self) -> pd.DataFrame:
        last = self.history.drop_duplicates("row", keep="last").set_index("row")
        last = last.reindex(range(len(self.pairs)))  # a row that Ctrl-C left at its start has no line
        counts = [len(self.ids[target]) for target, _ in self.pairs]
        new = teacher_forcing.greedy(self.lab, self.frames[0].filled(self._seen), max(counts))
        about = {
            "target": [self.targets[target] for target, _ in self.pairs],
            "start": [start for _, start in self.pairs],
            "constraint": self.constraint.name,
            "steps": last.pop("step").fillna(0).astype(int),
        }
        texts = [self.lab.text(ids[:count]) for ids, count in zip(new, counts, strict=True)]
        return pd.DataFrame(about).join(last.assign(exact=last["exact"].eq(True), text=texts))


def adam(lab: Lab, vectors: Tensor, learning_rate: float) -> torch.optim.Adam:
    """Adam for vectors; its rate is given in parts of a typical token's spread, as `learn` has it."""
    return torch.optim.Adam([vectors], lr=learning_rate * lab.space.median_distance / lab.width**0.5)


def _checked_starts(starts: Tensor, k: int, width: int) -> Tensor:
    """Starts as (starts, k, width), finite."""
    check_vectors(starts, "starts")
    wanted = f"(starts, {width})" if k == 1 else f"(starts, {k}, {width})"
    own = starts[:, None] if k == 1 and starts.dim() == 2 else starts
    if own.dim() != 3 or own.shape[1:] != (k, width) or not len(own):
        raise ValueError(f"starts must be {wanted}, as the prompt has {k} {NOKEN}; got {tuple(starts.shape)}")
    return own.detach()
