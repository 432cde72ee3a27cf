"""Where a mixture of two words tips: the weight at which the next token becomes the other word's.

Let B be the tokens that word b makes likelier than word a does. Along the line from a to b the probability of
B goes from P_a(B) to P_b(B); that difference is the total variation of the two distributions. A mixture tips
where it is halfway. Mixed outputs tip at p = 1/2 for any two words; outputs mixed log-linearly need not, so
they are the null.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab.answers.blends import grid
from nokenlab.errors import short
from nokenlab.interpolation import between, lerp
from nokenlab.lab import Lab
from nokenlab.prompt import Template, fill, word_vector

WORDS = Path(__file__).parent / "words.txt"


def check_single(lab: Lab, words: Sequence[str]) -> None:
    """ValueError for a word of several tokens: its last token alone would be mixed."""
    for word in words:
        if (count := len(lab.ids_behind(f" {word}"))) != 1:
            raise ValueError(f"words must have one token each; {short(word)} has {count} in {lab.name}")


def progress(logits: Tensor, at_a: Tensor, at_b: Tensor) -> Tensor:
    """How far next-token probability has moved from a's tokens to b's, 0 at a and 1 at b.

    logits (…, points, vocab), those at the ends (…, vocab) -> (…, points).
    """
    p_a, p_b = at_a.softmax(-1), at_b.softmax(-1)
    of_b = (p_b > p_a).float()  # (…, vocab)
    start, end = (p_a * of_b).sum(-1, keepdim=True), (p_b * of_b).sum(-1, keepdim=True)
    mass = (logits.softmax(-1) * of_b[..., None, :]).sum(-1)  # (…, points)
    return (mass - start) / (end - start).clamp_min(1e-9)


def transition(p: Sequence[float], curve: Sequence[float]) -> tuple[np.ndarray, float]:
    """Where a curve from 0 to 1 crosses one half, (crossings,), and the width of the transition.

    Crossings are interpolated linearly between two points. The width is from the last point below 0.1 to the
    first above 0.9.
    """
    p, curve = np.asarray(p), np.array(curve, dtype=float)
    curve[[0, -1]] = 0, 1  # also where both ends have the same distribution
    over = curve >= 0.5
    before = np.nonzero(over[1:] != over[:-1])[0]
    step = (0.5 - curve[before]) / (curve[before + 1] - curve[before])
    at = p[before] + step * (p[before + 1] - p[before])
    width = p[np.nonzero(curve > 0.9)[0].min()] - p[np.nonzero(curve < 0.1)[0].max()]
    return at, float(max(width, 0))


def tip(p: Sequence[float], curve: Sequence[float]) -> tuple[float, float, int]:
    """Where a curve of `progress` tips, the width of the transition, and how often it crosses one half.

    It tips midway between the first and the last crossing, so the order of the two words does not matter.
    """
    at, width = transition(p, curve)
    return float((at[0] + at[-1]) / 2), width, len(at)


def tipping_points(lab: Lab, words: Sequence[str], prompt: str, points: int = 21) -> pd.DataFrame:
    """Where the mixture of each pair of words tips: one row per pair.

    Columns: model, prompt, a, b, p_star (the weight of b at which it tips, along the line), width and
    crossings (see `tip`), null_p and slerp_p (where it tips with outputs mixed log-linearly, and on the arc),
    apart (the total variation of the ends).
    """
    pairs, p = list(combinations(range(len(words)), 2)), grid(points)
    vectors = torch.stack([word_vector(lab, word) for word in words])  # (words, width)
    ends = lab.logits(fill(lab, prompt, vectors))  # (words, vocab)
    at_once = max(1, lab.rows_at_once // points)
    rows = []
    for begin in range(0, len(pairs), at_once):
        batch = pairs[begin : begin + at_once]
        at_a, at_b = (ends[list(side)] for side in zip(*batch, strict=True))  # (pairs, vocab)
        line = progress(_mixed_logits(lab, vectors, batch, prompt, p, "lerp"), at_a, at_b)
        arc = progress(_mixed_logits(lab, vectors, batch, prompt, p, "slerp"), at_a, at_b)
        outputs = lerp(at_a.log_softmax(-1), at_b.log_softmax(-1), p)  # (points, pairs, vocab)
        null = progress(outputs.transpose(0, 1), at_a, at_b)
        apart = (at_a.softmax(-1) - at_b.softmax(-1)).abs().sum(-1) / 2
        for i, (a, b) in enumerate(batch):
            row = {"model": lab.name, "prompt": prompt, "a": words[a], "b": words[b]}
            row["p_star"], row["width"], row["crossings"] = tip(p, line[i].tolist())
            row |= {"null_p": tip(p, null[i].tolist())[0], "slerp_p": tip(p, arc[i].tolist())[0]}
            rows.append(row | {"apart": apart[i].item()})
    return pd.DataFrame(rows)


def _mixed_logits(
    lab: Lab, vectors: Tensor, pairs: Sequence[tuple], prompt: str, p: Sequence[float], interpolation: str
) -> Tensor:
    """Logits of the mixtures of some pairs of words, (pairs, points, vocab)."""
    c = lab.space.centroid.cpu()
    mixed = torch.cat([between(vectors[a], vectors[b], p, interpolation, c) for a, b in pairs])
    return lab.logits(fill(lab, prompt, mixed)).unflatten(0, (len(pairs), len(p)))


def traits(lab: Lab, words: Sequence[str], prompt: str) -> pd.DataFrame:
    """Traits of each word that do not need a mixture, as logarithms: one row per word.

    Columns: word, norm (of its embedding), gain (of layer 0: the norm of what it adds to the word's token,
    divided by that of its input), rank (of its token's id: byte-pair encoding numbers tokens in the order in
    which they were merged, the most frequent first, so this is a proxy for how rare the word is).
    """
    template = Template(lab, prompt)
    rows = []
    for word in words:
        vector = word_vector(lab, word)
        states = lab.states(template.fill(vector))[:2, template.position].float()  # (2, width)
        gain = ((states[1] - states[0]).norm() / states[0].norm()).item()
        rank = int((lab.space.ids <= lab.ids_behind(f" {word}")[-1]).sum())
        rows.append({"word": word, "norm": vector.norm().item(), "gain": gain, "rank": rank})
    return np.log(pd.DataFrame(rows).set_index("word")).reset_index()
