"""Tokens and tables as HTML: whatever the text, only our own tags come out."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from nokenlab.runs import show
from workbook.tokens.tables import tokens_of

ODD = ["<script>alert('x')</script>", '&amp; "quoted"', " a\nb\t", "🙂", "</span><b>", "שלום", "a\u202eb"]


class Reader(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open += [tag] if tag != "br" else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_frames_are_the_tokens_and_nothing_else(lab):
    pieces = tokens_of(lab, ODD)
    page = Reader(show.token_frames(pieces).data)
    assert not page.open and set(page.tags) == {"div", "bdi", "span", "br", "small"}
    assert page.tags.count("span") == len(pieces)
    assert [int(word) for word in page.words if re.fullmatch(r"\d+", word)][-1] == pieces["id"].iloc[-1]
    assert "␣a" in page.words and r"\n" in "".join(page.words)
    assert all(word.isprintable() for word in page.words)


@pytest.mark.parametrize("text", ODD)
def test_table_cells_are_text(text):
    page = Reader(show.table(pd.DataFrame({text: [text], "n": [1]})).data)
    assert not page.open and set(page.tags) == {"table", "thead", "tbody", "tr", "th", "td"}
    head, count, cell, number = page.words
    assert head == cell and (count, number) == ("n", "1")
    for written, meant in {"\\n": "\n", "\\t": "\t", "\\u202e": "\u202e"}.items():
        cell = cell.replace(written, meant)
    assert cell.strip("␣") == text.strip(" ")


def test_table_numbers():
    df = pd.DataFrame(
        {"x": [np.float32(2.2), 12345.0, 0.0], "seed": pd.array([None, 1, 2], dtype="Int64")}, dtype=object
    )
    assert Reader(show.table(df).data).words == ["x", "seed", "2.200", "12345", "1", "0.000", "2"]
