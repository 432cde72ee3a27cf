"""Between two words and beyond one: where the next token turns, along a line, an arc and a ray.

Nulls for the interpolations between two words: their outputs mixed, and pairs of random tokens.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from nokenlab.answers.blends import grid
from nokenlab.interpolation import INTERPOLATIONS, between, lerp
from nokenlab.lab import Lab
from nokenlab.measures import kl, next_token
from nokenlab.prompt import fill, word_vector
from workbook.claims.statistics import share_interval
from workbook.definitions.tables import first_sentence
from workbook.pull_of_tokens.tables import transition
from workbook.word_lists import word_groups

PAIRS = Path(__file__).parent / "pairs.txt"
WORDS, RANDOM = "words", "random tokens"


def pairs_of(pairs: Sequence[str], first: int = 0) -> list[tuple[str, str]]:
    """The first word pairs of a list, 0 for all, each as "dog, cat"; ["file"] reads pairs.txt."""
    return word_groups(pairs, PAIRS, 2)[: first or None]


def distinct(lab: Lab, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs whose words have different vectors: words of several tokens may end in the same one.

    Raises ValueError where no pair is left.
    """
    pairs = [(a, b) for a, b in pairs if not torch.equal(word_vector(lab, a), word_vector(lab, b))]
    if not pairs:
        raise ValueError("in each pair both words end in the same token; there is nothing between")
    return pairs


def mixed(at_a: Tensor, at_b: Tensor, p: Sequence[float]) -> Tensor:
    """(1 - p)·P_a + p·P_b of two next-token distributions, from logits (vocab,) to logits (len(p), vocab)."""
    weight = torch.tensor(p, device=at_a.device)[:, None]
    log_a, log_b = at_a.log_softmax(-1), at_b.log_softmax(-1)
    return torch.logaddexp((1 - weight).log() + log_a, weight.log() + log_b)


# interpolations of the outputs at a and b, in place of the vectors; logits (len(p), vocab)
MIXED = {"outputs mixed": mixed, "outputs mixed, log-linear": lerp}  # lerp: P_a^(1-p) · P_b^p, normalised


def along_pairs(lab: Lab, pairs: Sequence[tuple[str, str]], prompt: str, points: int = 21) -> pd.DataFrame:
    """The next token along all interpolations between the words of each pair, and two nulls beside them.

    `MIXED` do not interpolate vectors: they mix the next-token distributions at both ends in the same
    proportion. And as many pairs of random tokens go along the straight line: the column `of` says which.

    Columns: model, prompt, of ("words", "random tokens"), a, b, way (the interpolation), p (0 to 1), norm,
    distance (from the centroid), nearest (the real token of the most similar direction; these three are
    missing for mixed outputs), next_token, probability (its), entropy, kl_a, kl_b (bits, from the
    distribution at each end), to_b (kl_a / (kl_a + kl_b): 0 at a, 1 at b).
    """
    p, tables = grid(points), []
    for a, b in pairs:
        ends = torch.stack([word_vector(lab, a), word_vector(lab, b)])
        table = _along(lab, ends, prompt, p, INTERPOLATIONS, MIXED)
        tables.append(table.assign(of=WORDS, a=a, b=b))
    for a, b in random_pairs(lab, len(pairs)):
        table = _along(lab, lab.embed_ids(torch.tensor([a, b])).float().cpu(), prompt, p, ["lerp"], [])
        tables.append(table.assign(of=RANDOM, a=lab.token(a), b=lab.token(b)))
    table = pd.concat(tables, ignore_index=True).assign(model=lab.name, prompt=prompt)
    first = ["model", "prompt", "of", "a", "b"]
    return table[[*first, *table.columns.difference(first, sort=False)]]


def random_pairs(lab: Lab, count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Ids of `count` pairs of real tokens, no token twice. Raises ValueError where there are too few."""
    if 2 * count > len(lab.space):
        raise ValueError(f"{count} pairs need {2 * count} tokens, but {lab.name} has {len(lab.space)}")
    order = torch.randperm(len(lab.space), generator=torch.Generator().manual_seed(seed))
    return [tuple(pair) for pair in lab.space.ids[order[: 2 * count]].view(-1, 2).tolist()]


def _along(
    lab: Lab, ends: Tensor, prompt: str, p: list[float], interpolations: Sequence, mixtures: Sequence
) -> pd.DataFrame:
    """Interpolations and mixtures between two vectors, ends (2, width); columns as in `along_pairs`."""
    c = lab.space.centroid.cpu()
    vectors = torch.cat([between(*ends, p, name, c) for name in interpolations])  # (rows, width)
    logits = lab.logits(fill(lab, prompt, torch.cat([ends, vectors])))
    at_a, at_b = logits[:2]

    def measured(
        along: Tensor,
    ) -> pd.DataFrame:  # in parts: logits take a megabyte a row where tokens are many
        kl_a, kl_b = kl(along, at_a), kl(along, at_b)
        to_b = kl_a / (kl_a + kl_b).clamp_min(1e-9)
        columns = {"kl_a": kl_a.tolist(), "kl_b": kl_b.tolist(), "to_b": to_b.tolist()}
        return pd.DataFrame(next_token(lab, along) | columns)

    parts = [measured(along) for along in logits[2:].split(len(p))]
    parts += [measured(MIXED[name](at_a, at_b, p)) for name in mixtures]
    no_vector = [None] * (len(p) * len(mixtures))
    columns = {
        "way": [name for name in (*interpolations, *mixtures) for _ in p],
        "p": p * len(parts),
        "norm": vectors.norm(dim=-1).tolist() + no_vector,
        "distance": (vectors - c).norm(dim=-1).tolist() + no_vector,
        "nearest": lab.space.nearest(vectors, k=1)["token"].tolist() + no_vector,
    }
    return pd.DataFrame(columns).join(pd.concat(parts, ignore_index=True))


def turns(table: pd.DataFrame) -> pd.DataFrame:
    """Where each curve turns, from an `along_pairs` table: one row per pair and interpolation.

    Columns: prompt, of, pair ("dog, cat"), way, turn (the p where `to_b` first reaches one half, linear
    between two points), crossings (how often it crosses one half), once (it does so once), width (the range
    of p from the last `to_b` below 0.1 to the first above 0.9), apart (kl_b at a, bits: how different the
    ends are), same_end (the likeliest next token is the same at both ends), detour (the highest entropy less
    the higher one of the ends, bits), third (a third token is nearest somewhere; missing for mixed outputs).
    """
    rows = []
    for (prompt, of, a, b, name), curve in table.groupby(["prompt", "of", "a", "b", "way"], sort=False):
        curve = curve.sort_values("p")
        ends = curve.iloc[[0, -1]]
        crossings, width = transition(curve["p"], curve["to_b"])
        rows.append(
            {
                "prompt": prompt,
                "of": of,
                "pair": f"{a}, {b}",
                "way": name,
                "turn": crossings[0],
                "crossings": len(crossings),
                "once": len(crossings) == 1,
                "width": width,
                "apart": curve["kl_b"].iloc[0],
                "same_end": ends["next_token"].nunique() == 1,
                "detour": curve["entropy"].max() - ends["entropy"].max(),
                "third": None if name in MIXED else not curve["nearest"].isin(ends["nearest"]).all(),
            }
        )
    return pd.DataFrame(rows).astype({"third": "boolean"})  # which may be missing


def turn_summary(turned: pd.DataFrame) -> pd.DataFrame:
    """A `turns` table by prompt and interpolation.

    Columns: prompt, of, way, pairs, turn (median), low, high (its quartiles), width (median), and how many
    pairs: once (cross one half once), once_low, once_high (Wilson 95 % of that share), same_end (the same
    likeliest next token at both ends), third (a third token is nearest somewhere).
    """
    groups = turned.groupby(["prompt", "of", "way"], sort=False)
    table = groups.agg(pairs=("pair", "size"), turn=("turn", "median"))
    table["low"], table["high"] = groups["turn"].quantile(0.25), groups["turn"].quantile(0.75)
    table["width"], table["once"] = groups["width"].median(), groups["once"].sum()
    table[["once_low", "once_high"]] = list(map(share_interval, table["once"], table["pairs"]))
    table["same_end"], table["third"] = groups["same_end"].sum(), groups["third"].sum(min_count=1)
    return table.reset_index()


def along_rays(
    lab: Lab, words: Sequence[str], prompt: str, scales: Sequence[float], max_new_tokens: int = 14
) -> pd.DataFrame:
    """Along the ray from the centroid through each word's token, and beyond: c + s·(token - c).

    s = 0 is the centroid, s = 1 the token. Columns: model, word, scale, distance (from the centroid), medians
    (the same in distances of the median token), nearest, next_token, probability (its), entropy, kl (bits,
    from the distribution at the token), definition (greedy, up to its first full stop).
    """
    c, tables = lab.space.centroid.cpu(), []
    for word in words:
        offset = word_vector(lab, word) - c
        vectors = c + torch.tensor(scales, dtype=torch.float32)[:, None] * offset  # (scales, width)
        rows = fill(lab, prompt, torch.cat([(c + offset)[None], vectors]))
        logits = lab.logits(rows)
        distance = (vectors - c).norm(dim=-1)
        columns = {
            "model": lab.name,
            "word": word,
            "scale": [float(scale) for scale in scales],
            "distance": distance.tolist(),
            "medians": (distance / lab.space.median_distance).tolist(),
            "nearest": lab.space.nearest(vectors, k=1)["token"].tolist(),
            **next_token(lab, logits[1:], logits[0]),
            "definition": [first_sentence(text) for text in lab.generate(rows[1:], max_new_tokens)],
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)
