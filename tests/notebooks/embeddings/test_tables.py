"""The shape of the token-embedding space, and the same text from ids and from tables."""

import pytest
import torch

import nokenlab as nl
from workbook.embeddings import tables


def test_embeddings_are_written_as_in_the_article(lab):
    table = tables.embeddings_of(lab, "Hello world :)")
    assert list(table.columns) == ["position", "token", "id", "norm", "embedding"]
    first = lab.embed("Hello world :)")[0, 0]
    numbers = table["embedding"][0].strip("[]").split(", ")
    assert numbers[3] == "…" and len(numbers) == 7
    shown = torch.tensor([float(x) for x in numbers[:3] + numbers[4:]])
    torch.testing.assert_close(shown, torch.cat([first[:3], first[-3:]]), atol=5.1e-5, rtol=0)


def test_lengths_obey_the_law_of_cosines(any_lab):
    table = tables.lengths(any_lab)
    assert list(table.columns) == ["id", "norm", "distance", "cosine"]
    assert table["id"].tolist() == any_lab.space.ids.tolist()
    c = any_lab.space.centroid.norm().item()
    squared = table["norm"] ** 2 + c**2 - 2 * c * table["norm"] * table["cosine"]
    assert (squared - table["distance"] ** 2).abs().max() < 1e-3


def test_outliers_are_at_the_ends(any_lab):
    table, all_tokens = tables.outliers(any_lab, 3), tables.lengths(any_lab)
    ends = {which: rows for which, rows in table.groupby("which")}
    assert all(rows["rank"].tolist() == [1, 2, 3] for rows in ends.values())
    assert ends["shortest"]["norm"].iloc[0] == all_tokens["norm"].min()
    assert ends["longest"]["norm"].iloc[0] == all_tokens["norm"].max()
    assert ends["nearest the centroid"]["distance"].iloc[0] == all_tokens["distance"].min()
    assert ends["farthest from the centroid"]["distance"].iloc[0] == all_tokens["distance"].max()
    assert ends["least like the centroid"]["cosine"].iloc[0] == all_tokens["cosine"].min()


def test_summary_says_what_lengths_say(any_lab):
    values = tables.summary(any_lab).set_index("quantity")["value"]
    assert values["tokens"] == len(any_lab.space)
    table = tables.lengths(any_lab)
    assert values["norm of the median token"] == pytest.approx(table["norm"].median(), rel=1e-3)
    assert values["distance of the median token"] == pytest.approx(table["distance"].median(), rel=1e-3)


def test_neighbours_leave_the_word_out(lab):
    table = tables.neighbours(lab, [" Monday", "7", " 7", "7"], 5)
    assert list(table["word"].unique()) == [" Monday", "7", " 7"]
    assert (table["token"] != table["near"]).all()
    assert table.groupby("word")["rank"].apply(list).tolist() == [[1, 2, 3, 4, 5]] * 3
    assert set(table[table["word"] == "7"]["near"]) <= set("0123456789")


def test_side_by_side_keeps_the_order_of_groups(lab):
    table = tables.neighbours(lab, ["b", "a"], 2)
    folded = tables.side_by_side(table, "word", table["near"])
    assert list(folded.columns) == ["rank", "b", "a"]
    assert folded["a"].tolist() == table[table["word"] == "a"]["near"].tolist()


def test_ids_and_embeddings_agree(any_lab):
    prompts = ["Whippet facts:", "Red is a color that is often associated with", "犬", "Random number?"]
    table = tables.agreement(any_lab, prompts, 8)
    assert list(table.columns) == ["prompt", "from_ids", "from_embeddings", "same"]
    assert table["prompt"].tolist() == prompts
    assert table["same"].all()
    assert any(table["from_ids"])


def test_agreement_is_of_new_text_and_notices_a_difference(lab, monkeypatch):
    assert tables.agreement(lab, ["The capital of France is"], 1)["from_ids"].tolist() == [" Paris"]
    monkeypatch.setattr(nl.Lab, "generate", lambda *_: ["something else"])
    assert not tables.agreement(lab, ["The capital of France is"], 1)["same"].any()
