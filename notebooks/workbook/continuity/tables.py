"""Continuity: does what is said of a mixture change evenly from one word to a related one?

"The color of <noken> is": the contrast is log P(red) - log P(yellow), less that of the centroid. Log-linear
outputs go from the one end's to the other's in a straight line; how far a way bends off it is its deviation.
After "Large language models are implicitly continuous" (S. Marro et al., 2025), whose yes/no questions a
small model does not answer.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
import yaml
from torch import Tensor

from nokenlab.answers.blends import grid
from nokenlab.interpolation import between, lerp
from nokenlab.lab import Lab
from nokenlab.prompt import fill, word_vector

FILE = Path(__file__).parent / "pairs.yaml"
ON = ("lerp", "slerp")  # ways of `INTERPOLATIONS`
RELATED, UNRELATED = "related", "unrelated"


class Contrast(NamedTuple):
    """Two related words, and the words that are said of the first and of the second behind a prompt."""

    prompt: str
    a: str
    b: str
    says_a: str
    says_b: str


def contrasts_of(first: int = 0) -> list[Contrast]:
    """The first of nokenlab's own fifty, taken from each prompt in turn, 0 for all.

    Raises ValueError for one alone, which has no unrelated partner.
    """
    if first == 1:
        raise ValueError("contrasts wants at least 2 pairs, or 0 for all: one has no unrelated partner")
    groups = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    rows = [
        (place, Contrast(group["prompt"], *(word.strip() for word in pair.split(","))))
        for group in groups
        for place, pair in enumerate(group["pairs"])
    ]
    every = [one for _, one in sorted(rows, key=lambda row: row[0])]
    return every[:first] if first else every


def contrast(lab: Lab, one: Contrast, vectors: Tensor) -> Tensor:
    """log P(said of a) - log P(said of b), less the centroid's: (vectors, width) -> (vectors,).

    Each by its first token, with its space; in nats.
    """
    says = [int(lab.ids(f" {word}")[0]) for word in (one.says_a, one.says_b)]
    every = torch.cat([lab.space.centroid.cpu()[None], vectors])
    logits = lab.logits(fill(lab, one.prompt, every))[:, says].cpu()  # (1 + vectors, 2)
    found = logits[:, 0] - logits[:, 1]
    return found[1:] - found[0]


def compared(lab: Lab, contrasts: Sequence[Contrast], points: int = 21) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each pair beside an unrelated one, along the line and the arc: the ways, and a row a way.

    The unrelated partner is the second word of a pair of another prompt whose own contrast is nearest to b's,
    so that both ways lead equally far. Ways have columns pair ("tomato, lemon"), prompt, b (the partner), of
    ("related", "unrelated"), way, p, contrast (nats), line (log-linear). Rows have model, pair, prompt, b,
    of, way, at_a, at_b (contrast at the ends), gate (a's is above 0, and both partners' below), deviation
    (the root mean square of contrast - line, in parts of at_a - at_b).
    """
    p, c = grid(points), lab.space.centroid.cpu()
    vectors = {one: [word_vector(lab, word) for word in (one.a, one.b)] for one in contrasts}
    parts = []
    for one in contrasts:
        a, b = vectors[one]
        others = [other for other in contrasts if other.prompt != one.prompt]
        if not others:
            raise ValueError("contrasts of at least two prompts are needed: unrelated partners are another's")
        ends = contrast(lab, one, torch.stack([a, b, *(vectors[other][1] for other in others)]))
        nearest = others[int((ends[2:] - ends[1]).abs().argmin())]
        partners = {RELATED: (one.b, b), UNRELATED: (nearest.b, vectors[nearest][1])}
        ways = [(of, way) for of in partners for way in ON]
        found = contrast(lab, one, torch.cat([between(a, partners[of][1], p, way, c) for of, way in ways]))
        for (of, way), values in zip(ways, found.view(len(ways), -1), strict=True):
            same = {"pair": f"{one.a}, {one.b}", "prompt": one.prompt, "b": partners[of][0], "of": of}
            line = lerp(values[0], values[-1], p)
            parts.append(pd.DataFrame({"p": p, "contrast": values, "line": line}).assign(**same, way=way))
    ways = pd.concat(parts, ignore_index=True)
    return ways, _bent(ways).assign(model=lab.name)


def _bent(ways: pd.DataFrame) -> pd.DataFrame:
    """A row a way; see `compared`."""
    keys = ["pair", "prompt", "b", "of", "way"]
    rows = []
    for names, one in ways.groupby(keys, sort=False):
        at_a, at_b = one["contrast"].iloc[[0, -1]]
        bent = ((one["contrast"] - one["line"]) ** 2).mean() ** 0.5
        apart = abs(at_a - at_b)
        rows.append(dict(zip(keys, names, strict=True)) | {"at_a": at_a, "at_b": at_b})
        rows[-1]["deviation"] = bent / apart if apart else float("nan")
    table = pd.DataFrame(rows)
    passes = (table["at_a"] > 0) & (table["at_b"] < 0)
    table["gate"] = passes.groupby(table["pair"]).transform("all")
    return table
