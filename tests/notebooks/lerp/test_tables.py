"""The nokens of a blend."""

import pytest
import torch

from nokenlab.answers import blends
from workbook.lerp import tables

A, B = "White whippets are", "Black whippets are"


def test_lerp_is_shorter_halfway_and_slerp_is_not(lab):
    p = blends.grid(5)
    norms = {m: tables.nokens_along(lab, A, B, p, m) for m in ("lerp", "slerp")}
    line, arc = norms["lerp"]["norm"].to_numpy(), norms["slerp"]["norm"].to_numpy()
    assert (line[1:-1] < arc[1:-1]).all()
    assert arc.tolist() == pytest.approx(torch.linspace(line[0], line[-1], 5).tolist(), abs=1e-4)
    ends = norms["lerp"].iloc[[0, -1]]
    assert ends["token"].tolist() == ["White", "Black"]
    assert ends["cosine"].tolist() == pytest.approx([1, 1])


def test_nokens_only_where_the_prompts_differ(tiny):
    table = tables.nokens_along(tiny, "White whippets are", "Black whippets eat", [0, 1])
    assert table["position"].unique().tolist() == [0, 4]
    assert not table.isna().any(axis=None)
