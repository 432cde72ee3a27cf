"""Noise on words and nokens: how far a vector can be pushed before the model's definition of it changes.

After the third post of "Mapping the semantic void" (GPT-J), whose radii these are.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab.lab import Lab
from nokenlab.measures import kl
from nokenlab.nokens import rescale, shell
from nokenlab.prompt import fill, word_vector
from workbook import scale
from workbook.definitions.tables import first_sentence

WORD = "word"
CALIPER = 1.5  # a matched word and noken: neither is more than this many times as sure as the other
NOISE_SEEDS = 1_000_000  # noise must not have the direction of a noken, whose seeds start at 0


def subjects(
    lab: Lab, words: Sequence[str], radii: Sequence[float], count: int, seed: int = 0
) -> tuple[pd.DataFrame, Tensor]:
    """The vectors that get noise: tokens of words, and `count` nokens at each distance from the centroid.

    Words that end in the same token count once. Each noken has its own direction. Radii are in units of
    `scale.unit`. Returns a table with one row per subject: subject (its name), family ("word", "r = 0.5", …),
    norm, distance (from the centroid), medians (the same in distances of the median token), token (the
    nearest other one, by Euclidean distance) and nearest (that distance); and the vectors, (subjects, width),
    float32 on the CPU.
    ValueError if there are no words and no radii.
    """
    if not words and not radii:
        raise ValueError("words or radii must not be empty: at least one subject is needed")
    ids = {}
    for word in words:
        ids.setdefault(lab.ids_behind(f" {word}")[-1].item(), word)
    centroid = lab.space.centroid.cpu()
    names, families = list(ids.values()), [WORD] * len(ids)
    vectors = [word_vector(lab, word)[None] for word in names]
    for i, radius in enumerate(radii):
        seeds = range(seed + i * count, seed + (i + 1) * count)
        names += [f"r {radius:g} no. {s}" for s in seeds]
        families += [f"r = {radius:g}"] * count
        vectors.append(shell(centroid, seeds, radius * scale.unit(lab)))
    vectors = torch.cat(vectors)
    tokens, nearest = _nearest(lab, vectors, list(ids))
    distance = (vectors - centroid).norm(dim=-1)
    columns = {
        "subject": names,
        "family": families,
        "norm": vectors.norm(dim=-1).tolist(),
        "distance": distance.tolist(),
        "medians": (distance / lab.space.median_distance).tolist(),
        "token": tokens,
        "nearest": nearest.tolist(),
    }
    return pd.DataFrame(columns), vectors


def _nearest(lab: Lab, vectors: Tensor, ids: list[int]) -> tuple[list[str], Tensor]:
    """The token nearest to each vector and its distance; the first vectors are those of the tokens `ids`."""
    space = lab.space
    exact = "donot_use_mm_for_euclid_dist"
    distances = torch.cdist(vectors.to(space.vectors.device), space.vectors.float(), compute_mode=exact).cpu()
    if ids:
        distances[range(len(ids)), space.rows(torch.tensor(ids))] = torch.inf  # (vectors, tokens)
    best = distances.min(dim=-1)
    return [lab.token(id) for id in space.ids[best.indices].tolist()], best.values


def noisy(vector: Tensor, length: float, seeds: Sequence[int]) -> Tensor:
    """A vector (width,) plus noise of this length, one row per seed: (seeds, width), float32 on the CPU.

    A seed has the same direction at every length and for every vector.
    """
    return shell(vector, [NOISE_SEEDS + seed for seed in seeds], length)


def originals(lab: Lab, vectors: Tensor, prompt: str, max_new_tokens: int = 8) -> pd.DataFrame:
    """What the model says of each vector (vectors, width), greedily, up to the first full stop.

    Columns: definition, sure (the probability of all its tokens together), ids (its tokens, with that of the
    full stop).
    """
    rows = []
    for part in fill(lab, prompt, vectors).split(lab.rows_at_once):
        ids, logs = torch.full((len(part), max_new_tokens), -1), torch.zeros(len(part), max_new_tokens)
        for step in lab.sample(part, max_new_tokens):
            best, going = step.logits.log_softmax(-1).max(-1), step.rows.cpu()
            ids[going, step.index], logs[going, step.index] = best.indices.cpu(), best.values.cpu()
        rows += [to_full_stop(lab, *row) for row in zip(ids.tolist(), logs.tolist(), strict=True)]
    return pd.DataFrame(rows, columns=["definition", "sure", "ids"])


def to_full_stop(lab: Lab, ids: list[int], logs: list[float]) -> tuple[str, float, list[int]]:
    """A definition, its probability and its ids, from new ids and the logarithms of their probabilities.

    It ends with the first token that contains a full stop, or before the first id -1, which is no token.
    """
    ids = [id for id in ids if id >= 0]
    texts = [lab.text([id]) for id in ids]
    end = next((i + 1 for i, text in enumerate(texts) if "." in text), len(ids))
    return first_sentence(lab.text(ids[:end])), float(np.exp(sum(logs[:end]))), ids[:end]


def equally_sure(subjects: pd.DataFrame) -> np.ndarray:
    """Which subjects are matched, a word with a noken, because their definitions are as sure: (subjects,).

    One to one: the nearest pair on the logarithm of `sure` first, then the nearest of the rest, up to
    `CALIPER` (nearest neighbours without replacement). What noise does to them plays no part.
    """
    sure, word = np.log(subjects["sure"].to_numpy()), (subjects["family"] == WORD).to_numpy()
    words, nokens = np.flatnonzero(word), np.flatnonzero(~word)
    gaps = np.abs(sure[words, None] - sure[nokens])  # (words, nokens)
    matched = np.zeros(len(subjects), dtype=bool)
    for pair in gaps.argsort(axis=None, kind="stable")[: (gaps <= np.log(CALIPER)).sum()]:
        row, column = np.unravel_index(pair, gaps.shape)
        both = [words[row], nokens[column]]
        if not matched[both].any():
            matched[both] = True
    return matched


def disturb(
    lab: Lab,
    subjects: pd.DataFrame,
    vectors: Tensor,
    prompt: str,
    magnitudes: Sequence[float],
    draws: int,
    seed: int = 0,
    max_new_tokens: int = 8,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Noise of each magnitude on each subject, in `draws` directions per subject, the same at each magnitude.

    Magnitudes are lengths in units of `scale.unit`.
    Returns the subjects with more columns: prompt, definition and sure (see `originals`), matched (see
    `equally_sure`); and a table with one row per subject, magnitude and draw: subject, family, prompt,
    matched, magnitude, medians, seed, grown (the length divided by that without noise), angle (to the vector
    without noise, degrees), kept (the definition is the same, token for token), first (its first token is),
    kl (bits, of the first token's distribution from that without noise), kl_turned (the same for the noisy
    vector rescaled to its length without noise), kl_along (for the vector without noise, rescaled to that
    with it).
    """
    definitions = originals(lab, vectors, prompt, max_new_tokens)
    subjects = subjects.assign(prompt=prompt).join(definitions.drop(columns="ids"))
    subjects["matched"] = equally_sure(subjects)
    logits = lab.logits(fill(lab, prompt, vectors))  # (subjects, vocab)
    magnitudes, parts, unit = sorted(map(float, magnitudes)), [], scale.unit(lab)
    for i, row in subjects.iterrows():
        seeds = range(seed + i * draws, seed + (i + 1) * draws)
        shaken = torch.cat([noisy(vectors[i], m * unit, seeds) for m in magnitudes])  # (noises, width)
        part = pd.DataFrame({"magnitude": np.repeat(magnitudes, draws), "seed": [*seeds] * len(magnitudes)})
        part = part.join(_changes(lab, prompt, vectors[i], shaken, definitions["ids"][i], logits[i]))
        parts.append(part.assign(**row[["subject", "family", "prompt", "matched"]]))
    table = pd.concat(parts, ignore_index=True)
    table["medians"] = table["magnitude"] * unit / lab.space.median_distance
    first = ["subject", "family", "prompt", "matched", "magnitude", "medians"]
    return subjects, table[[*first, *table.columns.difference(first, sort=False)]]


def _changes(
    lab: Lab, prompt: str, clean: Tensor, shaken: Tensor, definition: list[int], logits: Tensor
) -> pd.DataFrame:
    """The columns of `disturb` from "grown" on, for a vector (width,) and the same with noise (rows, width).

    `definition` has the ids of its definition without noise, and `logits` (vocab,) are those of its first
    token.
    """
    grown = shaken.norm(dim=-1) / clean.norm()  # (rows,)
    turned, along = rescale(shaken, clean.norm().item()), clean * grown[:, None]
    cosine = torch.cosine_similarity(shaken, clean[None], dim=-1).clamp(-1, 1)
    columns = {"grown": grown.tolist(), "angle": cosine.acos().rad2deg().tolist()}
    columns |= _follow(lab, fill(lab, prompt, shaken), definition, logits)
    columns["kl_turned"] = kl(lab.logits(fill(lab, prompt, turned)), logits).tolist()
    columns["kl_along"] = kl(lab.logits(fill(lab, prompt, along)), logits).tolist()
    return pd.DataFrame(columns)


def _follow(lab: Lab, prompts: Tensor, definition: list[int], logits: Tensor) -> dict[str, list]:
    """The columns kept, first and kl of `disturb` for prompts (rows, tokens, width)."""

    def end_where_it_differs(ids: Tensor, scores: Tensor) -> Tensor:
        differs = scores.argmax(-1) != definition[ids.shape[1]]
        ended = scores.clone()
        ended[:, lab.eos_ids] = torch.finfo(scores.dtype).max
        return torch.where(differs[:, None], ended, scores)

    columns = {"kept": [], "first": [], "kl": []}
    for part in prompts.split(lab.rows_at_once):
        same = torch.zeros(len(part), len(definition), dtype=torch.bool, device=part.device)
        for step in lab.sample(part, len(definition), processors=[end_where_it_differs]):
            same[step.rows, step.index] = step.logits.argmax(-1) == definition[step.index]
            if step.index == 0:
                columns["kl"] += kl(step.logits, logits).tolist()
        columns["kept"] += same.all(-1).tolist()
        columns["first"] += same[:, 0].tolist()
    return columns


def becomes(
    lab: Lab,
    vectors: dict[str, Tensor],
    prompt: str,
    magnitudes: Sequence[float],
    seed: int,
    max_new_tokens: int,
) -> pd.DataFrame:
    """What the definitions turn into, along one direction of noise, for vectors (width,) by name.

    Columns: subject, magnitude (0 first), definition.
    """
    rows = [(name, m) for name in vectors for m in sorted({0.0, *map(float, magnitudes)})]
    shaken = torch.cat([noisy(vectors[name], m * scale.unit(lab), [seed]) for name, m in rows])
    definitions = originals(lab, shaken, prompt, max_new_tokens)["definition"]
    return pd.DataFrame(rows, columns=["subject", "magnitude"]).assign(definition=definitions)
