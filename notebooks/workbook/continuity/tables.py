"""Continuity: does the model's answer change evenly along a mixture from one word to a related one?

"The color of <noken> is": the contrast is log P(red) - log P(yellow), less that of the centroid. Log-linear
outputs go from one end's to the other's in a straight line; how far an interpolation bends off it is its
deviation. After "Large language models are implicitly continuous" (S. Marro et al., 2025), whose yes/no
questions a small model does not answer.
"""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from nokenlab.answers.blends import grid
from nokenlab.interpolation import between, lerp
from nokenlab.lab import Lab
from nokenlab.prompt import fill, word_vector
from workbook.word_lists import read_yaml

PAIRS = Path(__file__).parent / "pairs.yaml"
INTERPOLATIONS = ("lerp", "slerp")
RELATED, UNRELATED = "related", "unrelated"


class Contrast(NamedTuple):
    """Two related words, and the words that should follow the first and the second in a prompt."""

    prompt: str
    a: str
    b: str
    says_a: str
    says_b: str


def read_contrasts(first: int = 0) -> list[Contrast]:
    """The first of nokenlab's own fifty, one from each prompt in turn, 0 for all.

    Raises ValueError for a single one, which has no unrelated partner.
    """
    if first == 1:
        raise ValueError("contrasts must be at least 2 pairs, or 0 for all: one has no unrelated partner")
    groups = read_yaml(PAIRS)
    prompts = [[Contrast(group["prompt"], *pair.split(", ")) for pair in group["pairs"]] for group in groups]
    in_turn = [pair for pairs in zip_longest(*prompts) for pair in pairs if pair]
    return in_turn[:first] if first else in_turn


def contrast(lab: Lab, pair: Contrast, vectors: Tensor) -> Tensor:
    """log P(says_a) - log P(says_b), less the centroid's: (vectors, width) -> (vectors,).

    Each by its first token, with its space; in nats.
    """
    says = [int(lab.ids_behind(f" {word}")[0]) for word in (pair.says_a, pair.says_b)]
    with_centroid = torch.cat([lab.space.centroid.cpu()[None], vectors])
    logits = lab.logits(fill(lab, pair.prompt, with_centroid))[:, says].cpu()  # (1 + vectors, 2)
    difference = logits[:, 0] - logits[:, 1]
    return difference[1:] - difference[0]


def compare(lab: Lab, contrasts: Sequence[Contrast], points: int = 21) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each pair beside an unrelated one, along the line and the arc: all points, and one row per curve.

    The unrelated partner is the second word of a pair of another prompt whose own contrast is nearest to b's,
    so that both curves end about equally far away. Points have columns pair ("tomato, lemon"), prompt, b (the
    partner), of ("related", "unrelated"), way (the interpolation), p, contrast (nats), line (log-linear).
    Rows have model, pair, prompt, b, of, way, at_a, at_b (contrast at the ends), gate (a's is above 0, and
    both partners' below), deviation (the root mean square of contrast - line, divided by |at_a - at_b|).
    """
    p, c = grid(points), lab.space.centroid.cpu()
    vectors = {pair: [word_vector(lab, word) for word in (pair.a, pair.b)] for pair in contrasts}
    parts = []
    for pair in contrasts:
        a, b = vectors[pair]
        others = [other for other in contrasts if other.prompt != pair.prompt]
        if not others:
            raise ValueError("contrasts must have at least two prompts: unrelated partners are another's")
        ends = contrast(lab, pair, torch.stack([a, b, *(vectors[other][1] for other in others)]))
        nearest = others[int((ends[2:] - ends[1]).abs().argmin())]
        partners = {RELATED: (pair.b, b), UNRELATED: (nearest.b, vectors[nearest][1])}
        curves = [(of, name) for of in partners for name in INTERPOLATIONS]
        mixed = torch.cat([between(a, partners[of][1], p, name, c) for of, name in curves])
        names = {"pair": f"{pair.a}, {pair.b}", "prompt": pair.prompt}
        for (of, name), values in zip(curves, contrast(lab, pair, mixed).split(points), strict=True):
            part = pd.DataFrame({"p": p, "contrast": values, "line": lerp(values[0], values[-1], p)})
            parts.append(part.assign(**names, b=partners[of][0], of=of, way=name))
    table = pd.concat(parts, ignore_index=True)
    return table, _deviations(table).assign(model=lab.name)


def _deviations(points: pd.DataFrame) -> pd.DataFrame:
    """One row per curve; see `compare`."""
    bend = (points["contrast"] - points["line"]) ** 2
    groups = points.assign(bend=bend).groupby(["pair", "prompt", "b", "of", "way"], sort=False)
    table = groups.agg(at_a=("contrast", "first"), at_b=("contrast", "last"), bend=("bend", "mean"))
    apart = (table["at_a"] - table["at_b"]).abs().where(table["at_a"] != table["at_b"])
    table["deviation"] = table.pop("bend") ** 0.5 / apart
    table = table.reset_index()
    passes = (table["at_a"] > 0) & (table["at_b"] < 0)
    table["gate"] = passes.groupby(table["pair"]).transform("all")
    return table
