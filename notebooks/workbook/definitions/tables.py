"""Nokens ever farther from the centroid, with controls: what the model says they mean.

After "Mapping the semantic void" (GPT-J): its two prompts, its radii; the controls are ours.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from nokenlab.lab import Lab
from nokenlab.measures import next_token
from nokenlab.nokens import random_nokens, rescale, shell
from nokenlab.prompt import NOKEN, fill, word_vector
from workbook import scale
from workbook.claims.statistics import confidence_interval, ratio_of_means, share_interval
from workbook.definitions.themes import NONE, column

PROMPTS = (f"A typical definition of '{NOKEN}' would be '", f"A typical definition of {NOKEN} is")
REAL = "real token"
KINDS = {
    "raw": "c + r·u: the centroid, and r in a random direction",
    "centroid norm": "the same vectors, each rescaled to the centroid's norm: only turned",
    "origin": "r·u: the same directions from zero in place of the centroid",
    "covariance": "c + r·g: directions from a Gaussian with the tokens' covariance",
    "shuffled": "c + r·s: a token's offset from the centroid, its numbers shuffled",
    "temperature 1": "the raw nokens; the text is drawn at random, not greedy",
    REAL: "random real tokens, for comparison; they have no r, and seed is the token's id",
}
WORDS = ("dog", "king", "music", "water", "house", "money", "book", "river", "doctor", "winter")
ROWS = 128  # next-token distributions held at once: a row is as long as the vocabulary


def vectors(lab: Lab, kind: str, radius: float, seeds: Sequence[int]) -> Tensor:
    """The nokens of one of `KINDS` and one radius, one row per seed: (seeds, width), float32 on the CPU.

    The radius is in units of `scale.unit`.
    """
    c, seeds, distance = lab.space.centroid.cpu(), list(seeds), radius * scale.unit(lab)
    if kind in ("raw", "temperature 1"):
        return shell(c, seeds, distance)
    if kind == "centroid norm":
        return rescale(shell(c, seeds, distance), c.norm().item())
    if kind == "origin":
        return random_nokens(lab.width, seeds, norm=distance)
    if kind == "covariance":
        variances, directions = lab.space.principal
        gaussian = random_nokens(lab.width, seeds) * variances.sqrt() @ directions
        return c + rescale(gaussian, distance)
    if kind == "shuffled":
        return c + rescale(torch.stack([_shuffled(lab, seed) for seed in seeds]), distance)
    if kind == REAL:
        return lab.space.vectors[lab.space.rows(torch.tensor(seeds))].float().cpu()
    raise ValueError(f"kind {kind!r} is not one of {', '.join(KINDS)}")


def _shuffled(lab: Lab, seed: int) -> Tensor:
    """A random token's offset from the centroid with its numbers in random order, (width,), on the CPU."""
    generator = torch.Generator().manual_seed(int(seed))
    token = torch.randint(len(lab.space), (), generator=generator)
    order = torch.randperm(lab.width, generator=generator)
    return (lab.space.vectors[token].float() - lab.space.centroid).cpu()[order]


def first_sentence(text: str) -> str:
    """A text up to its first full stop, which is left out, and without spaces at its ends."""
    return text.split(".", 1)[0].strip()


def subjects(lab: Lab, radii: Sequence[float], count: int, tokens: int, seed: int = 0) -> pd.DataFrame:
    """What is to be defined: one row per noken or real token, with kind, radius and seed.

    `count` nokens of each kind at each radius, with seeds seed, seed + 1, …; one where all are equal (radius
    0, unless the text is drawn). Then `tokens` random real tokens: radius NaN, seed the token's id.
    """
    if not any(radii):
        raise ValueError(f"radii needs at least one above 0, got {radii}")
    drawn = torch.randperm(len(lab.space), generator=torch.Generator().manual_seed(seed))[:tokens]
    rows = [
        (kind, float(radius), seed + i)
        for kind in KINDS
        if kind != REAL
        for radius in radii
        for i in range(count if radius or kind == "temperature 1" else 1)
    ]
    rows += [(REAL, float("nan"), id) for id in lab.space.ids[drawn].tolist()]
    return pd.DataFrame(rows, columns=["kind", "radius", "seed"])


def probe(lab: Lab, subjects: pd.DataFrame, prompts: Sequence[str] = PROMPTS) -> pd.DataFrame:
    """The next token after each row of a `subjects` table, in each prompt; no text yet.

    Columns: kind, prompt, radius (in units of `scale.unit`), medians (the same in distances of the median
    token from the centroid), seed, norm, angle (to the centroid, degrees), next_token, probability (its),
    entropy (bits), kl (bits, from the next-token distribution of the centroid itself in that prompt: one
    reference for all kinds).
    """
    nokens, c = _vectors(lab, subjects), lab.space.centroid.cpu()[None]
    table = subjects.reset_index(drop=True)
    table.insert(2, "medians", table["radius"] * scale.unit(lab) / lab.space.median_distance)
    table["norm"] = nokens.norm(dim=-1).tolist()
    table["angle"] = cosine_similarity(nokens, c, dim=-1).clamp(-1, 1).acos().rad2deg().tolist()
    tables = []
    for prompt in prompts:
        (reference,) = lab.logits(fill(lab, prompt, c))  # (vocab,)
        logits = (lab.logits(fill(lab, prompt, batch)) for batch in nokens.split(ROWS))
        measures = [pd.DataFrame(next_token(lab, batch, reference)) for batch in logits]
        tables.append(table.join(pd.concat(measures, ignore_index=True)))
        tables[-1].insert(1, "prompt", prompt)
    return pd.concat(tables, ignore_index=True)


def _vectors(lab: Lab, rows: pd.DataFrame) -> Tensor:
    """The vector of each row by its kind, radius and seed, (rows, width), float32 on the CPU."""
    nokens = torch.empty(len(rows), lab.width)
    for (kind, radius), group in rows.reset_index(drop=True).groupby(["kind", "radius"], dropna=False):
        nokens[group.index.tolist()] = vectors(lab, kind, radius, group["seed"])
    return nokens


def define(lab: Lab, probed: pd.DataFrame, max_new_tokens: int = 16) -> pd.DataFrame:
    """A `probe` table with one more column: definition (what the model says, up to the first full stop).

    Greedy, except "temperature 1": row i of a prompt is drawn with seed i.
    """
    definitions = pd.Series("", index=probed.index)
    for (prompt, drawn), rows in probed.groupby(["prompt", probed["kind"] == "temperature 1"], sort=False):
        seeds = range(len(rows)) if drawn else None
        texts = lab.generate(fill(lab, prompt, _vectors(lab, rows)), max_new_tokens, seeds=seeds)
        definitions[rows.index] = [first_sentence(text) for text in texts]
    return probed.assign(definition=definitions)


def directions(
    lab: Lab, probed: pd.DataFrame, seed: int = 0, words: Sequence[str] = WORDS, count: int = 10
) -> pd.DataFrame:
    """The angle held, the length not: words' and random nokens' directions at the raw nokens' lengths.

    Directions are those of the words' embeddings and of `count` random nokens with seeds from `seed` on.
    Prompts and lengths are those of a `probe` table. Columns: direction (its name), of ("word" or "noken"),
    prompt, radius, norm (the median norm of the raw nokens of that radius), next_token, probability, entropy
    and kl (bits; kl from the same direction at the centroid's norm).
    """
    seeds = range(seed, seed + count)
    ends = torch.stack([*(word_vector(lab, word) for word in words), *random_nokens(lab.width, seeds)])
    names = [*words, *(f"noken {i}" for i in seeds)]
    norms = probed[probed["kind"] == "raw"].groupby("radius")["norm"].median()
    lengths = torch.tensor([lab.space.centroid.norm().item(), *norms])
    nokens = normalize(ends, dim=-1)[:, None] * lengths[:, None]  # (directions, lengths, width)
    index = pd.MultiIndex.from_product([names, norms.index], names=["direction", "radius"])
    tables = []
    for prompt in probed["prompt"].unique():
        logits = lab.logits(fill(lab, prompt, nokens.flatten(0, 1))).unflatten(0, nokens.shape[:2])
        changed, start = logits[:, 1:], logits[:, :1].expand_as(logits[:, 1:])
        measures = next_token(lab, changed.flatten(0, 1), start.flatten(0, 1))
        tables.append(pd.DataFrame({"prompt": prompt} | measures, index=index).reset_index())
    table = pd.concat(tables, ignore_index=True)
    table.insert(1, "of", ["word" if name in words else "noken" for name in table["direction"]])
    table.insert(4, "norm", table["radius"].map(norms))
    return table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """A `define` table by prompt, kind and radius.

    Columns: prompt, kind, radius, medians, rows, angle, entropy, kl (medians), different (definitions).
    """
    groups = table.groupby(["prompt", "kind", "radius"], sort=False, dropna=False)
    medians = groups[["medians", "angle", "entropy", "kl"]].median()
    medians.insert(1, "rows", groups.size())
    return medians.assign(different=groups["definition"].nunique()).reset_index()


def frequencies(table: pd.DataFrame, themes: Sequence[str]) -> pd.DataFrame:
    """How often definitions have each theme, by prompt, kind and radius, from a `define` table with `marks`.

    The unit is one noken or token. Columns: prompt, kind, theme ("none of these" too), radius, medians, unit,
    n_units, hits, share, low, high (Wilson 95 %).
    """
    rows, keys = [], ["prompt", "kind", "radius"]
    for (prompt, kind, radius), group in table.groupby(keys, sort=False, dropna=False):
        unit, count = "token" if kind == REAL else "noken", len(group)
        for theme in [*themes, NONE]:
            row = {"prompt": prompt, "kind": kind, "theme": theme, "radius": radius}
            row |= {"medians": group["medians"].iloc[0], "unit": unit, "n_units": count}
            hits = int(group[column(theme)].sum())
            low, high = share_interval(hits, count)
            rows.append(row | {"hits": hits, "share": hits / count, "low": low, "high": high})
    return pd.DataFrame(rows)


def survival(probed: pd.DataFrame) -> pd.DataFrame:
    """How much of the change with the radius is left when the norm is held, from a `probe` table.

    Change is the mean `kl` from the centroid itself. Columns: prompt, radius, medians, unit, n_units, raw,
    kept (mean kl of kinds "raw" and "centroid norm", bits), share (kept / raw), low, high (95 %, bootstrap
    over nokens; NaN for one noken).
    """
    rows = []
    pairs = probed[probed["kind"].isin(["raw", "centroid norm"]) & (probed["radius"] > 0)]
    for subject, group in pairs.groupby(["prompt", "radius", "medians"], sort=False):
        kl = group.pivot(index="seed", columns="kind", values="kl")
        raw, held = kl["raw"].to_numpy(), kl["centroid norm"].to_numpy()
        means = raw.mean(), held.mean(), ratio_of_means(held, raw)
        rows.append((*subject, "noken", len(kl), *means, *confidence_interval(ratio_of_means, held, raw)))
    names = ["prompt", "radius", "medians", "unit", "n_units", "raw", "kept", "share", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def lengths(directions: pd.DataFrame) -> pd.DataFrame:
    """What the length alone changes, from a `directions` table.

    Columns: prompt, of, radius, norm, unit, n_units, kl (mean, bits), low, high (95 %, over directions).
    """
    rows = []
    for subject, group in directions.groupby(["prompt", "of", "radius", "norm"], sort=False):
        kl = group["kl"].to_numpy()
        rows.append((*subject, "direction", len(kl), kl.mean(), *confidence_interval(np.mean, kl)))
    names = ["prompt", "of", "radius", "norm", "unit", "n_units", "kl", "low", "high"]
    return pd.DataFrame(rows, columns=names)
