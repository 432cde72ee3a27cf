"""Texts beside each other: their tokens, and what they cost."""

import pytest

from workbook.tokens.tables import cost, tokens_of

ODD = ["Hello world :)", " Red", "Red", "🙂🚀", "a\n\tb", "犬"]


def test_a_row_a_token_in_order(any_lab):
    pieces = tokens_of(any_lab, ODD)
    assert list(pieces.columns) == ["text", "position", "token", "id", "norm"]
    assert list(pieces["text"].unique()) == ODD
    for text in ODD:
        assert pieces[pieces["text"] == text]["id"].tolist() == any_lab.ids(text).tolist()


def test_cost_counts_characters_bytes_and_tokens(lab):
    table = cost(tokens_of(lab, ODD)).set_index("text")
    assert list(table.index) == ODD
    assert table.loc["🙂🚀", ["characters", "bytes"]].tolist() == [2, 8]
    assert (table["characters_per_token"] * table["tokens"] == table["characters"]).all()


def test_no_texts_and_empty_ones_are_refused(lab):
    with pytest.raises(ValueError, match="give at least one"):
        tokens_of(lab, [])
    with pytest.raises(ValueError, match="prompt is empty"):
        tokens_of(lab, ["a", ""])
