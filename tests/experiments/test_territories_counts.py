"""Borders of a map of territories, and what is counted on it."""

import numpy as np
import pytest

from nokenlab.experiments import territories as experiment
from nokenlab.experiments import territories_counts as counts
from nokenlab.experiments.territories import answered

PROMPT = "The word <noken> means"


@pytest.fixture(scope="module")
def plane(lab):
    return experiment.plane_through(lab, ["dog", "king", "music"])


@pytest.fixture(scope="module")
def table(lab, plane):
    return experiment.territory_map(lab, PROMPT, plane, cells=5, max_new_tokens=5, progress=False)


def test_a_border_is_where_the_first_answer_ends(lab, plane, table):
    found = counts.borders(lab, PROMPT, plane, table)
    names = table["territory"].to_numpy().reshape(5, 5)
    differ = (names[:, 1:] != names[:, :-1]).sum() + (names[1:] != names[:-1]).sum()
    assert len(found) == differ > 0 and (found["territory"] != found["other"]).all()
    cell = 2 * plane.reach(0.5) / 4
    begins = dict(zip(table["territory"], table["begins"], strict=True))
    told_by = int(table["told_by"][0])
    at = found[["x", "y"]].to_numpy()
    grid = table[["x", "y"]].to_numpy()
    for point, name in zip(at, found["territory"], strict=True):
        # a tenth of a cell this side of the border it is said, beyond it is not
        side = np.abs(point - grid).min(axis=0).argmax()  # along x or along y
        step = np.eye(2)[side] * 0.1 * cell
        texts = answered(lab, PROMPT, plane.vector(*np.array([point - step, point + step]).T), told_by)
        assert [text == begins[name] for text in texts["response"]] == [True, False]
