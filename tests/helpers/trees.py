"""Definition trees for tests: two that are made by hand, and small ones of a tiny model."""

from functools import cache

import pandas as pd

from helpers.tiny_models import tiny_lab, tiny_tokenizer
from workbook.definition_tree.tables import GOES_ON, STOP, trees


@cache
def small_trees() -> pd.DataFrame:
    """Trees of a tiny random model: of "centroid", "noken 3" and "dog". Not to be changed in place."""
    lab = tiny_lab("gpt2", tiny_tokenizer())
    return trees(lab, ["centroid", "noken 3", "dog"], threshold=1e-6, depth=6)


def hand_made() -> pd.DataFrame:
    """Two trees: "a" says x. and y. (0.5, 0.25), "b" says y. and z. (0.4, 0.2)."""
    rows = [
        ("a", 0, -1, 0, "", 1.0, 1.0, GOES_ON, ""),
        ("a", 1, 0, 1, "x.", 0.5, None, STOP, "x."),
        ("a", 2, 0, 1, "y.", 0.25, None, STOP, "y."),
        ("b", 0, -1, 0, "", 1.0, 3.0, GOES_ON, ""),
        ("b", 1, 0, 1, "y.", 0.4, None, STOP, "y."),
        ("b", 2, 0, 1, "$z$\n.", 0.2, None, STOP, "$z$\n."),
    ]
    names = ["subject", "node", "parent", "depth", "token", "cumulative", "entropy", "ends", "text"]
    table = pd.DataFrame(rows, columns=names).assign(id=0, rank=[1, 1, 2] * 2, probability=0.5)
    return table.assign(cut_rank=[0.25, 0, 0, 0.4, 0, 0], cut_threshold=0.0, cut_room=0.0)
