"""Learned nokens: vectors with which a frozen model says a text of your choice.

Many are learned in one batch, one per row, by Adam. What stands before the first <noken> is run once, without
gradients; logits are computed only at the positions that predict the target.
"""

import math
import sys
from collections.abc import Sequence
from copy import copy
from itertools import product
from typing import Self

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from nokenlab.constraints import Constraint, free
from nokenlab.errors import RowFailed, check_count
from nokenlab.lab import Lab
from nokenlab.nokens import near_centroid
from nokenlab.prompt import per_place
from nokenlab.readout import teacher_forcing

LEARNING_RATE = 0.1  # per step and number, in units of a typical token's spread
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
) -> "Learned":
    """Learn nokens with which `lab` says the targets: one row per target and start, target after target.

    prompt: a text with one <noken>, or with k of them, for k vectors per row; or several such texts, which
    share the nokens: the loss is their mean. targets: texts that follow the prompt. starts: (starts, width)
    or (starts, k, width); the default is one near the centroid, drawn from `seed`. constraint: where vectors
    may lie (`nokenlab.constraints`); the default is anywhere. learning_rate: Adam's, in units of a typical
    token's spread, median distance from the centroid / sqrt(width). A row stops when it is exact: greedy
    decoding says its target after every prompt. Rows run in batches of `batch_size`, by default what
    memory holds; no row depends on others. Ctrl-C ends learning and keeps what was learned.
    Raises ValueError for what cannot be learned.
    """
    check_count(steps, "steps", least=0)
    settings = {"constraint": constraint, "learning_rate": learning_rate, "seed": seed}
    all_rows = Learner(lab, prompt, targets, starts=starts, **settings)  # raises ValueError before long work
    learned = Learned(lab)

    def run(rows: slice) -> None:
        learner = all_rows.part(rows)
        learned.run(learner, steps, bar)
        learned.learners.append(learner)

    size = batch_size
    if size is None:
        size = teacher_forcing.rows_at_once(lab, all_rows.templates, all_rows.ids)
    with tqdm(total=len(all_rows.pairs), unit="row", disable=not progress) as bar:
        lab.in_batches(run, len(all_rows.pairs), size)
    return learned


class Learned:
    """What was learned: rows are targets × starts, target after target. `learners` are its batches."""

    def __init__(self, lab: Lab):
        self.lab, self.learners, self.stopped = lab, [], False

    @property
    def vectors(self) -> Tensor:
        """The vectors as the model gets them, (rows, width), or (rows, k, width); float32 on the CPU."""
        return torch.cat([learner.vectors for learner in self.learners])

    @property
    def history(self) -> pd.DataFrame:
        """One line per row and step. Columns: row, step (0 is the start), nll (nats per token of the target,
        mean over prompts), exact, norm, nearest (token, by cosine), cosine. With k vectors per row norm and
        cosine are means, and nearest is all of them with "|" between."""
        parts = []
        for learner in self.learners:
            part = learner.history
            parts.append(part.assign(row=part["row"] + learner.first))
        return pd.concat(parts).sort_values(["row", "step"], ignore_index=True)

    @property
    def table(self) -> pd.DataFrame:
        """One line per row. Columns: target, start (its number), constraint, steps, nll, exact, norm,
        nearest, cosine, text (greedy, after the first prompt, as many tokens as the target has)."""
        return pd.concat([learner.table for learner in self.learners], ignore_index=True)

    def go_on(self, steps: int, progress: bool = True) -> Self:
        """Take so many more steps, as if never stopped, for rows that are not exact. Returns itself."""
        self.stopped = False
        with tqdm(total=len(self.vectors), unit="row", disable=not progress) as bar:
            for learner in self.learners:
                self.run(learner, max(learner.steps, 0) + steps, bar)
        return self

    def run(self, learner: "Learner", last: int, bar: tqdm) -> None:
        """Steps of one batch up to number `last`, until all its rows are done, or Ctrl-C."""
        try:
            while learner.steps < last and not learner.done and not self.stopped:
                lines = learner.step()
                bar.set_postfix_str(f"step {learner.steps}, nll {lines['nll'].mean():.3f}")
        except KeyboardInterrupt:
            self.stopped = True
            print("learning was stopped; what was learned is kept, go_on continues", file=sys.stderr)
        if not self.stopped:
            bar.update(len(learner.pairs))


class Learner:
    """One batch of nokens that are learned step by step, for a panel to show. Arguments as in `learn`.

    pairs: the number of the target and of the start of each row. first: the number of its first row among all
    of `learn`. steps: the number of the last step, -1 before the first, which is at the starts.
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
        if not isinstance(lab, Lab):
            raise ValueError(f"{lab.name} makes no text; learn with a language model, nokenlab.load")
        if not (math.isfinite(learning_rate) and learning_rate > 0):
            raise ValueError(f"learning_rate must be a number above 0, got {learning_rate}")
        self.lab, self.constraint = lab, constraint or free()
        self.targets = [targets] if isinstance(targets, str) else list(targets)
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        self.templates = teacher_forcing.cached_templates(lab, prompts)
        self.ids = teacher_forcing.target_ids(lab, self.templates, self.targets)
        self.k = self.templates[0].count
        starts = near_centroid(lab.space, self.k, seed) if starts is None else starts
        self._starts = per_place(starts, self.k, lab.width, "starts").detach()
        self._constrain = self.constraint.bind(lab)
        self._rate = learning_rate
        self._begin(list(product(range(len(self.targets)), range(len(self._starts)))), 0)

    def part(self, rows: slice) -> "Learner":
        """A Learner of these rows alone, at their starts."""
        learner = copy(self)
        learner._begin(self.pairs[rows], rows.start or 0)
        return learner

    @property
    def done(self) -> bool:
        """Whether all rows are exact, or stopped at a gradient that is not finite."""
        return not len(self._going)

    @property
    def vectors(self) -> Tensor:
        """The vectors as the model got them last, (rows, width), or (rows, k, width); float32 on the CPU."""
        return (self._fed[:, 0] if self.k == 1 else self._fed).cpu().clone()

    @property
    def history(self) -> pd.DataFrame:
        """All lines that `step` returned."""
        return pd.concat(self._lines, ignore_index=True) if self._lines else pd.DataFrame(columns=HISTORY)

    @property
    def table(self) -> pd.DataFrame:
        """One line per row, as in `Learned.table`."""
        last = self.history.drop_duplicates("row", keep="last").set_index("row")
        last = last.reindex(range(len(self.pairs)))  # a row that Ctrl-C left at its start has no line
        counts = [len(self.ids[target]) for target, _ in self.pairs]
        ids = self.lab.greedy_ids(self.templates[0].fill(self._fed), max(counts))
        columns = {
            "target": [self.targets[target] for target, _ in self.pairs],
            "start": [start for _, start in self.pairs],
            "constraint": self.constraint.name,
            "steps": last.pop("step").fillna(0).astype(int),
        }
        texts = [self.lab.text(row[:count]) for row, count in zip(ids, counts, strict=True)]
        return pd.DataFrame(columns).join(last.assign(exact=last["exact"].eq(True), text=texts))

    def step(self) -> pd.DataFrame:
        """Move all rows that are not done, and score them there; the first step scores the starts.

        Returns one line per row: row, step, nll, exact, norm, nearest, cosine; see `Learned.history`.
        """
        with self.lab.lock:
            self._move()
            rows = self._going
            fed = self._constrain(self._free[rows])  # (rows, k, width)
            nll, exact, gradient = self._score(rows, fed)
            finite = gradient.isfinite().flatten(1).all(-1)
            if self.steps < 0 and not finite.all():
                raise ValueError(
                    f"gradients of {self.lab.name} are not finite in {self.lab.dtype}: its numbers overflow; "
                    'load it with dtype="float32" or "bfloat16", or begin with shorter vectors'
                )
            exact[exact.clone()] = self._decodes(rows[exact], fed[exact])
            lines = self._described(rows, fed, nll, exact)
            self._fed[rows] = fed  # from here on nothing takes time: Ctrl-C leaves all of a step or none
            self._free.grad = torch.zeros_like(self._free).index_copy_(0, rows, gradient)
            self._going = rows[finite & ~exact]
            self.steps += 1
            self._lines.append(lines)
            return lines

    def texts(self, max_new_tokens: int = 20) -> list[str]:
        """What the model says now by greedy decoding after the first prompt, one text per row."""
        return self.lab.generate(self.templates[0].fill(self._fed), max_new_tokens)

    def _begin(self, pairs: list[tuple[int, int]], first: int) -> None:
        """Put these rows at their starts."""
        self.pairs, self.first = pairs, first
        starts = self._starts[[start for _, start in pairs]].to(self.lab.device, torch.float32)
        self._fed = self._constrain(starts).clone()  # (rows, k, width) as the model gets them
        self._free = starts.clone() if self.constraint.only_fed else self._fed.clone()  # what Adam moves
        self._adam = adam(self.lab, self._free, self._rate)
        self._going = torch.arange(len(pairs), device=starts.device)
        self.steps, self._lines = -1, []

    def _move(self) -> None:
        """One step of Adam; none before the first gradient."""
        self._adam.step()
        self._adam.zero_grad()
        if not self.constraint.only_fed:
            self._free[self._going] = self._constrain(self._free[self._going])

    def _score(self, rows: Tensor, fed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Nll of each row (rows,), whether its target is the likeliest in every prompt, gradient as `fed`."""
        ids, fed = self._target_ids(rows), fed.detach().requires_grad_()
        nll, exact = torch.zeros(len(rows), device=fed.device), torch.ones_like(rows, dtype=torch.bool)
        gradient = torch.zeros_like(fed)
        for template in self.templates:
            with torch.enable_grad():
                nll_here, likeliest = teacher_forcing.score(self.lab, template, fed, ids)
                gradient += torch.autograd.grad(nll_here.sum(), fed)[0] / len(self.templates)
            nll += nll_here.detach() / len(self.templates)
            exact &= likeliest
        if not nll.isfinite().all():
            reason = f"step {self.steps + 1}: its nll is NaN or infinite; a lower learning_rate may help"
            raise RowFailed(int(rows[~nll.isfinite()][0]), reason)
        return nll, exact, gradient

    def _decodes(self, rows: Tensor, fed: Tensor) -> Tensor:
        """Whether greedy decoding says the targets of these rows after every prompt, (rows,)."""
        decodes = torch.ones_like(rows, dtype=torch.bool)
        if not len(rows):
            return decodes
        targets = [ids.tolist() for ids in self._target_ids(rows)]
        for template in self.templates:
            new = self.lab.greedy_ids(template.fill(fed), max(map(len, targets)))
            same = [ids[: len(target)] == target for ids, target in zip(new, targets, strict=True)]
            decodes &= torch.tensor(same, device=rows.device)
        return decodes

    def _target_ids(self, rows: Tensor) -> list[Tensor]:
        return [self.ids[self.pairs[row][0]].to(rows.device) for row in rows.tolist()]

    def _described(self, rows: Tensor, fed: Tensor, nll: Tensor, exact: Tensor) -> pd.DataFrame:
        """The lines of a step, one per row."""
        nearest, cosine = self.lab.space.nearest_rows(fed)
        ids = self.lab.space.ids[nearest.cpu()].tolist()
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


def adam(lab: Lab, vectors: Tensor, learning_rate: float) -> torch.optim.Adam:
    """Adam for vectors; its rate is in units of a typical token's spread, as in `learn`."""
    return torch.optim.Adam([vectors], lr=learning_rate * lab.space.median_distance / lab.width**0.5)
