"""Pulls: one number a word that says where its mixtures tip, fitted on some pairs and tried on others."""

import numpy as np
import pandas as pd
from scipy.special import expit, logit

FIT, HELD = "fit", "held out"
BY = ("pulls", "outputs mixed", "norm ratio", "shuffled words", "slerp", "traits")


def folds(pairs: int, seed: int) -> list[str]:
    """Half of the pairs are for the fit, the others held out; which, a seed says."""
    order = np.random.default_rng(seed).permutation(pairs)
    return np.where(order < -(-pairs // 2), FIT, HELD).tolist()


def fitted(a: np.ndarray, b: np.ndarray, y: np.ndarray, words: int) -> np.ndarray:
    """The pulls s (words,) with least squares of y - (s[a] - s[b]); a, b, y (pairs,). Their mean is 0."""
    design = np.zeros((len(y), words))
    design[np.arange(len(y)), a] += 1
    design[np.arange(len(y)), b] -= 1
    return np.linalg.lstsq(design, y, rcond=None)[0]  # of equal fits the shortest


def predictions(table: pd.DataFrame, traits: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """What pulls and controls say of where each pair tips: a row a pair and `by`; logits throughout.

    `table` is one of `tipping`, in one prompt. by: "pulls" (s_a - s_b, fitted on half of the pairs); "outputs
    mixed", "norm ratio" (where log-linear outputs tip, and |a| / (|a| + |b|), each times one number fitted on
    the same half); "shuffled words" (pulls fitted when pairs have other pairs' words); "slerp" (pulls fitted
    to where the arc tips); "traits" (norm, gain and rank, fitted on the pairs of half of the words, for pairs
    of the other half alone). Columns: prompt, a, b, fold ("fit", "held out"), by, y (logit of p_star),
    predicted (NaN for traits where a pair has a word of each half).
    """
    words = traits["word"].tolist()
    a, b = (pd.Index(words).get_indexer(table[side]) for side in "ab")
    y, fit = logit(table["p_star"].to_numpy()), np.array(folds(len(table), seed)) == FIT
    luck = np.random.default_rng(seed)
    mixed = luck.permutation(fit.sum())
    norm = traits["norm"].to_numpy()
    said = {
        "pulls": _pulled(fitted(a[fit], b[fit], y[fit], len(words)), a, b),
        "outputs mixed": _scaled(logit(table["null_p"].to_numpy()), y, fit),
        "norm ratio": _scaled(norm[a] - norm[b], y, fit),
        "shuffled words": _pulled(fitted(a[fit][mixed], b[fit][mixed], y[fit], len(words)), a, b),
        "slerp": _pulled(fitted(a[fit], b[fit], logit(table["slerp_p"].to_numpy())[fit], len(words)), a, b),
        "traits": _of_traits(traits[["norm", "gain", "rank"]].to_numpy(), a, b, y, luck),
    }
    same = table[["prompt", "a", "b"]].assign(fold=np.where(fit, FIT, HELD), y=y)
    return pd.concat([same.assign(by=by, predicted=said[by]) for by in BY], ignore_index=True)


def with_predicted(table: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """A `tipping` table with two more columns: predicted (where pulls say that it tips, 0 to 1), fold."""
    own = predicted[predicted["by"] == "pulls"]
    return table.assign(predicted=expit(own["predicted"].to_numpy()), fold=own["fold"].to_numpy())


def of_words(table: pd.DataFrame, traits: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The `traits` with a column pull: that of each word, fitted on half of the pairs, strongest first."""
    words = traits["word"].tolist()
    a, b = (pd.Index(words).get_indexer(table[side]) for side in "ab")
    fit = np.array(folds(len(table), seed)) == FIT
    pull = fitted(a[fit], b[fit], logit(table["p_star"].to_numpy())[fit], len(words))
    return traits.assign(pull=pull).sort_values("pull", ascending=False, ignore_index=True)


def _pulled(s: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return s[a] - s[b]


def _scaled(x: np.ndarray, y: np.ndarray, fit: np.ndarray) -> np.ndarray:
    """x times the number that fits y best."""
    square = (x[fit] ** 2).sum()
    return x * ((x[fit] * y[fit]).sum() / square if square else 0)


def _of_traits(
    values: np.ndarray, a: np.ndarray, b: np.ndarray, y: np.ndarray, luck: np.random.Generator
) -> np.ndarray:
    """Predictions from differences of traits (words, traits), each half of the words from the other."""
    half = luck.permutation(len(values)) % 2  # (words,)
    x, found = values[a] - values[b], np.full(len(y), np.nan)
    for own in (0, 1):
        known, asked = ((half[a] == side) & (half[b] == side) for side in (1 - own, own))
        found[asked] = x[asked] @ np.linalg.lstsq(x[known], y[known], rcond=None)[0]
    return found
