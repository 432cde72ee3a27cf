"""Random soft prompts: random vectors before a task. Does the model find answers that temperature does not?

After arXiv 2605.11936: vectors from a Gaussian with the mean and variance of all entries of the embedding
table, drawn anew for each sample.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from transformers import TemperatureLogitsWarper

from nokenlab.lab import Lab
from nokenlab.measures import entropy
from nokenlab.nokens import random_nokens
from workbook.soft_inputs.tables import first_of_each, read_frames

FRONT = "\n"  # before everything, since position 0 is the attention sink
LIKELY = (0.1, 0.9)  # probabilities of an answer: neither always given nor hardly ever
ALONE, VECTORS, TOKENS = "temperature alone", "random vectors", "random tokens"
PASS = (1, 2, 4, 8, 16, 32, 64)  # the k of pass@k


class Condition(NamedTuple):
    """What a task is asked with: `k` vectors or tokens of a kind before it, and the sampling temperature."""

    kind: str
    k: int
    temperature: float


def read_tasks(frames: Sequence[str]) -> pd.DataFrame:
    """The tasks of frames of soft_prompts.yaml. Columns: frame, task (a prompt), answer."""
    rows = [
        (frame, entry["prompt"].replace("{}", subject), answer)
        for frame, entry in read_frames("soft_prompts.yaml", frames).items()
        for subject, answer in entry["answers"].items()
    ]
    return pd.DataFrame(rows, columns=["frame", "task", "answer"])


def likely_tasks(lab: Lab, tasks: pd.DataFrame, count: int) -> pd.DataFrame:
    """Of a table of `read_tasks` the first `count` of each frame that suit the model.

    At temperature 1, with nothing before the task, it begins with the answer with a probability in `LIKELY`.
    """

    def suits(row: NamedTuple) -> bool:
        answer = lab.ids(f" {row.answer}")  # (answer,)
        x = torch.cat([lab.embed(FRONT), lab.embed(row.task), lab.embed_ids(answer)[None]], dim=1)
        before = x.shape[1] - len(answer)
        log_p = [lab.logits(x[:, : before + i]).log_softmax(-1)[0, id] for i, id in enumerate(answer)]
        return LIKELY[0] <= sum(log_p).exp().item() <= LIKELY[1]

    return first_of_each(tasks, count, suits)


def draw_vectors(lab: Lab, kind: str, k: int, seeds: Sequence[int]) -> Tensor:
    """The k vectors before a task in each sample, (samples, k, width). Sample i depends on seeds[i] alone.

    random vectors: each entry Gaussian, with the mean and variance of all entries of the tokens' embeddings.
    random tokens: embeddings of k of them.
    """
    if kind == VECTORS:
        normal = random_nokens(k * lab.width, seeds).view(len(seeds), k, lab.width)
        entries = lab.space.vectors.float()
        return normal.to(lab.device) * entries.std() + entries.mean()
    rows = [torch.randint(len(lab.space), (k,), generator=torch.Generator().manual_seed(s)) for s in seeds]
    return lab.embed_ids(lab.space.ids[torch.stack(rows)]).float()


def prompts(lab: Lab, task: str, condition: Condition, seeds: Sequence[int]) -> Tensor:
    """A task behind its vectors, one row per sample: (samples, 1 + k + tokens, width)."""
    parts = [
        lab.embed(FRONT).expand(len(seeds), -1, -1),
        lab.embed_ids(lab.ids_behind(task)).expand(len(seeds), -1, -1),
    ]
    if condition.k:
        parts.insert(1, draw_vectors(lab, condition.kind, condition.k, seeds).to(parts[0]))
    return torch.cat(parts, dim=1)


def answer_tasks(
    lab: Lab,
    tasks: pd.DataFrame,
    samples: int = 64,
    ks: Sequence[int] = (1, 4, 16),
    temperatures: Sequence[float] = (1.0, 1.25, 1.5),
    seed: int = 0,
) -> pd.DataFrame:
    """How often tasks are answered correctly under each condition: one row per task and condition.

    A sample is right where its first tokens are those of the answer. The i-th sample of a task has the same
    seeds in all conditions. With vectors or tokens before it a task is sampled at temperature 1. Columns:
    frame, task, answer, kind (temperature alone, random vectors, random tokens), k (how many), temperature,
    entropy (bits, of the distribution the first token is drawn from, mean over samples), right (samples),
    samples, pass_1 to pass_64 (see `pass_at`), model.
    """
    conditions = [Condition(ALONE, 0, float(temperature)) for temperature in temperatures]
    conditions += [Condition(kind, k, 1.0) for kind in (VECTORS, TOKENS) for k in ks]
    rows = []
    for number, task in enumerate(tasks.itertuples(index=False)):
        first = seed + number * samples
        seeds = range(first, first + samples)
        draws = [sample + len(tasks) * samples for sample in seeds]  # other seeds than those of the vectors
        for condition in conditions:
            x, answer = prompts(lab, task.task, condition, seeds), lab.ids_behind(f" {task.answer}")
            counts = _count_right(lab, x, answer, condition.temperature, draws)
            rows.append(task._asdict() | condition._asdict() | counts | {"samples": samples})
    table = pd.DataFrame(rows)
    for k in PASS:
        table[f"pass_{k}"] = [pass_at(k, samples, right) for right in table["right"]]
    return table.assign(model=lab.name)


def _count_right(lab: Lab, x: Tensor, answer: Tensor, temperature: float, seeds: list[int]) -> dict:
    """The mean entropy of the first token, and how many samples of prompts x begin with the answer's ids."""
    processors = [] if temperature == 1 else [TemperatureLogitsWarper(temperature)]

    def sample(batch: slice) -> tuple[Tensor, Tensor]:
        right = torch.zeros(len(x[batch]), len(answer), dtype=torch.bool)
        for step in lab.sample(x[batch], len(answer), seeds=seeds[batch], processors=processors):
            right[step.rows.cpu(), step.index] = step.ids.cpu() == answer[step.index]
            if step.index == 0:
                first = entropy(step.scores).cpu()
        return first, right.all(1)

    entropies, right = zip(*lab.in_batches(sample, len(x), None), strict=True)
    return {"entropy": torch.cat(entropies).mean().item(), "right": int(torch.cat(right).sum())}


def pass_at(k: int, samples: int, right: int) -> float:
    """The probability that one of k samples is right, where `right` of all are; NaN for k above `samples`.

    Source: M. Chen et al., "Evaluating large language models trained on code", 2021, equation 1.
    """
    if k > samples:
        return math.nan
    return 1 - math.comb(samples - right, k) / math.comb(samples, k)
