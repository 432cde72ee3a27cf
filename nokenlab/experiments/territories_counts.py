"""What a map of territories comes to in numbers: where its borders run, how many there are, and its nulls."""

import math

import numpy as np
import pandas as pd
import torch

from nokenlab.experiments.territories import Plane, answered
from nokenlab.lab import Lab


def borders(lab: Lab, prompt: str, plane: Plane, table: pd.DataFrame, precision: float = 0.1) -> pd.DataFrame:
    """Where the borders of a `territory_map` run: between cells side by side that differ.

    `precision` is how far a point may lie from the border, as a share of a cell; the way between the cells is
    halved until then. Where a third territory lies on it, this is an end of the first cell's. Columns: x, y,
    territory, other (those of the two cells).
    """
    first, second = _neighbours(table)
    differ = table["territory"].to_numpy()[first] != table["territory"].to_numpy()[second]
    first, second = first[differ], second[differ]
    at = torch.from_numpy(table[["x", "y"]].to_numpy(dtype=float, copy=True))  # (cells, 2)
    here, there = at[first], at[second]  # (borders, 2): a point this side of each border, and one beyond
    begins, told_by = table["begins"].to_numpy()[first], int(table["told_by"].iloc[0])
    for _ in range(max(0, math.ceil(math.log2(1 / precision)) - 1) if len(first) else 0):
        middle = (here + there) / 2
        said = answered(lab, prompt, plane.vector(*middle.T), told_by)["response"].to_numpy()
        same = torch.from_numpy(said == begins)[:, None]
        here, there = torch.where(same, middle, here), torch.where(same, there, middle)
    x, y = ((here + there) / 2).T.tolist()
    names = table["territory"].to_numpy()
    return pd.DataFrame({"x": x, "y": y, "territory": names[first], "other": names[second]})


def _neighbours(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a square map that lie side by side: (pairs,) and (pairs,), to the right and upwards."""
    rows = np.arange(len(table)).reshape(math.isqrt(len(table)), -1)  # (y, x)
    first = [rows[:, :-1].ravel(), rows[:-1].ravel()]
    return np.concatenate(first), np.concatenate([rows[:, 1:].ravel(), rows[1:].ravel()])
