"""Noise on words and on nokens: how far a vector can be pushed before the model's definition of it changes.

After the third post of "Mapping the semantic void" (GPT-J), whose radii these are. What is counted is in
`semantic_decay_counts`.
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
from workbook.definitions.tables import first_sentence

WORD = "word"
CALIPER = 1.5  # words and nokens are matched where neither is more than so many times as sure as the other
NOISE_SEEDS = 1_000_000  # noise must not lie in the direction of a noken, which has the seeds from 0 on


def subjects(
    lab: Lab, words: Sequence[str], radii: Sequence[float], count: int, seed: int = 0
) -> tuple[pd.DataFrame, Tensor]:
    """What is to be shaken: tokens of words, and `count` nokens at each distance from the centroid.

    Words that end in the same token count once. Each noken has a direction of its own. Returns a table with
    a row a subject: subject (its name), family ("word", "r = 0.5", …), norm, distance (from the centroid),
    medians (the same in distances of the median token), token (the nearest other one, by Euclidean distance)
    and nearest (that distance); and the vectors, (subjects, width), float32 on the CPU.
    Raises ValueError for words, radii or a count of which there can be no subjects.
    """
    if not all(word.strip() for word in words) or (not len(words) and not len(radii)):
        raise ValueError(f"words are no empty texts, and there is a word or a radius at least; got {words}")
    if not np.isfinite(radii).all() or len(set(radii)) < len(radii) or min(radii, default=1) <= 0:
        raise ValueError(f"radii are finite numbers above 0, each once; got {radii}")
    if count < 1:
        raise ValueError(f"count is at least 1, got {count}")
    ids = {}
    for word in words:
        ids.setdefault(lab.ids(f" {word}")[-1].item(), word)
    centroid = lab.space.centroid.cpu()
    seeds = {radius: range(seed + i * count, seed + (i + 1) * count) for i, radius in enumerate(radii)}
    shells = [shell(centroid, seeds[radius], radius) for radius in radii]
    vectors = torch.cat([*(word_vector(lab, word)[None] for word in ids.values()), *shells])
    tokens, nearest = _nearest(lab, vectors, list(ids))
    distance = (vectors - centroid).norm(dim=-1)
    columns = {
        "subject": [*ids.values(), *(f"r {radius:g} no. {s}" for radius in radii for s in seeds[radius])],
        "family": [WORD] * len(ids) + [f"r = {radius:g}" for radius in radii for _ in range(count)],
        "norm": vectors.norm(dim=-1).tolist(),
        "distance": distance.tolist(),
        "medians": (distance / lab.space.median_distance).tolist(),
        "token": tokens,
        "nearest": nearest.tolist(),
    }
    return pd.DataFrame(columns), vectors


def noisy(vector: Tensor, magnitude: float, seeds: Sequence[int]) -> Tensor:
    """A vector (width,) plus noise of exactly this length, a row a seed: (seeds, width), float32 on the CPU.

    A seed has the same direction at every magnitude and for every vector.
    """
    return shell(vector, [NOISE_SEEDS + seed for seed in seeds], magnitude)


def originals(lab: Lab, vectors: Tensor, prompt: str, max_new_tokens: int = 8) -> pd.DataFrame:
    """What the model says of each vector (vectors, width), greedily, up to the first full stop.

    Columns: definition, sure (the probability of all its tokens together), ids (its tokens, the one with the
    full stop included).
    """
    found = []
    for part in fill(lab, prompt, vectors).split(lab.rows_at_once):
        ids, logs = torch.full((len(part), max_new_tokens), -1), torch.zeros(len(part), max_new_tokens)
        for step in lab.sample(part, max_new_tokens):
            best, rows = step.logits.log_softmax(-1).max(-1), step.rows.cpu()
            ids[rows, step.index], logs[rows, step.index] = best.indices.cpu(), best.values.cpu()
        found += [to_full_stop(lab, *row) for row in zip(ids.tolist(), logs.tolist(), strict=True)]
    return pd.DataFrame(found, columns=["definition", "sure", "ids"])


def to_full_stop(lab: Lab, ids: list[int], logs: list[float]) -> tuple[str, float, list[int]]:
    """A definition, its probability and its ids, from new ids and the logarithms of their probabilities.

    It ends with the first token that has a full stop in it, or before the first id -1: there is none.
    """
    ids = [id for id in ids if id >= 0]
    texts = [lab.text([id]) for id in ids]
    end = next((i + 1 for i, text in enumerate(texts) if "." in text), len(ids))
    return first_sentence(lab.text(ids[:end])), float(np.exp(sum(logs[:end]))), ids[:end]


def equally_sure(subjects: pd.DataFrame) -> np.ndarray:
    """Which subjects have a partner, a word and a noken each, whose definition is as sure: (subjects,).

    One to one: the nearest pair on the logarithm of `sure` first, then the nearest of those that are left, up
    to `CALIPER` (nearest neighbours without replacement). What noise does to them has no say in it.
    """
    sure, word = np.log(subjects["sure"].to_numpy()), (subjects["family"] == WORD).to_numpy()
    words, nokens = np.flatnonzero(word), np.flatnonzero(~word)
    apart = np.abs(sure[words, None] - sure[nokens])  # (words, nokens)
    matched = np.zeros(len(subjects), dtype=bool)
    for pair in apart.argsort(axis=None, kind="stable")[: (apart <= np.log(CALIPER)).sum()]:
        row, column = np.unravel_index(pair, apart.shape)
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
    """Noise of each magnitude on each subject, in `draws` directions of its own, the same at each magnitude.

    Returns the subjects with columns more: prompt, definition and sure (see `originals`), matched (see
    `equally_sure`); and a table with a row a subject, magnitude and draw: subject, family, prompt, matched,
    magnitude, medians, seed, grown (the length over that without noise), angle (to the vector without noise,
    degrees), kept (the whole definition is the same, token for token), first (its first token is), kl (bits,
    of the first token's distribution from that without noise), kl_turned (the same for the noisy vector
    rescaled to its length without noise), kl_along (for the vector without noise, rescaled to that with it).
    Raises ValueError for magnitudes, draws or max_new_tokens that are no such thing.
    """
    _check_noise(magnitudes, draws, max_new_tokens)
    said = originals(lab, vectors, prompt, max_new_tokens)
    subjects = subjects.assign(prompt=prompt).join(said.drop(columns="ids"))
    subjects["matched"] = equally_sure(subjects)
    still = lab.logits(fill(lab, prompt, vectors))  # (subjects, vocab)
    magnitudes, parts = sorted(map(float, magnitudes)), []
    for row, clean, ids, reference in zip(subjects.itertuples(), vectors, said["ids"], still, strict=True):
        seeds = range(seed + row.Index * draws, seed + (row.Index + 1) * draws)
        head = {name: getattr(row, name) for name in ("subject", "family", "prompt", "matched")}
        parts.append(pd.DataFrame(head | _shaken(lab, prompt, clean, magnitudes, seeds, ids, reference)))
    table = pd.concat(parts, ignore_index=True)
    table.insert(5, "medians", table["magnitude"] / lab.space.median_distance)
    return subjects, table


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
    shaken = torch.cat([noisy(vectors[name], m, [seed]) for name, m in rows])
    said = originals(lab, shaken, prompt, max_new_tokens)["definition"]
    return pd.DataFrame(rows, columns=["subject", "magnitude"]).assign(definition=said)


def _check_noise(magnitudes: Sequence[float], draws: int, max_new_tokens: int) -> None:
    if not len(magnitudes) or min(magnitudes) <= 0 or not np.isfinite(magnitudes).all():
        raise ValueError(f"magnitudes are finite numbers above 0, at least one; got {magnitudes}")
    if len(set(magnitudes)) < len(magnitudes):
        raise ValueError(f"each magnitude once; got {magnitudes}")
    if draws < 1 or max_new_tokens < 1:
        raise ValueError(f"draws and max_new_tokens are at least 1, got {draws} and {max_new_tokens}")


def _nearest(lab: Lab, vectors: Tensor, ids: list[int]) -> tuple[list[str], Tensor]:
    """The nearest token of each vector and its distance; the first are the tokens `ids` themselves."""
    space = lab.space
    exact = "donot_use_mm_for_euclid_dist"
    away = torch.cdist(vectors.to(space.vectors.device), space.vectors.float(), compute_mode=exact).cpu()
    if ids:
        away[range(len(ids)), space.rows(torch.tensor(ids))] = torch.inf  # (vectors, tokens)
    best = away.min(dim=-1)
    return [lab.token(id) for id in space.ids[best.indices].tolist()], best.values


def _shaken(
    lab: Lab,
    prompt: str,
    clean: Tensor,
    magnitudes: list[float],
    seeds: Sequence[int],
    ids: list[int],
    reference: Tensor,
) -> dict[str, list]:
    """The columns of `disturb` for one vector (width,), its definition's ids and its next logits (vocab,)."""
    found = torch.cat([noisy(clean, m, seeds) for m in magnitudes])  # (magnitudes * seeds, width)
    grown = found.norm(dim=-1) / clean.norm()  # (magnitudes * seeds,)
    turned, along = rescale(found, clean.norm().item()), clean * grown[:, None]
    cosine = torch.cosine_similarity(found, clean[None], dim=-1).clamp(-1, 1)
    return {
        "magnitude": [m for m in magnitudes for _ in seeds],
        "seed": list(seeds) * len(magnitudes),
        "grown": grown.tolist(),
        "angle": cosine.acos().rad2deg().tolist(),
        **_follow(lab, fill(lab, prompt, found), ids, reference),
        "kl_turned": kl(lab.logits(fill(lab, prompt, turned)), reference).tolist(),
        "kl_along": kl(lab.logits(fill(lab, prompt, along)), reference).tolist(),
    }


def _follow(lab: Lab, prompts: Tensor, original: list[int], reference: Tensor) -> dict[str, list]:
    """The columns kept, first and kl of `disturb` for prompts (rows, tokens, width)."""

    def stop(ids: Tensor, scores: Tensor) -> Tensor:
        """Ends a row where it parts from the original: what it says from there on is not asked."""
        parted = scores.argmax(-1) != original[ids.shape[1]]
        ended = scores.clone()
        ended[:, lab.eos_ids] = torch.inf
        return torch.where(parted[:, None], ended, scores)

    found = {"kept": [], "first": [], "kl": []}
    for part in prompts.split(lab.rows_at_once):
        same = torch.zeros(len(part), len(original), dtype=torch.bool, device=part.device)
        for step in lab.sample(part, len(original), processors=[stop]):
            same[step.rows, step.index] = step.logits.argmax(-1) == original[step.index]
            if step.index == 0:
                found["kl"] += kl(step.logits, reference).tolist()
        found["kept"] += same.all(-1).tolist()
        found["first"] += same[:, 0].tolist()
    return found
