"""The blended nokens between two prompts."""

from collections.abc import Sequence

import pandas as pd

from nokenlab.answers.blends import pair, path
from nokenlab.lab import Lab


def nokens_along(
    lab: Lab, prompt_a: str, prompt_b: str, p: Sequence[float], interpolation: str = "lerp"
) -> pd.DataFrame:
    """The blended nokens, at each position where the prompts differ.

    Columns: p, way, position, norm, token (the nearest real one), id, cosine (to it).
    """
    rows = path(lab, prompt_a, prompt_b, p, interpolation)
    a, b = pair(lab, prompt_a, prompt_b)
    tables = []
    for position in (a != b).any(dim=-1)[0].nonzero().flatten().tolist():
        vectors = rows[:, position].float()  # (len(p), width)
        table = pd.DataFrame({"p": list(map(float, p)), "way": interpolation, "position": position})
        table["norm"] = vectors.norm(dim=-1).tolist()
        nearest = lab.space.nearest(vectors, k=1).reset_index(drop=True)
        tables.append(table.join(nearest[["token", "id", "cosine"]]))
    return pd.concat(tables, ignore_index=True)
