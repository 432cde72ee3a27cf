"""Nokens ever farther from the centroid, and controls beside them: what the model says they mean.

After "Mapping the semantic void" (GPT-J): its two prompts, its radii; the controls are ours.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from nokenlab.experiments.themes import NONE, matches
from nokenlab.lab import Lab
from nokenlab.measures import next_token
from nokenlab.nokens import NOKEN, fill, random_nokens, rescale, shell
from nokenlab.statistics import bootstrap, ratio_of_means, wilson

PROMPTS = (f"A typical definition of '{NOKEN}' would be '", f"A typical definition of {NOKEN} is")
KINDS = {
    "raw": "c + r·u: the centroid, and r in a random direction",
    "token norm": "the same vectors, each rescaled to the norm of the median token",
    "origin": "r·u: the same directions from zero in place of the centroid",
    "covariance": "c + r·g: directions from a Gaussian with the tokens' covariance",
    "shuffled": "c + r·s: a token's offset from the centroid, its numbers shuffled",
    "temperature 1": "the raw nokens; the text is drawn at random, not greedy",
}
FIXED_ANGLE = "centroid's direction"


def vectors(lab: Lab, kind: str, radius: float, seeds: Sequence[int]) -> Tensor:
    """The nokens of one kind and radius, a row a seed: (seeds, width), float32 on the CPU. See `KINDS`.

    "centroid's direction" has the norms of the raw nokens and one direction, the centroid's: its angle
    never changes. Raises ValueError for a kind that is not there.
    """
    c, seeds = lab.space.centroid.cpu(), list(seeds)
    if kind in ("raw", "temperature 1"):
        return shell(c, seeds, radius)
    if kind == "token norm":
        return rescale(shell(c, seeds, radius), lab.space.median_norm)
    if kind == FIXED_ANGLE:
        return normalize(c, dim=0) * shell(c, seeds, radius).norm(dim=-1, keepdim=True)
    if kind == "origin":
        return random_nokens(lab.width, seeds, norm=radius)
    if kind == "covariance":
        variances, directions = lab.space.principal
        drawn = random_nokens(lab.width, seeds) * variances.sqrt() @ directions
        return c + rescale(drawn, radius)
    if kind == "shuffled":
        return c + rescale(torch.stack([_shuffled(lab, seed) for seed in seeds]), radius)
    raise ValueError(f"kind {kind!r} is none of {', '.join([*KINDS, FIXED_ANGLE])}")


def _shuffled(lab: Lab, seed: int) -> Tensor:
    """A random token's offset from the centroid with its numbers in random order, (width,), on the CPU."""
    generator = torch.Generator().manual_seed(int(seed))
    token = torch.randint(len(lab.space), (), generator=generator)
    order = torch.randperm(lab.width, generator=generator)
    return (lab.space.vectors[token].float() - lab.space.centroid).cpu()[order]


def first_sentence(text: str) -> str:
    """A text up to its first full stop, which is left out, and without spaces at its ends."""
    return text.split(".", 1)[0].strip()


def probe(
    lab: Lab,
    radii: Sequence[float],
    count: int,
    kinds: Sequence[str],
    prompts: Sequence[str] = PROMPTS,
    seed: int = 0,
) -> pd.DataFrame:
    """The first next token after `count` nokens of each kind, radius and prompt; no text yet.

    Columns: model, kind, prompt, radius, medians (the radius in distances of the median token from the
    centroid), seed (seed, seed + 1, …), norm, angle (to the centroid, degrees), next_token, probability
    (its), entropy (bits), kl (bits, from the next-token distribution of the same kind and prompt at radius
    0). Where all nokens of a radius are one (radius 0) there is one row.
    """
    if count < 1 or not len(radii) or not len(prompts):
        raise ValueError(f"at least one noken, radius and prompt are needed: {count}, {radii}, {prompts}")
    if min(radii) < 0 or not np.isfinite(radii).all() or len(set(radii)) < len(radii) or max(radii) == 0:
        raise ValueError(f"radii are finite numbers, 0 or more, each once, one above 0; got {radii}")
    tables = [_probe_kind(lab, kind, radii, count, prompts, seed) for kind in kinds]
    table = pd.concat(tables, ignore_index=True)
    table.insert(4, "medians", table["radius"] / lab.space.median_distance)
    return table


def _probe_kind(
    lab: Lab, kind: str, radii: Sequence[float], count: int, prompts: Sequence[str], seed: int
) -> pd.DataFrame:
    """`probe` of one kind, without medians."""
    seeds = {float(radius): _seeds(kind, radius, count, seed) for radius in radii}
    found = torch.cat([vectors(lab, kind, *walk) for walk in seeds.items()])  # (nokens, width)
    still = vectors(lab, kind, 0.0, [seed])  # (1, width)
    cosine = cosine_similarity(found, lab.space.centroid.cpu()[None], dim=-1)  # (nokens,)
    where = {
        "radius": [radius for radius, some in seeds.items() for _ in some],
        "seed": list(chain.from_iterable(seeds.values())),
        "norm": found.norm(dim=-1).tolist(),
        "angle": cosine.clamp(-1, 1).acos().rad2deg().tolist(),
    }
    tables = []
    for prompt in prompts:
        logits = lab.logits(fill(lab, prompt, torch.cat([still, found])))  # (1 + nokens, vocab)
        said = next_token(lab, logits[1:], logits[0])
        tables.append(pd.DataFrame({"model": lab.name, "kind": kind, "prompt": prompt} | where | said))
    return pd.concat(tables)


def define(
    lab: Lab, probed: pd.DataFrame, max_new_tokens: int = 16, temperature_seed: int = 0
) -> pd.DataFrame:
    """A `probe` table with what the model says: one column more, definition (up to the first full stop).

    Greedy, but for "temperature 1", where row i draws by the seed `temperature_seed` + i.
    """
    said = pd.Series("", index=probed.index)
    for (kind, prompt), rows in probed.groupby(["kind", "prompt"], sort=False):
        found = torch.cat([vectors(lab, kind, row.radius, [row.seed]) for row in rows.itertuples()])
        seeds = range(temperature_seed, temperature_seed + len(rows)) if kind == "temperature 1" else None
        texts = lab.generate(fill(lab, prompt, found), max_new_tokens, seeds=seeds)
        said[rows.index] = [first_sentence(text) for text in texts]
    return probed.assign(definition=said)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """A `define` table by kind and radius.

    Columns: kind, radius, medians, rows, angle, entropy, kl (medians), different (definitions).
    """
    by = table.groupby(["kind", "radius"], sort=False)
    found = by[["medians", "angle", "entropy", "kl"]].median()
    found.insert(1, "rows", by.size())
    return found.assign(different=by["definition"].nunique()).reset_index()


def frequencies(table: pd.DataFrame, themes: dict[str, list[str]]) -> pd.DataFrame:
    """How often each theme is met, by kind and radius, all prompts together.

    Columns: kind, theme ("none of these" too), radius, medians, hits, rows, share, low, high (Wilson 95 %).
    """
    marks = [matches(text, themes) or [NONE] for text in table["definition"]]
    found = []
    for (kind, radius), rows in table.groupby(["kind", "radius"], sort=False):
        for theme in [*themes, NONE]:
            hits, count = sum(theme in marks[i] for i in rows.index), len(rows)
            medians = rows["medians"].iloc[0]
            found.append((kind, theme, radius, medians, hits, count, hits / count, *wilson(hits, count)))
    names = ["kind", "theme", "radius", "medians", "hits", "rows", "share", "low", "high"]
    return pd.DataFrame(found, columns=names)


def survival(probed: pd.DataFrame, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """How much of the change with radius is left when norm, or angle, is held: from a `probe` table.

    Change is the mean `kl` from radius 0 of the same kind. "norm fixed" is the change of kind "token norm"
    over that of "raw"; "angle fixed" that of "centroid's direction" over that of "raw". Columns: held,
    radius, medians, raw, kept (mean kl, bits), share (kept / raw), low, high (95 % of `draws` bootstrap
    samples of nokens; NaN for one noken).
    """
    rows = []
    mean = probed.groupby(["kind", "radius", "seed"])["kl"].mean()  # over prompts, which share their nokens
    for held, kind in {"norm": "token norm", "angle": FIXED_ANGLE}.items():
        for radius, medians in probed[probed["radius"] > 0].groupby("radius")["medians"].first().items():
            raw, kept = mean["raw", radius].to_numpy(), mean[kind, radius].to_numpy()
            share = ratio_of_means(kept, raw)
            interval = bootstrap(ratio_of_means, kept, raw, draws=draws, seed=seed)
            rows.append((held, radius, medians, raw.mean(), kept.mean(), share, *interval))
    names = ["held", "radius", "medians", "raw", "kept", "share", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _seeds(kind: str, radius: float, count: int, seed: int) -> list[int]:
    one = radius == 0 and kind != "temperature 1"  # all directions end in one point
    return [seed + i for i in range(1 if one else count)]
