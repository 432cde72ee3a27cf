"""What the panel of territories shows, as plain lists for its face, and the table without scripts."""

import json
import math

import numpy as np
import pandas as pd

from nokenlab.answers.planes import Plane, near_tokens
from nokenlab.lab import Lab
from nokenlab.panels import markup
from nokenlab.prompt import NOKEN
from nokenlab.runs import show

MOST = 12  # territories in the table without scripts


def check_map(plane: Plane, table: pd.DataFrame) -> None:
    """Raise ValueError unless `table` is a `territory_map` of this plane."""
    side = math.isqrt(len(table))
    square = side**2 == len(table) and side > 1 and table["x"].iloc[:side].is_monotonic_increasing
    if not square or table["y"].round(9).nunique() != side:
        raise ValueError(f"a table of territory_map is needed, cells × cells rows; got {len(table)} rows")
    weights = table[["weight_a", "weight_b", "weight_c"]].to_numpy(dtype=float)
    if not np.allclose(plane.weights(table["x"], table["y"]).numpy(), weights, atol=1e-3):
        raise ValueError("the table is of another plane; give the plane that territory_map had")


def view(lab: Lab, prompt: str, plane: Plane, table: pd.DataFrame, count: int) -> dict:
    """The map for the face: what `territories.js` documents as `Territories`.

    `count` tokens near the plane are on it.
    """
    from nokenlab.answers.territory_colours import colours

    reach, colour = float(table["x"].max()), colours(table)
    first = table.drop_duplicates("territory").set_index("territory")
    letters = [name for name in table["territory"].value_counts().index]
    before, after = prompt.split(NOKEN)
    near = near_tokens(lab, plane, count, margin_of(plane, table))
    return {
        "before": before,
        "after": after,
        "corners": [{"label": c.label, "x": c.x, "y": c.y, "note": c.note} for c in plane.corners],
        "reach": reach,
        "side": math.isqrt(len(table)),
        "territories": [
            {
                "letter": name,
                "colour": colour[name],
                "corner": first.at[name, "corner"],
                "begins": first.at[name, "begins"],
            }
            for name in letters
        ],
        "territory": table["territory"].map(letters.index).tolist(),
        "response": _coded(table["response"]),
        "nearest": _coded(table["nearest"]),
        "entropy": table["entropy"].round(3).tolist(),
        "leading": leading_tokens(table["leading"]),
        "near": {"token": near["token"].tolist()} | {key: near[key].round(4).tolist() for key in ("x", "y")},
    }


def margin_of(plane: Plane, table: pd.DataFrame) -> float:
    """The `margin` that a `territory_map` was made with."""
    return float(table["x"].max()) / plane.reach(0) - 1


def leading_tokens(leading: pd.Series) -> dict:
    """The leading next tokens of each cell, from that column of a `territory_map`.

    token: which there are; of: for each cell the numbers of its own in `token`; probability: theirs.
    """
    rows = [json.loads(text) for text in leading]  # a row a cell: pairs of a token and its probability
    tokens = _coded(pd.Series([token for row in rows for token, _ in row]))
    return {
        "token": tokens["text"],
        "of": np.reshape(tokens["of"], (len(rows), -1)).tolist(),
        "probability": [[probability for _, probability in row] for row in rows],
    }


def still(prompt: str, table: pd.DataFrame) -> str:
    """The largest territories as a table, in HTML."""
    by = table.groupby("territory", sort=False)
    rows = by.agg(cells=("x", "size"), corner=("corner", "first"), answer=("response", "first"))
    rows = rows.reset_index().sort_values("cells", ascending=False, kind="stable")
    said = f"“{prompt}”: {len(rows)} territories, the largest first; corner: whose own answer it is."
    return markup.quiet(said) + show.table(rows.head(MOST)).data


def _coded(column: pd.Series) -> dict[str, list]:
    """A column with each different text once: text[of[i]] is that of row i."""
    of, text = pd.factorize(column)
    return {"text": text.tolist(), "of": of.tolist()}
