"""The tokens of several texts, and how many characters a token carries."""

from workbook.tokens.tables import cost, tokens_of

ODD = ["Hello world :)", " Red", "Red", "🙂🚀", "a\n\tb", "犬"]


def test_one_row_per_token_in_order(any_lab):
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
