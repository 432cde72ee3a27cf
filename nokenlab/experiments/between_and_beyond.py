"""Between two words and beyond one: where the next token turns, by line, by arc and along a ray."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from nokenlab.experiments.definitions import first_sentence
from nokenlab.experiments.lerp import grid
from nokenlab.interpolation import WAYS, between
from nokenlab.measures import entropy, kl, leading
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


def distinct(lab, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs whose words have different vectors: words of several tokens may end in the same one."""
    found = [(a, b) for a, b in pairs if not torch.equal(word_vector(lab, a), word_vector(lab, b))]
    if not found:
        raise ValueError("in each pair both words end in the same token; there is nothing between")
    return found


def along_pairs(lab, pairs: Sequence[tuple[str, str]], prompt: str, points: int = 21) -> pd.DataFrame:
    """The first next token along all ways between the words of each pair.

    Columns: model, a, b, way, p (0 to 1), norm, distance (from the centroid), nearest (the real token that
    points most nearly the same way), next_token, entropy, kl_a, kl_b (bits, from the distribution at each
    end), to_b (kl_a / (kl_a + kl_b): 0 at a, 1 at b).
    """
    p, c, parts = grid(points), lab.space.centroid.cpu(), []
    for word_a, word_b in pairs:
        ends = word_vector(lab, word_a), word_vector(lab, word_b)
        found = torch.cat([between(*ends, p, way, c) for way in WAYS])  # (ways * points, width)
        logits = lab.logits(fill(lab, prompt, torch.cat([torch.stack(ends), found])))
        kl_a, kl_b = kl(logits[2:], logits[0]), kl(logits[2:], logits[1])
        columns = {
            "model": lab.name,
            "a": word_a,
            "b": word_b,
            "way": [way for way in WAYS for _ in p],
            "p": p * len(WAYS),
            "norm": found.norm(dim=-1).tolist(),
            "distance": (found - c).norm(dim=-1).tolist(),
            "nearest": lab.space.nearest(found, k=1)["token"].tolist(),
            "next_token": leading(lab, logits[2:], k=1)["token"].tolist(),
            "entropy": entropy(logits[2:]).tolist(),
            "kl_a": kl_a.tolist(),
            "kl_b": kl_b.tolist(),
            "to_b": (kl_a / (kl_a + kl_b).clamp_min(1e-9)).tolist(),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


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
        p, y = one["p"].to_numpy(), one["to_b"].to_numpy(copy=True)
        y[[0, -1]] = 0, 1  # also where the ends say the same
        over = y >= 0.5
        first = int(over.argmax())
        step = (0.5 - y[first - 1]) / (y[first] - y[first - 1])
        turn = p[first - 1] + step * (p[first] - p[first - 1])
        start, end = p[np.nonzero(y < 0.1)[0].max()], p[np.nonzero(y > 0.9)[0].min()]
        ends = one["entropy"].iloc[[0, -1]].max()
        third = bool((~one["nearest"].isin(one["nearest"].iloc[[0, -1]])).any())
        changes = int((over[1:] != over[:-1]).sum())
        detour = one["entropy"].max() - ends
        rows.append((a, b, way, turn, changes, max(end - start, 0.0), one["kl_b"].iloc[0], detour, third))
    names = ["a", "b", "way", "turn", "crossings", "width", "apart", "detour", "third"]
    return pd.DataFrame(rows, columns=names)


def turn_summary(turned: pd.DataFrame) -> pd.DataFrame:
    """A `turns` table by way: pairs, median of turn and its quartiles (low, high), median width, and counts.

    Columns: way, pairs, turn, low, high, width, once (pairs that cross one half once), once_low, once_high
    (Wilson 95 % of that share), third (pairs with a third token nearest on the way).
    """
    rows = []
    for way, some in turned.groupby("way", sort=False):
        quarters = some["turn"].quantile([0.5, 0.25, 0.75]).tolist()
        once = int((some["crossings"] == 1).sum())
        share = wilson(once, len(some))
        rows.append(
            (way, len(some), *quarters, some["width"].median(), once, *share, int(some["third"].sum()))
        )
    names = ["way", "pairs", "turn", "low", "high", "width", "once", "once_low", "once_high", "third"]
    return pd.DataFrame(rows, columns=names)


def along_rays(
    lab, words: Sequence[str], prompt: str, scales: Sequence[float], max_new_tokens: int = 14
) -> pd.DataFrame:
    """Along the ray from the centroid through each word's token, and beyond: c + s·(token - c).

    s = 0 is the centroid, s = 1 the token. Columns: model, word, scale, distance (from the centroid), medians
    (the same in distances of the median token), nearest, next_token, entropy, kl (bits, from the
    distribution at the token), definition (greedy, up to its first full stop).
    """
    if not len(words) or not len(scales):
        raise ValueError("at least one word and one scale are needed")
    c, typical, parts = lab.space.centroid.cpu(), lab.space.median_distance, []
    for word in dict.fromkeys(words):
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
            "medians": (distance / typical).tolist(),
            "nearest": lab.space.nearest(found, k=1)["token"].tolist(),
            "next_token": leading(lab, logits[1:], k=1)["token"].tolist(),
            "entropy": entropy(logits[1:]).tolist(),
            "kl": kl(logits[1:], logits[0]).tolist(),
            "definition": [first_sentence(text) for text in lab.generate(rows[1:], max_new_tokens)],
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)
