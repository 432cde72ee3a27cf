"""Noise on words and on nokens: how far a vector can be pushed before the model's definition of it changes.

After the third post of "Mapping the semantic void" (GPT-J), whose radii these are. What is counted is in
`decay_tables`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nokenlab.experiments.definitions import first_sentence
from nokenlab.measures import kl
from nokenlab.nokens import fill, rescale, shell, word_vector

WORD = "word"
NOISE_SEEDS = 1_000_000  # noise must not lie in the direction of a noken, which has the seeds from 0 on


def subjects(
    lab, words: Sequence[str], radii: Sequence[float], count: int, seed: int = 0
) -> tuple[pd.DataFrame, Tensor]:
    """What is to be disturbed: tokens of words, and `count` nokens at each distance from the centroid.

    Words that end in the same token count once. Returns a table with a row a subject: subject (its name),
    family ("word", "r = 0.5", …), norm, distance (from the centroid), medians (the same in distances of
    the median token), token (the nearest other one, by Euclidean distance) and nearest (that distance);
    and the vectors, (subjects, width), float32 on the CPU.
    """
    if not all(word.strip() for word in words) or (not len(words) and not len(radii)):
        raise ValueError(f"words are no empty texts, and there is a word or a radius at least; got {words}")
    if not np.isfinite(radii).all() or len(set(radii)) < len(radii) or min(radii, default=1) <= 0:
        raise ValueError(f"radii are finite numbers above 0, each once; got {radii}")
    if count < 1:
        raise ValueError(f"count is at least 1, got {count}")
    ids: dict[int, str] = {}
    for word in words:
        ids.setdefault(lab.ids(f" {word}")[-1].item(), word)
    seeds = [seed + i for i in range(count)]
    parts = [word_vector(lab, word)[None] for word in ids.values()]
    parts += [shell(lab.space.centroid, seeds, radius) for radius in radii]
    found = torch.cat(parts)  # (subjects, width)
    tokens, nearest = _nearest(lab, found, list(ids))
    distance = (found - lab.space.centroid.cpu()).norm(dim=-1)
    columns = {
        "subject": [*ids.values(), *(f"r {radius:g} no. {s}" for radius in radii for s in seeds)],
        "family": [WORD] * len(ids) + [f"r = {radius:g}" for radius in radii for _ in seeds],
        "norm": found.norm(dim=-1).tolist(),
        "distance": distance.tolist(),
        "medians": (distance / lab.space.median_distance).tolist(),
        "token": tokens,
        "nearest": nearest.tolist(),
    }
    return pd.DataFrame(columns), found


def noisy(vector: Tensor, magnitude: float, seeds: Sequence[int]) -> Tensor:
    """A vector (width,) plus noise of exactly this length, a row a seed: (seeds, width), float32 on the CPU.

    A seed has the same direction at every magnitude and for every vector.
    """
    return shell(vector, [NOISE_SEEDS + seed for seed in seeds], magnitude)


def originals(lab, vectors: Tensor, prompt: str, max_new_tokens: int = 8) -> pd.DataFrame:
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
        found += [_cut(lab, *row) for row in zip(ids.tolist(), logs.tolist(), strict=True)]
    return pd.DataFrame(found, columns=["definition", "sure", "ids"])


def disturb(
    lab,
    subjects: pd.DataFrame,
    vectors: Tensor,
    prompt: str,
    magnitudes: Sequence[float],
    draws: int,
    seed: int = 0,
    max_new_tokens: int = 8,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Noise of each magnitude on each subject, in `draws` directions of its own, the same at each magnitude.

    Returns the subjects with two columns more, definition and sure (see `originals`), and a table with a
    row a subject, magnitude and draw: subject, family, magnitude, medians, seed, grown (the length over
    that without noise), angle (to the vector without noise, degrees), kept (the whole definition is the
    same, token for token), first (its first token is), kl (bits, of the first token's distribution from
    that without noise), kl_turned (the same for the noisy vector rescaled to its length without noise).
    """
    if not len(magnitudes) or min(magnitudes) <= 0 or not np.isfinite(magnitudes).all():
        raise ValueError(f"magnitudes are finite numbers above 0, at least one; got {magnitudes}")
    if len(set(magnitudes)) < len(magnitudes):
        raise ValueError(f"each magnitude once; got {magnitudes}")
    if draws < 1 or max_new_tokens < 1:
        raise ValueError(f"draws and max_new_tokens are at least 1, got {draws} and {max_new_tokens}")
    magnitudes, typical = sorted(magnitudes), lab.space.median_distance
    said = originals(lab, vectors, prompt, max_new_tokens)
    still, parts = lab.logits(fill(lab, prompt, vectors)), []  # (subjects, vocab)
    for row, clean, ids, reference in zip(subjects.itertuples(), vectors, said["ids"], still, strict=True):
        seeds = range(seed + row.Index * draws, seed + (row.Index + 1) * draws)
        found = torch.cat([noisy(clean, m, seeds) for m in magnitudes])  # (magnitudes * draws, width)
        norm = clean.norm().item()
        turned = lab.logits(fill(lab, prompt, rescale(found, norm)))
        cosine = torch.cosine_similarity(found, clean[None], dim=-1).clamp(-1, 1)
        columns = {
            "subject": row.subject,
            "family": row.family,
            "magnitude": [float(m) for m in magnitudes for _ in seeds],
            "medians": [m / typical for m in magnitudes for _ in seeds],
            "seed": list(seeds) * len(magnitudes),
            "grown": (found.norm(dim=-1) / norm).tolist(),
            "angle": cosine.acos().rad2deg().tolist(),
            **_follow(lab, fill(lab, prompt, found), ids, reference),
            "kl_turned": kl(turned, reference).tolist(),
        }
        parts.append(pd.DataFrame(columns))
    return subjects.join(said.drop(columns="ids")), pd.concat(parts, ignore_index=True)


def becomes(
    lab, vectors: dict[str, Tensor], prompt: str, magnitudes: Sequence[float], seed: int, max_new_tokens: int
) -> pd.DataFrame:
    """What the definitions turn into, along one direction of noise, for vectors (width,) by name.

    Columns: subject, magnitude (0 first), definition.
    """
    strengths = sorted({0.0, *map(float, magnitudes)})
    found = [noisy(clean, m, [seed]) for clean in vectors.values() for m in strengths]
    said = originals(lab, torch.cat(found), prompt, max_new_tokens)["definition"]
    names = [(name, m) for name in vectors for m in strengths]
    return pd.DataFrame(names, columns=["subject", "magnitude"]).assign(definition=said)


def _nearest(lab, vectors: Tensor, ids: list[int]) -> tuple[list[str], Tensor]:
    """The nearest token of each vector and its distance; the first are the tokens `ids` themselves."""
    space = lab.space
    exact = "donot_use_mm_for_euclid_dist"
    away = torch.cdist(vectors.to(space.vectors.device), space.vectors.float(), compute_mode=exact).cpu()
    if ids:
        away[range(len(ids)), space.rows(torch.tensor(ids))] = torch.inf
    best = away.min(dim=-1)
    return [lab.token(id) for id in space.ids[best.indices].tolist()], best.values


def _cut(lab, ids: list[int], logs: list[float]) -> tuple[str, float, list[int]]:
    """A definition, its probability and its tokens up to the first with a full stop."""
    ids = [id for id in ids if id >= 0]
    texts = [lab.text([id]) for id in ids]
    end = next((i + 1 for i, text in enumerate(texts) if "." in text), len(ids))
    return first_sentence(lab.text(ids[:end])), float(np.exp(sum(logs[:end]))), ids[:end]


def _follow(lab, rows: Tensor, original: list[int], reference: Tensor) -> dict[str, list]:
    """The columns kept, first and kl of `disturb` for prompts (rows, tokens, width)."""

    def stop(ids: Tensor, scores: Tensor) -> Tensor:
        """Ends a row where it parts from the original: what it says from there on is not asked."""
        parted = scores.argmax(-1) != original[ids.shape[1]]
        ended = scores.clone()
        ended[:, lab.eos_ids] = torch.inf
        return torch.where(parted[:, None], ended, scores)

    found = {"kept": [], "first": [], "kl": []}
    for part in rows.split(lab.rows_at_once):
        same = torch.zeros(len(part), len(original), dtype=torch.bool, device=part.device)
        for step in lab.sample(part, len(original), processors=[stop]):
            same[step.rows, step.index] = step.logits.argmax(-1) == original[step.index]
            if step.index == 0:
                found["kl"] += kl(step.logits, reference).tolist()
        found["kept"] += same.all(-1).tolist()
        found["first"] += same[:, 0].tolist()
    return found
