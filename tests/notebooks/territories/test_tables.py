"""Borders of a map of territories, and what is counted on it."""

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.tiny_models import tiny_lab

from nokenlab.answers import planes
from nokenlab.answers.territory_map import answered, territory_map
from nokenlab.prompt import fill
from workbook.territories import tables
from workbook.word_lists import word_groups

PROMPT = "The word <noken> means"


@pytest.fixture(scope="module")
def small(lab):
    """A tiny random model: what is counted is counted alike of any answers."""
    return tiny_lab("llama", lab.tokenizer)


@pytest.fixture(scope="module")
def plane(small):
    return planes.plane_through(small, ["dog", "king", "music"])


@pytest.fixture(scope="module")
def table(small, plane):
    return territory_map(small, PROMPT, plane, cells=5, max_new_tokens=5, progress=False)


def test_a_border_is_where_the_first_answer_ends(small, plane, table):
    borders = tables.borders(small, PROMPT, plane, table)
    names = table["territory"].to_numpy().reshape(5, 5)
    differ = (names[:, 1:] != names[:, :-1]).sum() + (names[1:] != names[:-1]).sum()
    assert len(borders) == differ > 0 and (borders["territory"] != borders["other"]).all()
    cell = 2 * plane.reach(0.5) / 4
    begins = dict(zip(table["territory"], table["begins"], strict=True))
    told_by = int(table["told_by"][0])
    grid = table[["x", "y"]].to_numpy()
    for row in borders.itertuples():
        point = np.array([row.x, row.y])
        axis = np.abs(point - grid).min(axis=0).argmax()  # along x or along y
        step = np.eye(2)[axis] * 0.1 * cell  # the answer is there a tenth of a cell before, and not behind
        texts = answered(small, PROMPT, plane.vector(*np.array([point - step, point + step]).T), told_by)
        assert [text == begins[row.territory] for text in texts["response"]] == [True, False]


def test_the_triangle_is_even_and_its_edges_are_in_it(small, plane):
    table = tables.triangle(small, PROMPT, plane, 4, 3)
    weights = table[tables.WEIGHTS].to_numpy()
    assert len(table) == 15 and ((weights > 1e-6).all(axis=1)).sum() == 3  # inside of all edges
    np.testing.assert_allclose(weights * 4, np.rint(weights * 4), atol=1e-5)
    assert table["corner"][weights.max(axis=1) > 1 - 1e-6].tolist() == ["dog", "king", "music"]


@pytest.mark.parametrize("mixture", tables.MIXED)
def test_mixed_outputs_are_those_of_the_three_corners_at_each_token(small, plane, mixture):
    table = tables.triangle(small, PROMPT, plane, 4, 5)
    mixed = tables.outputs_mixed(small, PROMPT, plane, table, mixture, 5)
    prompts = fill(small, PROMPT, planes.corner_vectors(plane))
    for row in mixed.sample(3, random_state=0).itertuples():  # again, one point and token at a time
        weights, ids = torch.tensor([[row.weight_a], [row.weight_b], [row.weight_c]]), []
        for _ in range(5):
            text = small.embed_ids(torch.tensor(ids, dtype=torch.long)).expand(3, -1, -1)
            log_p = small.logits(torch.cat([prompts, text], dim=1)).log_softmax(-1)
            outputs = log_p if "log" in mixture else log_p.exp()
            ids.append((weights * outputs).sum(0).argmax().item())
        assert row.response == small.text(ids) and row.begins == small.text(ids[: row.told_by])
    at_corner = mixed[tables.WEIGHTS].max(axis=1) > 1 - 1e-6
    assert mixed["response"][at_corner].tolist() == table["response"][at_corner].tolist()
    assert mixed["corner"][at_corner].tolist() == ["dog", "king", "music"]


def test_points_outside_of_the_triangle_are_left_out(small, plane, table):
    mixed = tables.outputs_mixed(small, PROMPT, plane, table, "outputs mixed", 1)
    names = ["x", "y", *tables.WEIGHTS]
    inside = table[tables.WEIGHTS].min(axis=1) >= -1e-6
    assert 0 < inside.sum() < 25 and mixed[names].equals(table.loc[inside, names].reset_index(drop=True))


def test_a_row_that_ended_adds_no_text(tiny):
    plane = planes.plane_through(tiny, ["dog", "king", "music"])
    table = tables.triangle(tiny, PROMPT, plane, 3, 4)
    first = table["next_token"].iloc[0]
    ends = [id for id in range(len(tiny.space)) if tiny.token(id) == first]
    config, old = tiny.model.generation_config, tiny.model.generation_config.eos_token_id
    try:
        config.eos_token_id = ends
        for mixture in tables.MIXED:
            assert tables.outputs_mixed(tiny, PROMPT, plane, table, mixture, 4)["response"].iloc[0] == ""
    finally:
        config.eos_token_id = old


def lattice(steps, name, corner=""):
    """A triangle with corners (0, 0), (4, 0), (0, 4), the territory of its points named by a function."""
    at = [(steps - i - j, i, j) for j in range(steps + 1) for i in range(steps + 1 - j)]
    rows = [{"weight_a": a / steps, "weight_b": b / steps, "weight_c": c / steps} for a, b, c in at]
    table = pd.DataFrame(rows)
    table["x"], table["y"] = 4 * table["weight_b"], 4 * table["weight_c"]
    table["territory"] = [name(*weights) for weights in at]
    return table.assign(told_by=2, corner=np.where(table["territory"] == corner, "dog", ""))


@pytest.mark.parametrize(
    "name, expected",
    [
        (lambda a, b, c: "A", (1, 0, 0)),
        (lambda a, b, c: "B" if min(a, b, c) else "A", (2, 1, 3 / 15)),
        (lambda a, b, c: "B" if c == 0 and a and b else "A", (2, 0, 3 / 15)),
    ],
)
def test_territories_that_no_edge_touches_are_counted(name, expected):
    counts = tables.counts(lattice(4, name, corner="B"))
    assert (counts["territories"], counts["inner"], counts["own"]) == expected
    assert counts["told_by"] == 2 and (counts["border"] > 0) == (counts["territories"] > 1)


def test_borders_are_as_long_as_they_are():
    # a straight border half a step above the lower edge's first row, 3.5 long, then one across the middle
    low = tables.counts(lattice(4, lambda a, b, c: "B" if c else "A"))
    assert low["border"] == pytest.approx(3.5)
    many = tables.counts(lattice(40, lambda a, b, c: "A" if a > 20 else "B"))  # the line x + y = 2 or nearly
    assert many["border"] == pytest.approx(2 * 2**0.5, rel=0.03)
    three = tables.counts(lattice(1, lambda a, b, c: "ABC"[b + 2 * c]))  # they meet in the middle
    middles, middle = np.array([[2, 0], [2, 2], [0, 2]]), np.array([4 / 3, 4 / 3])
    assert three["border"] == pytest.approx(np.linalg.norm(middles - middle, axis=1).sum())


def test_each_triple_is_compared_with_its_nulls(small):
    table = tables.compared(small, PROMPT, [["dog", "king", "music"], ["bread", "stone", "cat"]], 2, 4)
    assert table["of"].tolist() == [tables.WORDS, *tables.MIXED, *tables.RANDOM] * 2
    assert table["triple"].unique().tolist() == ["dog, king, music", "bread, stone, cat"]
    assert set(table["told_by"]) == {2} and set(table["prompt"]) == {PROMPT}
    assert (table["inner"] <= table["territories"]).all() and table["own"].between(0, 1).all()
    assert (table["territories"] >= 1).all() and ((table["border"] > 0) == (table["territories"] > 1)).all()
    plane = planes.plane_through(small, ["dog", "king", "music"])
    words = tables.counts(tables.triangle(small, PROMPT, plane, 4, 2, 2))
    assert table["border"][0] == pytest.approx(words["border"] / small.space.median_distance)
    assert table["territories"][0] == words["territories"]


def test_our_own_triples_are_sixty_different_words_of_one_token(small):
    triples = word_groups(["file"], tables.TRIPLES, 3)
    assert len(triples) == 20 and len({word for words in triples for word in words}) == 60
    assert all(len(small.ids(f" {word}")) == 1 for words in triples for word in words)
