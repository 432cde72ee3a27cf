"""Soft inputs: a mixture of the likeliest tokens is fed in place of one of them. What comes next?

After Soft Thinking (Zhang et al. 2025, arXiv 2505.15778; without its cold stop), Mixture of Inputs (Zhuang et
al. 2025, arXiv 2505.14827), and the control of arXiv 2508.03440: does the model go on as after the likeliest
token alone, or as after all of them?
"""

import math
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

import pandas as pd
import torch
from torch import Tensor

from nokenlab.decode.loop import Step
from nokenlab.errors import short
from nokenlab.lab import Lab
from nokenlab.measures import entropy, kl
from nokenlab.nokens import insert, rescale
from workbook.word_lists import read_yaml

FOLDER = Path(__file__).parent
OPEN = 0.6  # the next token of a prefix is open where the likeliest has a lower probability
TOP = 8  # tokens in a mixture
BETA = 1.0  # of Mixture of Inputs: how much the chosen token counts beside the distribution
GUMBEL_TEMPERATURE = 0.5
SOFT, MOI, GUMBEL, AT_NORM = "soft", "MoI", "Gumbel-softmax", "soft at token norm"
EQUAL, RANDOM = "equal weights", "random tokens"  # the controls
METHODS = (SOFT, MOI, GUMBEL, AT_NORM, EQUAL, RANDOM)
GREEDY = "greedy"
RUN = 4  # tokens: a run of this many that occurs again is a repetition


class Draws(NamedTuple):
    """The random part of mixtures: Gumbel noise and ids of real tokens, (rows, steps, TOP) or (rows, TOP)."""

    noise: Tensor
    ids: Tensor

    def at(self, rows: Tensor | list[int], step: int) -> Self:
        """Those of some rows at one step, (rows, TOP)."""
        return Draws(self.noise[rows, step], self.ids[rows, step])


def read_frames(file: str, frames: Sequence[str]) -> dict:
    """The entries of some frames in a YAML file of this folder. ValueError for an unknown frame."""
    entries = read_yaml(FOLDER / file)
    if unknown := [frame for frame in frames if frame not in entries]:
        raise ValueError(f"{short(unknown[0])} is not a frame of {file}, which has {', '.join(entries)}")
    return {frame: entries[frame] for frame in frames}


def read_prefixes(frames: Sequence[str]) -> pd.DataFrame:
    """The prefixes of frames of soft_inputs.yaml. Columns: frame, prefix."""
    prefixes = read_frames("soft_inputs.yaml", frames)
    rows = [(frame, prefix) for frame, lines in prefixes.items() for prefix in lines]
    return pd.DataFrame(rows, columns=["frame", "prefix"])


def open_prefixes(lab: Lab, prefixes: pd.DataFrame, count: int) -> pd.DataFrame:
    """Of a table of `read_prefixes` the first `count` of each frame whose next token is open to the model."""

    def is_open(row: NamedTuple) -> bool:
        return lab.logits(row.prefix).softmax(-1).max().item() < OPEN

    return first_of_each(prefixes, count, is_open)


def first_of_each(rows: pd.DataFrame, count: int, suits: Callable[[NamedTuple], bool]) -> pd.DataFrame:
    """The first `count` rows of each frame that suit; a frame may have fewer. ValueError where none does."""
    groups = rows.groupby("frame", sort=False)
    kept = [row.Index for _, group in groups for row in islice(filter(suits, group.itertuples()), count)]
    if not kept:
        raise ValueError(f"none of the frames {short(list(groups.groups))} has a line that suits this model")
    return rows.loc[kept].reset_index(drop=True)


def draw(lab: Lab, seeds: Sequence[int], steps: int = 1) -> Draws:
    """Random draws for each row and step, (rows, steps, TOP). Row i depends on seeds[i] alone."""
    noise, rows = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        uniform = torch.rand(steps, TOP, generator=generator).clamp(1e-7, 1 - 1e-7)
        noise.append(-(-uniform.log()).log())
        rows.append(torch.randint(len(lab.space), (steps, TOP), generator=generator))
    return Draws(torch.stack(noise), lab.space.ids[torch.stack(rows)])


def likeliest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Of logits (rows, vocab) the TOP likeliest tokens: probabilities that sum to 1, and ids, (rows, TOP)."""
    best = logits.float().topk(TOP, dim=-1)
    return best.values.softmax(-1), best.indices


def weights(method: str, p: Tensor, noise: Tensor) -> Tensor:
    """The weight of each of the likeliest tokens, from their probabilities p and Gumbel noise: (rows, TOP).

    soft: p. MoI: (H·p + (β + 1 - H)·y) / (β + 1), where H is the entropy of p divided by log TOP and y is 1
    for the likeliest token, the one chosen. Gumbel-softmax: softmax((log p + noise) / temperature). equal
    weights: 1 / TOP. Any other method: as soft.
    """
    if method == MOI:
        h = (entropy(p.log()) / math.log2(TOP))[:, None]  # (rows, 1)
        chosen = torch.zeros_like(p)
        chosen[:, 0] = 1
        return (h * p + (BETA + 1 - h) * chosen) / (BETA + 1)
    if method == GUMBEL:
        return ((p.log() + noise.to(p)) / GUMBEL_TEMPERATURE).softmax(-1)
    return torch.full_like(p, 1 / TOP) if method == EQUAL else p


def mixture(lab: Lab, method: str, logits: Tensor, draws: Draws) -> Tensor:
    """What a method feeds after logits (rows, vocab): vectors (rows, width), float32.

    `draws` are those of these rows, (rows, TOP). random tokens: the weights of soft on other tokens.
    """
    p, ids = likeliest(logits)
    tokens = lab.embed_ids(draws.ids if method == RANDOM else ids).float()  # (rows, TOP, width)
    mixed = (weights(method, p, draws.noise)[..., None] * tokens).sum(1)
    return rescale(mixed, lab.space.median_norm) if method == AT_NORM else mixed


def jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Jensen–Shannon divergence of two distributions, given as logarithms (rows, vocab): bits, (rows,).

    0 where they are the same, 1 where they share no token.
    """
    middle = torch.logaddexp(log_p, log_q) - math.log(2)
    return (kl(log_p, middle) + kl(log_q, middle)) / 2


def compare(lab: Lab, prefixes: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """What follows each mixture, beside what follows each of its tokens: one row per prefix and method.

    `prefixes` is a table of `open_prefixes`; the first is drawn with `seed`, the second with seed + 1.
    Columns: frame, prefix, method (of `METHODS`), p1 (the likeliest next token's probability), entropy (of
    the next token, bits), then the Jensen–Shannon divergence, in bits, of the token after the mixture from
    the token after the likeliest one (js_top1), after the second (js_top2), and from the true marginal over
    the TOP likeliest, each run by itself (js_marginal); norm (of what is fed), js_heaviest (the divergence
    from what comes after the token with the largest weight), heaviest (its rank, from 1), model. Where the
    tokens are random, js_heaviest is still about the likeliest tokens.
    """
    logits = lab.logits(prefixes["prefix"].tolist())  # (prefixes, vocab)
    draws = draw(lab, range(seed, seed + len(prefixes)))
    tables = [
        _compare_one(lab, frame, prefix, logits[[row]], draws.at([row], 0))
        for row, (frame, prefix) in enumerate(zip(prefixes["frame"], prefixes["prefix"], strict=True))
    ]
    return pd.concat(tables, ignore_index=True)


def _compare_one(lab: Lab, frame: str, prefix: str, logits: Tensor, draws: Draws) -> pd.DataFrame:
    """The rows of one prefix, of logits (1, vocab); its tokens and mixtures run in one batch."""
    p, ids = likeliest(logits)  # (1, TOP)
    mixed = torch.cat([mixture(lab, method, logits, draws) for method in METHODS])  # (methods, width)
    heaviest = torch.cat([weights(method, p, draws.noise) for method in METHODS]).argmax(-1)  # (methods,)
    fed = torch.cat([lab.embed_ids(ids[0]).float(), mixed])  # (TOP + methods, width)
    after = lab.logits(insert(lab.embed(prefix), fed)).log_softmax(-1)  # (TOP + methods, vocab)
    alone, after = after[:TOP], after[TOP:]
    marginal = torch.logsumexp(p[0].log()[:, None] + alone, dim=0)  # (vocab,)

    def divergence(other: Tensor) -> list[float]:
        return jensen_shannon(after, other.expand_as(after)).tolist()

    columns = {
        "frame": frame,
        "prefix": prefix,
        "method": METHODS,
        "p1": logits.softmax(-1).max().item(),
        "entropy": entropy(logits).item(),
        "js_top1": divergence(alone[0]),
        "js_top2": divergence(alone[1]),
        "js_marginal": divergence(marginal),
        "norm": mixed.norm(dim=-1).tolist(),
        "js_heaviest": divergence(alone[heaviest]),
        "heaviest": (heaviest + 1).tolist(),
        "model": lab.name,
    }
    return pd.DataFrame(columns)


def write_steps(lab: Lab, prefixes: pd.DataFrame, max_new_tokens: int = 60, seed: int = 0) -> pd.DataFrame:
    """Each token of the texts that are written while mixtures are fed, and of greedy texts.

    The likeliest token is written at each step; what a method feeds is its mixture, and greedy the token
    itself. `prefixes` and `seed` as in `compare`. Columns: frame, prefix, method, step (from 0), id, entropy
    (bits, of the distribution it is chosen from), same (as greedy's token of that step; False once greedy has
    ended).
    """
    methods = pd.DataFrame({"method": [GREEDY, *METHODS]})
    seeded = prefixes[["frame", "prefix"]].assign(seed=range(seed, seed + len(prefixes)))
    rows = seeded.merge(methods, how="cross")

    def write(batch: slice) -> pd.DataFrame:
        return _write(lab, rows[batch].reset_index(drop=True), max_new_tokens)

    table = pd.concat(lab.in_batches(write, len(rows), None), ignore_index=True)
    greedy = table.loc[table["method"] == GREEDY, ["frame", "prefix", "step", "id"]]
    beside = table.merge(greedy, how="left", on=["frame", "prefix", "step"], suffixes=("", "_greedy"))
    return table.assign(same=(beside["id"] == beside["id_greedy"]).to_numpy())


def _write(lab: Lab, rows: pd.DataFrame, max_new_tokens: int) -> pd.DataFrame:
    """The steps of one batch of rows: frame, prefix, seed, method."""
    draws = draw(lab, rows.pop("seed"), max_new_tokens)
    uses = {method: torch.tensor((rows["method"] == method).to_numpy()) for method in METHODS}  # (rows,) each

    def feed(step: Step) -> Tensor:
        running, fed = step.rows.cpu(), step.embeddings.clone()
        for method in METHODS:
            mixed = uses[method][running]  # (running,)
            if mixed.any():
                at = mixed.to(fed.device)
                fed[at] = mixture(lab, method, step.logits[at], draws.at(running[mixed], step.index)).to(fed)
        return fed

    parts = []
    for step in lab.sample(rows["prefix"].tolist(), max_new_tokens, feed=feed):
        columns = {"step": step.index, "id": step.ids.tolist(), "entropy": entropy(step.logits).tolist()}
        parts.append(rows.iloc[step.rows.tolist()].assign(**columns))
    return pd.concat(parts, ignore_index=True)


def texts(lab: Lab, steps: pd.DataFrame) -> pd.DataFrame:
    """The texts of a `write_steps` table, one row per prefix and method.

    Columns: frame, prefix, method, text, equal (to greedy's, token for token), same (the share of its tokens
    that are greedy's at that step), entropy (bits, mean of its steps), repeated (see `repeated`), loops (more
    than half of it is repeated), model.
    """
    keys = ["frame", "prefix", "method"]
    groups = steps.sort_values("step", kind="stable").groupby(keys, sort=False)
    table = groups.agg(ids=("id", list), same=("same", "mean"), entropy=("entropy", "mean")).reset_index()
    greedy = table[table["method"] == GREEDY].groupby("prefix")["ids"].first()
    table["text"] = [lab.text([id for id in ids if id not in lab.eos_ids]) for ids in table["ids"]]
    table["equal"] = table["ids"] == table["prefix"].map(greedy)
    table["repeated"] = table["ids"].map(repeated)
    table["loops"] = table["repeated"] > 0.5
    columns = [*keys, "text", "equal", "same", "entropy", "repeated", "loops"]
    return table[columns].assign(model=lab.name)


def repeated(ids: list[int]) -> float:
    """The share of runs of RUN successive ids that occurred earlier; 0 where there are fewer than RUN ids."""
    runs = [tuple(ids[i : i + RUN]) for i in range(len(ids) - RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0
