"""Between two words and beyond one: where the next token turns, by line, by arc and along a ray."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from nokenlab.experiments.definitions import first_sentence
from nokenlab.experiments.lerp import grid
from nokenlab.interpolation import WAYS, between
from nokenlab.lab import Lab
from nokenlab.measures import kl, next_token
from nokenlab.nokens import fill, word_vector
from nokenlab.statistics import wilson

PAIRS = Path(__file__).parent / "pairs.txt"


def pairs_of(pairs: Sequence[str], first: int = 0) -> list[tuple[str, str]]:
    """Word pairs, from "dog, cat" each; ["file"] reads nokenlab's own fifty. The `first` of them, 0 for all.

    Raises ValueError for a line that is no pair of two different words.
    """
    lines = PAIRS.read_text(encoding="utf-8").splitlines() if list(pairs) == ["file"] else list(pairs)
    found = [tuple(word.strip() for word in line.split(",")) for line in lines]
    for line, pair in zip(lines, found, strict=True):
        if len(pair) != 2 or not all(pair) or pair[0] == pair[1]:
            raise ValueError(f"a pair is two different words with a comma between, got {line!r}")
    if not found or first < 0:
        raise ValueError("at least one pair of words is needed")
    return found[:first] if first else found


def distinct(lab: Lab, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs whose words have different vectors: words of several tokens may end in the same one.

    Raises ValueError where no pair is left.
    """
    found = [(a, b) for a, b in pairs if not torch.equal(word_vector(lab, a), word_vector(lab, b))]
    if not found:
        raise ValueError("in each pair both words end in the same token; there is nothing between")
    return found


def along_pairs(lab: Lab, pairs: Sequence[tuple[str, str]], prompt: str, points: int = 21) -> pd.DataFrame:
    """The first next token along all ways between the words of each pair.

    Columns: model, a, b, way, p (0 to 1), norm, distance (from the centroid), nearest (the real token that
    points most nearly the same way), next_token, probability (its), entropy, kl_a, kl_b (bits, from the
    distribution at each end), to_b (kl_a / (kl_a + kl_b): 0 at a, 1 at b).
    """
    p = grid(points)
    return pd.concat([_along_pair(lab, *pair, prompt, p) for pair in pairs], ignore_index=True)


def _along_pair(lab: Lab, word_a: str, word_b: str, prompt: str, p: list[float]) -> pd.DataFrame:
    c, ends = lab.space.centroid.cpu(), [word_vector(lab, word) for word in (word_a, word_b)]
    found = torch.cat([between(*ends, p, way, c) for way in WAYS])  # (ways * points, width)
    logits = lab.logits(fill(lab, prompt, torch.cat([torch.stack(ends), found])))
    at_a, at_b, along = logits[0], logits[1], logits[2:]
    kl_a, kl_b = kl(along, at_a), kl(along, at_b)
    columns = {
        "model": lab.name,
        "a": word_a,
        "b": word_b,
        "way": [way for way in WAYS for _ in p],
        "p": p * len(WAYS),
        "norm": found.norm(dim=-1).tolist(),
        "distance": (found - c).norm(dim=-1).tolist(),
        "nearest": lab.space.nearest(found, k=1)["token"].tolist(),
        **next_token(lab, along),
        "kl_a": kl_a.tolist(),
        "kl_b": kl_b.tolist(),
        "to_b": (kl_a / (kl_a + kl_b).clamp_min(1e-9)).tolist(),
    }
    return pd.DataFrame(columns)


def turns(table: pd.DataFrame) -> pd.DataFrame:
    """Where each way turns, from an `along_pairs` table: a row a pair and way.

    Columns: a, b, way, turn (the p where `to_b` first reaches one half, between two points by a straight
    line), crossings (how often it crosses one half), width (how far p goes from the last `to_b` below 0.1 to
    the first above 0.9), apart (kl_b at a, bits: how different the ends are), detour (the highest
    entropy on the way less the higher of the ends', bits), third (a third token is nearest somewhere).
    """
    rows = []
    for (a, b, way), one in table.groupby(["a", "b", "way"], sort=False):
        one = one.sort_values("p")
        ends = one.iloc[[0, -1]]
        detour = one["entropy"].max() - ends["entropy"].max()
        third = bool((~one["nearest"].isin(ends["nearest"])).any())
        turn = _turn(one["p"].to_numpy(), one["to_b"].to_numpy(copy=True))
        rows.append((a, b, way, *turn, one["kl_b"].iloc[0], detour, third))
    names = ["a", "b", "way", "turn", "crossings", "width", "apart", "detour", "third"]
    return pd.DataFrame(rows, columns=names)


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
    """A `turns` table by way: pairs, median of turn and its quartiles (low, high), median width, and counts.

    Columns: way, pairs, turn, low, high, width, once (pairs that cross one half once), once_low, once_high
    (Wilson 95 % of that share), third (pairs with a third token nearest on the way).
    """
    rows = []
    for way, some in turned.groupby("way", sort=False):
        quarters = some["turn"].quantile([0.5, 0.25, 0.75]).tolist()
        width, third = some["width"].median(), int(some["third"].sum())
        once = int((some["crossings"] == 1).sum())
        rows.append((way, len(some), *quarters, width, once, *wilson(once, len(some)), third))
    names = ["way", "pairs", "turn", "low", "high", "width", "once", "once_low", "once_high", "third"]
    return pd.DataFrame(rows, columns=names)


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
