"""Soft inputs: a mixture of the likeliest tokens is fed in place of one of them. What comes next?

After Soft Thinking (Zhang et al. 2025, arXiv 2505.15778; without its cold stop), Mixture of Inputs (Zhuang et
al. 2025, arXiv 2505.14827), and the control of arXiv 2508.03440: is a mixture read as its first token, or as
all of them?
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
import yaml
from torch import Tensor

from nokenlab.errors import short
from nokenlab.lab import Lab
from nokenlab.measures import entropy, kl
from nokenlab.nokens import insert, rescale

FILE = Path(__file__).parent / "soft_inputs.yaml"
TOP = 8  # tokens in a mixture
BETA = 1.0  # of Mixture of Inputs: how much the chosen token counts beside the distribution
GUMBEL_TEMPERATURE = 0.5
SOFT, MOI, GUMBEL, AT_NORM = "soft", "MoI", "Gumbel-softmax", "soft at token norm"
EQUAL, RANDOM = "equal weights", "random tokens"  # the controls
METHODS = (SOFT, MOI, GUMBEL, AT_NORM, EQUAL, RANDOM)


class Draws(NamedTuple):
    """What is random in a mixture: Gumbel noise (…, TOP), and the ids of real tokens (…, TOP)."""

    noise: Tensor
    ids: Tensor


def prefixes_of(frames: Sequence[str], count: int) -> pd.DataFrame:
    """The first `count` prefixes of each frame of soft_inputs.yaml. Columns: frame, prefix.

    Raises ValueError for a frame that is not there, and for more prefixes than a frame has.
    """
    known = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    if not frames or not set(frames) <= set(known):
        raise ValueError(f"frames wants some of {', '.join(known)}; got {short(list(frames))}")
    fewest = min(len(known[frame]) for frame in frames)
    if not 1 <= count <= fewest:
        raise ValueError(f"prefixes must be 1 to {fewest}, as many as a frame has, got {short(count)}")
    rows = [(frame, prefix) for frame in frames for prefix in known[frame][:count]]
    return pd.DataFrame(rows, columns=["frame", "prefix"])


def draws_of(lab: Lab, seeds: Sequence[int], steps: int = 1) -> Draws:
    """What is random at each step of each row, (rows, steps, TOP). Row i depends on seeds[i] alone."""
    noise, rows = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        uniform = torch.rand(steps, TOP, generator=generator).clamp(1e-7, 1 - 1e-7)
        noise.append(-(-uniform.log()).log())
        rows.append(torch.randint(len(lab.space), (steps, TOP), generator=generator))
    return Draws(torch.stack(noise), lab.space.ids[torch.stack(rows)])


def likeliest(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The TOP likeliest tokens of logits (rows, vocab): their shares, of sum 1, and ids, (rows, TOP)."""
    best = logits.float().topk(TOP, dim=-1)
    return best.values.softmax(-1), best.indices


def weights(method: str, p: Tensor, noise: Tensor) -> Tensor:
    """What each of the likeliest tokens weighs, from their shares p and Gumbel noise: (rows, TOP).

    soft: its share. MoI: (H·p + (β + 1 - H)·y) / (β + 1), where H is the entropy of p as a part of log TOP
    and y is 1 for the likeliest token, the one chosen. Gumbel-softmax: softmax((log p + noise) /
    temperature). equal weights: all the same. Any other method: as soft.
    """
    if method == MOI:
        h = (entropy(p.log()) / math.log2(TOP))[:, None]  # (rows, 1)
        chosen = torch.zeros_like(p).index_fill_(1, torch.tensor([0], device=p.device), 1)
        return (h * p + (BETA + 1 - h) * chosen) / (BETA + 1)
    if method == GUMBEL:
        return ((p.log() + noise.to(p)) / GUMBEL_TEMPERATURE).softmax(-1)
    return torch.full_like(p, 1 / TOP) if method == EQUAL else p


def mixture(lab: Lab, method: str, logits: Tensor, draws: Draws) -> Tensor:
    """What a method feeds after logits (rows, vocab): vectors (rows, width), float32.

    `draws` are those of these rows, (rows, TOP). random tokens: the weights of soft on other tokens.
    """
    p, ids = likeliest(logits)
    own = weights(method, p, draws.noise)  # (rows, TOP)
    tokens = lab.embed_ids(draws.ids if method == RANDOM else ids).float()  # (rows, TOP, width)
    mixed = (own[..., None] * tokens).sum(1)
    return rescale(mixed, lab.space.median_norm) if method == AT_NORM else mixed


def jensen_shannon(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Jensen–Shannon divergence of two distributions, given as logarithms (rows, vocab): bits, (rows,).

    0 where they are the same, 1 where they share no token.
    """
    middle = torch.logaddexp(log_p, log_q) - math.log(2)
    return (kl(log_p, middle) + kl(log_q, middle)) / 2


def compared(lab: Lab, prefixes: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """What comes after a mixture, beside what comes after each of its tokens: a row a prefix and method.

    `prefixes` as `prefixes_of` has them; `seed` is for the first's draws, seed + 1 for the second's.
    Columns: frame, prefix, method (of `METHODS`), p1 (the likeliest next token's probability), entropy (of
    the next token, bits), then the Jensen–Shannon divergence, in bits, of the next-next token after the
    mixture from the same after the likeliest token (js_top1), after the second (js_top2), from the true
    marginal over the TOP likeliest, each run by itself (js_marginal), and after the token that weighs most
    (js_heaviest); heaviest (its rank, from 1), norm (of what is fed), model. Where the tokens are random,
    js_heaviest is still about the likeliest tokens.
    """
    logits = lab.logits(prefixes["prefix"].tolist())  # (prefixes, vocab)
    draws = draws_of(lab, range(seed, seed + len(prefixes)))
    parts = []
    for row, (frame, prefix) in enumerate(prefixes[["frame", "prefix"]].itertuples(index=False)):
        one = slice(row, row + 1)
        table = _one_prefix(lab, prefix, logits[one], Draws(draws.noise[one, 0], draws.ids[one, 0]))
        parts.append(table.assign(frame=frame, prefix=prefix, model=lab.name))
    table = pd.concat(parts, ignore_index=True)
    first = ["frame", "prefix", "method", "p1", "entropy", "js_top1", "js_top2", "js_marginal", "norm"]
    return table[[*first, *table.columns.difference(first, sort=False)]]


def _one_prefix(lab: Lab, prefix: str, logits: Tensor, draws: Draws) -> pd.DataFrame:
    """The rows of one prefix, of logits (1, vocab); its tokens and mixtures run in one batch."""
    p, ids = likeliest(logits)  # (1, TOP)
    mixed = torch.cat([mixture(lab, method, logits, draws) for method in METHODS])  # (methods, width)
    heaviest = torch.cat([weights(method, p, draws.noise) for method in METHODS]).argmax(-1)  # (methods,)
    fed = torch.cat([lab.embed_ids(ids[0]).float(), mixed])  # (TOP + methods, width)
    after = lab.logits(insert(lab.embed(prefix), fed)).log_softmax(-1)  # (TOP + methods, vocab)
    alone, after = after[:TOP], after[TOP:]
    marginal = torch.logsumexp(p[0].log()[:, None] + alone, dim=0)  # (vocab,)
    beside = {
        "js_top1": alone[0],
        "js_top2": alone[1],
        "js_marginal": marginal,
        "js_heaviest": alone[heaviest],
    }
    columns = {name: jensen_shannon(after, one.expand_as(after)).tolist() for name, one in beside.items()}
    certain = {"p1": logits.softmax(-1).max().item(), "entropy": entropy(logits).item()}
    own = {"heaviest": (heaviest + 1).tolist(), "norm": mixed.norm(dim=-1).tolist()}
    return pd.DataFrame({"method": METHODS} | certain | columns | own)
