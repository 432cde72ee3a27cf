"""Random soft prompts: random vectors before a task. Does the model find answers that temperature does not?

After arXiv 2605.11936: vectors from a Gaussian with the mean and variance of all entries of the table of
embeddings, fresh for each sample.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
import yaml
from torch import Tensor
from transformers import TemperatureLogitsWarper

from nokenlab.errors import short
from nokenlab.lab import Lab
from nokenlab.measures import entropy
from nokenlab.nokens import random_nokens

FILE = Path(__file__).parent / "soft_prompts.yaml"
FRONT = "\n"  # before everything, for what stands at position 0 is the attention sink
ALONE, VECTORS, TOKENS = "temperature alone", "random vectors", "random tokens"
PASS = (1, 2, 4, 8, 16, 32, 64)  # the k of pass@k


class Before(NamedTuple):
    """What stands before a task: how many of which kind, and the temperature of drawing."""

    kind: str
    k: int
    temperature: float


def tasks_of(frames: Sequence[str], count: int) -> pd.DataFrame:
    """The first `count` tasks of each frame of soft_prompts.yaml. Columns: frame, task (a prompt), answer.

    Raises ValueError for a frame that is not there, and for more tasks than a frame has.
    """
    known = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    if not frames or not set(frames) <= set(known):
        raise ValueError(f"task_frames wants some of {', '.join(known)}; got {short(list(frames))}")
    fewest = min(len(known[frame]["answers"]) for frame in frames)
    if not 1 <= count <= fewest:
        raise ValueError(f"tasks must be 1 to {fewest}, as many as a frame has, got {short(count)}")
    rows = [
        (frame, known[frame]["prompt"].replace("{}", about), answer)
        for frame in frames
        for about, answer in list(known[frame]["answers"].items())[:count]
    ]
    return pd.DataFrame(rows, columns=["frame", "task", "answer"])


def vectors_before(lab: Lab, kind: str, k: int, seeds: Sequence[int]) -> Tensor:
    """What stands before a task in each sample, (samples, k, width). Sample i depends on seeds[i] alone.

    random vectors: each entry Gaussian, with the mean and variance of all entries of the tokens' embeddings.
    random tokens: embeddings of k of them.
    """
    if kind == VECTORS:
        own = random_nokens(k * lab.width, seeds).view(len(seeds), k, lab.width)
        entries = lab.space.vectors.float()
        return own.to(lab.device) * entries.std() + entries.mean()
    rows = [torch.randint(len(lab.space), (k,), generator=torch.Generator().manual_seed(s)) for s in seeds]
    return lab.embed_ids(lab.space.ids[torch.stack(rows)]).float()


def prompts(lab: Lab, task: str, before: Before, seeds: Sequence[int]) -> Tensor:
    """A task behind what stands before it, a row a sample: (samples, 1 + k + tokens, width)."""
    front, asked = (lab.embed(text).expand(len(seeds), -1, -1) for text in (FRONT, task))
    if not before.k:
        return torch.cat([front, asked], dim=1)
    return torch.cat([front, vectors_before(lab, before.kind, before.k, seeds).to(front), asked], dim=1)


def answered(
    lab: Lab,
    tasks: pd.DataFrame,
    samples: int = 64,
    ks: Sequence[int] = (1, 4, 16),
    temperatures: Sequence[float] = (1.0, 1.25, 1.5),
    seed: int = 0,
) -> pd.DataFrame:
    """How often tasks are answered rightly, by what stands before them: a row a task and what that is.

    A sample is right where its first tokens are those of the answer. The i-th sample of a task has the same
    seeds whatever stands before it. Behind vectors and tokens answers are drawn at temperature 1. Columns:
    frame, task, answer, kind (temperature alone, random vectors, random tokens), k (how many), temperature,
    entropy (bits, of the first token as it is drawn, mean of the samples), right (samples), samples, pass_1
    to pass_64 (see `pass_at`), model.
    """
    each = [Before(ALONE, 0, float(t)) for t in temperatures]
    each += [Before(kind, k, 1.0) for kind in (VECTORS, TOKENS) for k in ks]
    parts = []
    for number, task in enumerate(tasks.itertuples(index=False)):
        first = seed + number * samples
        seeds = range(first, first + samples)
        draws = [one + len(tasks) * samples for one in seeds]  # other ones than those of the vectors
        for before in each:
            asked, answer = prompts(lab, task.task, before, seeds), lab.ids(f" {task.answer}")
            found = _drawn(lab, asked, answer, before.temperature, draws)
            parts.append(task._asdict() | before._asdict() | found | {"samples": samples})
    table = pd.DataFrame(parts)
    for k in PASS:
        table[f"pass_{k}"] = [pass_at(k, samples, right) for right in table["right"]]
    return table.assign(model=lab.name)


def _drawn(lab: Lab, asked: Tensor, answer: Tensor, temperature: float, draws: Sequence[int]) -> dict:
    """The mean entropy of the first token, and how many of the samples begin with the answer."""
    warp = [] if temperature == 1 else [TemperatureLogitsWarper(temperature)]

    def some(rows: slice) -> tuple[Tensor, Tensor]:
        right = torch.zeros(len(asked[rows]), len(answer), dtype=torch.bool)
        first = torch.zeros(len(right))
        for step in lab.sample(asked[rows], len(answer), seeds=draws[rows], processors=warp):
            right[step.rows.cpu(), step.index] = step.ids.cpu() == answer[step.index]
            if step.index == 0:
                first = entropy(step.scores).cpu()
        return first, right.all(1)

    first, right = (torch.cat(part) for part in zip(*lab.in_batches(some, len(asked), None), strict=True))
    return {"entropy": first.mean().item(), "right": int(right.sum())}


def pass_at(k: int, samples: int, right: int) -> float:
    """The chance that one of k samples is right, where `right` of all are; NaN for more than there are.

    Source: M. Chen et al., "Evaluating large language models trained on code", 2021, equation 1.
    """
    if k > samples:
        return math.nan
    return 1 - math.comb(samples - right, k) / math.comb(samples, k)
