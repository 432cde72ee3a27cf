"""Where a mixture of two words tips: at which weight what is said next is no longer the one's.

Between the ends, let B be the tokens that word b makes likelier than word a does. The probability of B, on
the way from a to b, goes from P_a(B) to P_b(B); that difference is their total variation. A mixture has
tipped where it is halfway. Outputs that are mixed tip at p = 1/2, whatever the words; mixed log-linear they
need not, so that is the null.
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
FEWEST = 4  # words: half of them are held out, and a pair wants two


def words_of(words: Sequence[str]) -> list[str]:
    """Words, each once; ["file"] reads nokenlab's own forty. ValueError for fewer than four."""
    found = WORDS.read_text(encoding="utf-8").split() if list(words) == ["file"] else list(words)
    if len(found) < FEWEST or len(set(found)) < len(found):
        raise ValueError(f"words wants at least {FEWEST} different words, or 'file'; got {short(found)}")
    return found


def check_single(lab: Lab, words: Sequence[str]) -> None:
    """ValueError where a word is not one token: then its last token alone would be mixed."""
    for word in words:
        if (count := len(lab.ids(f" {word}"))) != 1:
            raise ValueError(f"words wants words of one token; {short(word)} has {count} in {lab.name}")


def to_b(logits: Tensor, at_a: Tensor, at_b: Tensor) -> Tensor:
    """How far next-token probability has gone over from a's tokens to b's, 0 at a and 1 at b.

    logits (…, points, vocab), those at the ends (…, vocab) -> (…, points).
    """
    p_a, p_b = at_a.softmax(-1), at_b.softmax(-1)
    theirs = (p_b > p_a).float()  # (…, vocab)
    start, end = (p_a * theirs).sum(-1, keepdim=True), (p_b * theirs).sum(-1, keepdim=True)
    mass = (logits.softmax(-1) * theirs[..., None, :]).sum(-1)  # (…, points)
    return (mass - start) / (end - start).clamp_min(1e-9)


def tips(p: Sequence[float], gone: Sequence[float]) -> tuple[float, float, int]:
    """Where a curve of `to_b` tips, how wide that is, and how often it crosses one half.

    It tips midway between the first and the last crossing, each by a straight line between two points: that
    is the same whichever word is called a. Its width is from the last point below 0.1 to the first above 0.9.
    """
    p, gone = np.asarray(p), np.array(gone, dtype=float)
    gone[[0, -1]] = 0, 1  # also where the ends say the same
    over = gone >= 0.5
    before = np.nonzero(over[1:] != over[:-1])[0]
    step = (0.5 - gone[before]) / (gone[before + 1] - gone[before])
    at = p[before] + step * (p[before + 1] - p[before])
    width = p[np.nonzero(gone > 0.9)[0].min()] - p[np.nonzero(gone < 0.1)[0].max()]
    return float((at[0] + at[-1]) / 2), float(max(width, 0)), len(at)


def tipping(lab: Lab, words: Sequence[str], prompt: str, points: int = 21) -> pd.DataFrame:
    """Where the mixture of each pair of words tips: a row a pair.

    Columns: model, prompt, a, b, p_star (the weight of b at which it tips, along the line), width and
    crossings (see `tips`), null_p and slerp_p (where it tips with outputs mixed log-linear, and on the arc),
    apart (the total variation of the ends).
    """
    pairs, p = list(combinations(range(len(words)), 2)), grid(points)
    vectors = torch.stack([word_vector(lab, word) for word in words])  # (words, width)
    ends = lab.logits(fill(lab, prompt, vectors))  # (words, vocab)
    at_once = max(1, lab.rows_at_once // points)
    rows = []
    for begin in range(0, len(pairs), at_once):
        some = pairs[begin : begin + at_once]
        at_a, at_b = (ends[list(side)] for side in zip(*some, strict=True))  # (pairs, vocab)
        curves = [to_b(_along(lab, vectors, some, prompt, p, way), at_a, at_b) for way in ("lerp", "slerp")]
        null = lerp(at_a.log_softmax(-1), at_b.log_softmax(-1), p).transpose(0, 1)  # (pairs, points, vocab)
        apart = (at_a.softmax(-1) - at_b.softmax(-1)).abs().sum(-1) / 2
        for (a, b), line, arc, mixed, far in zip(
            some, *(x.tolist() for x in (*curves, to_b(null, at_a, at_b), apart)), strict=True
        ):
            p_star, width, crossings = tips(p, line)
            row = {"a": words[a], "b": words[b], "p_star": p_star, "width": width, "crossings": crossings}
            rows.append(row | {"null_p": tips(p, mixed)[0], "slerp_p": tips(p, arc)[0], "apart": far})
    table = pd.DataFrame(rows).assign(model=lab.name, prompt=prompt)
    return table[["model", "prompt", *table.columns.drop(["model", "prompt"])]]


def _along(
    lab: Lab, vectors: Tensor, pairs: Sequence[tuple], prompt: str, p: Sequence[float], way: str
) -> Tensor:
    """Logits along a way between the words of some pairs, (pairs, points, vocab)."""
    c = lab.space.centroid.cpu()
    mixed = torch.cat([between(vectors[a], vectors[b], p, way, c) for a, b in pairs])
    return lab.logits(fill(lab, prompt, mixed)).unflatten(0, (len(pairs), len(p)))


def traits(lab: Lab, words: Sequence[str], prompt: str) -> pd.DataFrame:
    """What is known of each word before it is mixed, in logarithms: a row a word.

    Columns: word, norm (of its embedding), gain (of layer 0: the norm of what it adds to the word's token,
    in norms of what enters it), rank (of its token's id: byte-pair encoding numbers tokens in the order in
    which they were merged, the most frequent first, so this stands for how rare the word is).
    """
    template = Template(lab, prompt)
    rows = []
    for word in words:
        vector = word_vector(lab, word)
        states = lab.states(template.fill(vector))[:2, template.position].float()  # (2, width)
        gain = ((states[1] - states[0]).norm() / states[0].norm()).item()
        rank = int((lab.space.ids <= lab.ids(f" {word}")[-1]).sum())
        rows.append({"word": word, "norm": vector.norm().item(), "gain": gain, "rank": rank})
    table = pd.DataFrame(rows).set_index("word")
    return np.log(table).reset_index()
