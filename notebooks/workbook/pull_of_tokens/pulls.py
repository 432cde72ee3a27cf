"""Pulls: one number per word that predicts where its mixtures tip, fitted on half of the pairs."""

import numpy as np
import pandas as pd
import torch
from scipy.special import expit, logit

from workbook import scale

FIT, HELD = "fit", "held out"
BY = ("pulls", "outputs mixed", "norm ratio", "shuffled words", "slerp", "traits")


def folds(pairs: int, seed: int) -> list[str]:
    """Half of the pairs are for the fit, the others held out, drawn with a seed."""
    order = np.random.default_rng(seed).permutation(pairs)
    return np.where(order < -(-pairs // 2), FIT, HELD).tolist()


def fit_pulls(a: np.ndarray, b: np.ndarray, y: np.ndarray, words: int) -> np.ndarray:
    """The pulls s (words,) with least squares of y - (s[a] - s[b]); a, b, y (pairs,). Their mean is 0."""
    design = np.zeros((len(y), words))
    design[np.arange(len(y)), a] += 1
    design[np.arange(len(y)), b] -= 1
    return np.linalg.lstsq(design, y, rcond=None)[0]  # of equally good fits the one with the smallest norm


def predictions(table: pd.DataFrame, traits: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Where each pair tips according to pulls and to controls: one row per pair and `by`, in logits.

    `table` is one of `tipping_points`, in one prompt. by: "pulls" (s_a - s_b, fitted on half of the pairs);
    "outputs mixed", "norm ratio" (where log-linear outputs tip, and |a| / (|a| + |b|), each times one number
    fitted on the same half); "shuffled words" (pulls fitted when pairs have other pairs' words); "slerp"
    (pulls fitted to where the arc tips); "traits" (gain, rank and, unless all are alike, norm, fitted on the
    pairs of half of the words, for pairs of the other half alone). Columns: prompt, a, b, fold ("fit", "held
    out"), by, y (logit of p_star), predicted (NaN for traits where a pair has a word of each half).
    """
    a, b, fit = _indices(table, traits, seed)
    norms_alike = scale.alike(torch.tensor(np.exp(traits["norm"].to_numpy())))
    names = ["gain", "rank"] if norms_alike else ["norm", "gain", "rank"]
    y, norm = logit(table["p_star"].to_numpy()), traits["norm"].to_numpy()
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(fit.sum())

    def from_pulls(y: np.ndarray, order: np.ndarray | slice = slice(None)) -> np.ndarray:
        s = fit_pulls(a[fit][order], b[fit][order], y[fit], len(traits))
        return s[a] - s[b]

    predicted = {
        "pulls": from_pulls(y),
        "outputs mixed": _scaled(logit(table["null_p"].to_numpy()), y, fit),
        "norm ratio": _scaled(norm[a] - norm[b], y, fit),
        "shuffled words": from_pulls(y, shuffled),
        "slerp": from_pulls(logit(table["slerp_p"].to_numpy())),
        "traits": _from_traits(traits[names].to_numpy(), a, b, y, rng),
    }
    pairs = table[["prompt", "a", "b"]].assign(fold=np.where(fit, FIT, HELD), y=y)
    return pd.concat([pairs.assign(by=by, predicted=predicted[by]) for by in BY], ignore_index=True)


def with_predicted(table: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """A `tipping_points` table with two more columns: predicted (by pulls, as a weight, 0 to 1), fold."""
    rows = predicted[predicted["by"] == "pulls"]
    return table.assign(predicted=expit(rows["predicted"].to_numpy()), fold=rows["fold"].to_numpy())


def of_words(table: pd.DataFrame, traits: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The `traits` with a column pull: that of each word, fitted on half of the pairs, largest first."""
    a, b, fit = _indices(table, traits, seed)
    pull = fit_pulls(a[fit], b[fit], logit(table["p_star"].to_numpy())[fit], len(traits))
    return traits.assign(pull=pull).sort_values("pull", ascending=False, ignore_index=True)


def _indices(table: pd.DataFrame, traits: pd.DataFrame, seed: int) -> tuple[np.ndarray, ...]:
    """Of each pair the rows of its words in `traits`, and whether it is for the fit: (pairs,) each."""
    a, b = (pd.Index(traits["word"]).get_indexer(table[side]) for side in "ab")
    return a, b, np.array(folds(len(table), seed)) == FIT


def _scaled(x: np.ndarray, y: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """x times the number that fits y best."""
    square = (x[fit] ** 2).sum()
    return x * ((x[fit] * y[fit]).sum() / square if square else 0)


def _from_traits(values: np.ndarray, a: np.ndarray, b: np.ndarray, y: np.ndarray, rng) -> np.ndarray:
    """Predictions from differences of traits (words, traits), each half of the words from the other."""
    half = rng.permutation(len(values)) % 2  # (words,)
    x, predicted = values[a] - values[b], np.full(len(y), np.nan)
    for side in (0, 1):
        test = (half[a] == side) & (half[b] == side)
        train = (half[a] != side) & (half[b] != side)
        predicted[test] = x[test] @ np.linalg.lstsq(x[train], y[train], rcond=None)[0]
    return predicted
