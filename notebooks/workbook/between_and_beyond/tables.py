"""Between two words and beyond one: where the next token turns, by line, by arc and along a ray.

Beside the ways between two words stand nulls: their outputs mixed, and pairs of random tokens.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab.answers.blends import grid
from nokenlab.interpolation import INTERPOLATIONS, between, lerp
from nokenlab.lab import Lab
from nokenlab.measures import kl, next_token
from nokenlab.prompt import fill, word_vector
from workbook.claims.statistics import wilson
from workbook.definitions.tables import first_sentence
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
    found = [(a, b) for a, b in pairs if not torch.equal(word_vector(lab, a), word_vector(lab, b))]
    if not found:
        raise ValueError("in each pair both words end in the same token; there is nothing between")
    return found


def mixed(at_a: Tensor, at_b: Tensor, p: Sequence[float]) -> Tensor:
    """(1 - p)·P_a + p·P_b of two next-token distributions, from logits (vocab,) to logits (len(p), vocab)."""
    weight = torch.tensor(p, device=at_a.device)[:, None]
    log_a, log_b = at_a.log_softmax(-1), at_b.log_softmax(-1)
    return torch.logaddexp((1 - weight).log() + log_a, weight.log() + log_b)


# p from 0 to 1 between what is said at a and at b, in place of between the vectors; logits (len(p), vocab)
MIXED = {"outputs mixed": mixed, "outputs mixed, log-linear": lerp}  # lerp: P_a^(1-p) · P_b^p, normalised


def along_pairs(lab: Lab, pairs: Sequence[tuple[str, str]], prompt: str, points: int = 21) -> pd.DataFrame:
    """The first next token along all ways between the words of each pair, and two nulls beside them.

    `MIXED` are no ways of vectors: there the two ends' next-token distributions are mixed in the same
    proportion. And as many pairs of random tokens go along the straight line: column of says which.

    Columns: model, prompt, of ("words", "random tokens"), a, b, way, p (0 to 1), norm, distance (from the
    centroid), nearest (the real token that points most nearly the same way; these three are empty where
    outputs are mixed), next_token, probability (its), entropy, kl_a, kl_b (bits, from the distribution at
    each end), to_b (kl_a / (kl_a + kl_b): 0 at a, 1 at b).
    """
    p, tables = grid(points), []
    for a, b in pairs:
        ends = word_vector(lab, a), word_vector(lab, b)
        tables.append(
            _along(lab, ends, prompt, p, list(INTERPOLATIONS), list(MIXED)).assign(of=WORDS, a=a, b=b)
        )
    for a, b in random_pairs(lab, len(pairs)):
        ends = [lab.embed_ids(torch.tensor(id)).float().cpu() for id in (a, b)]
        named = {"of": RANDOM, "a": lab.token(a), "b": lab.token(b)}
        tables.append(_along(lab, ends, prompt, p, ["lerp"], []).assign(**named))
    table = pd.concat(tables, ignore_index=True).assign(model=lab.name, prompt=prompt)
    first = ["model", "prompt", "of", "a", "b"]
    return table[[*first, *(name for name in table if name not in first)]]


def random_pairs(lab: Lab, count: int, seed: int = 0) -> list[tuple[int, int]]:
    """Ids of `count` pairs of real tokens, no token twice. Raises ValueError where there are too few."""
    if 2 * count > len(lab.space):
        raise ValueError(f"{count} pairs want {2 * count} tokens, but {lab.name} has {len(lab.space)}")
    order = torch.randperm(len(lab.space), generator=torch.Generator().manual_seed(seed))
    return [tuple(pair) for pair in lab.space.ids[order[: 2 * count]].view(-1, 2).tolist()]


def _along(
    lab: Lab,
    ends: Sequence[Tensor],
    prompt: str,
    p: list[float],
    ways: Sequence[str],
    mixtures: Sequence[str],
) -> pd.DataFrame:
    """Some ways, then some mixtures, between two vectors (width,); see `along_pairs`."""
    c = lab.space.centroid.cpu()
    found = torch.cat([between(*ends, p, way, c) for way in ways])  # (ways * points, width)
    logits = lab.logits(fill(lab, prompt, torch.cat([torch.stack(list(ends)), found])))
    at_a, at_b, along = logits[0], logits[1], logits[2:]
    along = torch.cat([along, *(MIXED[mix](at_a, at_b, p) for mix in mixtures)])
    kl_a, kl_b = kl(along, at_a), kl(along, at_b)
    no_vector = [None] * (len(along) - len(found))
    columns = {
        "way": [way for way in (*ways, *mixtures) for _ in p],
        "p": p * (len(along) // len(p)),
        "norm": found.norm(dim=-1).tolist() + no_vector,
        "distance": (found - c).norm(dim=-1).tolist() + no_vector,
        "nearest": lab.space.nearest(found, k=1)["token"].tolist() + no_vector,
        **next_token(lab, along),
        "kl_a": kl_a.tolist(),
        "kl_b": kl_b.tolist(),
        "to_b": (kl_a / (kl_a + kl_b).clamp_min(1e-9)).tolist(),
    }
    return pd.DataFrame(columns)


def turns(table: pd.DataFrame) -> pd.DataFrame:
    """Where each way turns, from an `along_pairs` table: a row a pair and way.

    Columns: prompt, of, pair ("dog, cat"), way, turn (the p where `to_b` first reaches one half, between two
    points by a straight line), crossings (how often it crosses one half), once (it does so once), width (how
    far p goes from the last `to_b` below 0.1 to the first above 0.9), apart (kl_b at a, bits: how different
    the ends are), same_end (the likeliest next token is the same at both ends), detour (the highest entropy
    on the way less the higher of the ends', bits), third (a third token is nearest somewhere; empty where
    outputs are mixed, which have no vector).
    """
    rows = []
    for (prompt, of, a, b, way), one in table.groupby(["prompt", "of", "a", "b", "way"], sort=False):
        one = one.sort_values("p")
        ends = one.iloc[[0, -1]]
        turn, crossings, width = _turn(one["p"].to_numpy(), one["to_b"].to_numpy(copy=True))
        rows.append(
            {
                "prompt": prompt,
                "of": of,
                "pair": f"{a}, {b}",
                "way": way,
                "turn": turn,
                "crossings": crossings,
                "once": crossings == 1,
                "width": width,
                "apart": one["kl_b"].iloc[0],
                "same_end": ends["next_token"].nunique() == 1,
                "detour": one["entropy"].max() - ends["entropy"].max(),
                "third": None if way in MIXED else bool((~one["nearest"].isin(ends["nearest"])).any()),
            }
        )
    return pd.DataFrame(rows).astype({"third": "boolean"})  # which may be missing


def _turn(p: np.ndarray, to_b: np.ndarray) -> tuple[float, int, float]:
    """The turn, crossings and width of a curve; see `turns`."""
    to_b[[0, -1]] = 0, 1  # also where the ends say the same
    over = to_b >= 0.5
    first = int(over.argmax())
    step = (0.5 - to_b[first - 1]) / (to_b[first] - to_b[first - 1])
    turn = p[first - 1] + step * (p[first] - p[first - 1])
    start, end = p[np.nonzero(to_b < 0.1)[0].max()], p[np.nonzero(to_b > 0.9)[0].min()]
    return turn, int((over[1:] != over[:-1]).sum()), max(end - start, 0.0)


def turn_summary(turned: pd.DataFrame) -> pd.DataFrame:
    """A `turns` table by prompt and way.

    Columns: prompt, of, way, pairs, turn (median), low, high (its quartiles), width (median), and how many
    pairs: once (cross one half once), once_low, once_high (Wilson 95 % of that share), same_end (the same
    likeliest next token at both ends), third (a third token nearest on the way).
    """
    by = turned.groupby(["prompt", "of", "way"], sort=False)
    found = by.agg(pairs=("pair", "size"), turn=("turn", "median"))
    found["low"], found["high"] = by["turn"].quantile(0.25), by["turn"].quantile(0.75)
    found["width"], found["once"] = by["width"].median(), by["once"].sum()
    counts = found[["once", "pairs"]].itertuples(index=False)
    found[["once_low", "once_high"]] = [wilson(*both) for both in counts]
    found["same_end"] = by["same_end"].sum()
    found["third"] = by["third"].sum(min_count=1)
    return found.reset_index()


def along_rays(
    lab: Lab, words: Sequence[str], prompt: str, scales: Sequence[float], max_new_tokens: int = 14
) -> pd.DataFrame:
    """Along the ray from the centroid through each word's token, and beyond: c + s·(token - c).

    s = 0 is the centroid, s = 1 the token. Columns: model, word, scale, distance (from the centroid), medians
    (the same in distances of the median token), nearest, next_token, probability (its), entropy, kl (bits,
    from the distribution at the token), definition (greedy, up to its first full stop).
    """
    if not len(words) or not len(scales):
        raise ValueError("at least one word and one scale are needed")
    rays = [_along_ray(lab, word, prompt, scales, max_new_tokens) for word in dict.fromkeys(words)]
    return pd.concat(rays, ignore_index=True)


def _along_ray(
    lab: Lab, word: str, prompt: str, scales: Sequence[float], max_new_tokens: int
) -> pd.DataFrame:
    c = lab.space.centroid.cpu()
    offset = word_vector(lab, word) - c
    found = c + torch.tensor(scales, dtype=torch.float32)[:, None] * offset  # (scales, width)
    rows = fill(lab, prompt, torch.cat([(c + offset)[None], found]))
    logits = lab.logits(rows)
    distance = (found - c).norm(dim=-1)
    columns = {
        "model": lab.name,
        "word": word,
        "scale": [float(scale) for scale in scales],
        "distance": distance.tolist(),
        "medians": (distance / lab.space.median_distance).tolist(),
        "nearest": lab.space.nearest(found, k=1)["token"].tolist(),
        **next_token(lab, logits[1:], logits[0]),
        "definition": [first_sentence(text) for text in lab.generate(rows[1:], max_new_tokens)],
    }
    return pd.DataFrame(columns)
