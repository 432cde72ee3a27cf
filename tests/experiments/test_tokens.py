"""Texts beside each other, and the same text from ids and from embeddings."""

import pytest

import nokenlab as nl
from nokenlab.experiments import embeddings
from nokenlab.experiments import tokens as token_tables

ODD = ["Hello world :)", " Red", "Red", "🙂🚀", "a\n\tb", "犬"]


def test_a_row_a_token_in_order(any_lab):
    table = token_tables.tokens_of(any_lab, ODD)
    assert list(table.columns) == ["text", "position", "token", "id", "norm"]
    assert list(table["text"].unique()) == ODD
    for text in ODD:
        assert table[table["text"] == text]["id"].tolist() == any_lab.ids(text).tolist()


def test_cost_counts_characters_bytes_and_tokens(lab):
    table = token_tables.cost(token_tables.tokens_of(lab, ODD)).set_index("text")
    assert list(table.index) == ODD
    assert table.loc["🙂🚀", ["characters", "bytes"]].tolist() == [2, 8]
    assert (table["characters_per_token"] * table["tokens"] == table["characters"]).all()


def test_ids_and_embeddings_agree(any_lab):
    prompts = ["Whippet facts:", "Red is a color that is often associated with", "犬", "Random number?"]
    table = embeddings.agreement(any_lab, prompts, 8)
    assert list(table.columns) == ["prompt", "from_ids", "from_embeddings", "same"]
    assert table["prompt"].tolist() == prompts
    assert table["same"].all()
    assert any(table["from_ids"])


def test_agreement_is_of_new_text_and_notices_a_difference(lab, monkeypatch):
    assert embeddings.agreement(lab, ["The capital of France is"], 1)["from_ids"].tolist() == [" Paris"]
    monkeypatch.setattr(nl.Lab, "generate", lambda *_: ["something else"])
    assert not embeddings.agreement(lab, ["The capital of France is"], 1)["same"].any()


def test_no_texts_and_empty_ones_are_refused(lab):
    for fails in (token_tables.tokens_of, embeddings.agreement):
        with pytest.raises(ValueError, match="give at least one"):
            fails(lab, [])
        with pytest.raises(ValueError, match="prompt is empty"):
            fails(lab, ["a", ""])
