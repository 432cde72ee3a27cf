"""Lengths that mean the same in every model: the unit of radii and of noise, and whether norms differ."""

from torch import Tensor

from nokenlab.embedder import Embedder

MEDIAN = 2.3  # units from the centroid to the median token
ALIKE = 0.02  # of the median norm: where nearly all lie as close as this, a norm says nothing of a token


def unit(lab: Embedder) -> float:
    """The length of a unit in this model's embedding space, to three digits: 1 in the default model's.

    The median token lies `MEDIAN` units from the centroid, in every model.
    """
    return float(f"{lab.space.median_distance / MEDIAN:.3g}")


def alike(norms: Tensor) -> bool:
    """Whether norms (vectors,) are nearly equal: 98 % of them within 2 % of their median."""
    away = (norms - norms.median()).abs() / norms.median()
    return bool((away <= ALIKE).float().mean() >= 0.98)


def norms(lab: Embedder) -> str:
    """The norms of this model's tokens in words."""
    low, high = lab.space.norms.min().item(), lab.space.norms.max().item()
    text = f"norms of tokens: {low:.3g} to {high:.3g}, median {lab.space.median_norm:.3g}"
    return f"{text}; all alike: they tell no token from another" if alike(lab.space.norms) else text
