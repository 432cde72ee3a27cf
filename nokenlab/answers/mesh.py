"""The pieces of a plane between the points of a map: squares of a square map, triangles of a triangle."""

import math

import numpy as np
import pandas as pd


def pieces_of(table: pd.DataFrame) -> np.ndarray:
    """The rows at the corners of each piece, anticlockwise: (squares, 4), or (triangles, 3)."""
    side = math.isqrt(len(table))
    if side**2 != len(table) or table["y"].round(9).nunique() != side:
        return small_triangles(len(table))
    rows = np.arange(len(table)).reshape(side, side)
    return np.stack([rows[:-1, :-1], rows[:-1, 1:], rows[1:, 1:], rows[1:, :-1]], axis=-1).reshape(-1, 4)


def small_triangles(points: int) -> np.ndarray:
    """The smallest triangles between the points of a `triangle`, each as three rows: (triangles, 3)."""
    row = {weights: number for number, weights in enumerate(lattice(math.isqrt(2 * points) - 1))}
    up = [(row[a, b, c], row[a - 1, b + 1, c], row[a - 1, b, c + 1]) for a, b, c in row if a]
    down = [(row[a, b, c], row[a, b + 1, c - 1], row[a - 1, b + 1, c]) for a, b, c in row if a and c]
    return np.array(up + down)


def lattice(steps: int) -> list[tuple[int, int, int]]:
    """The points of a triangle, as whole numbers that sum to `steps`."""
    return [(steps - i - j, i, j) for j in range(steps + 1) for i in range(steps + 1 - j)]
