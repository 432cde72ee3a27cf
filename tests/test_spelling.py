"""Tokens for people: bytes, spaces at the front, characters that cannot be seen."""

import pytest
from helpers.tiny_models import tiny_tokenizer

from nokenlab.spelling import spelled, spelled_token, token_text


@pytest.mark.parametrize(
    "token, on_one_line",
    [(" dog", "␣dog"), ("a\n\tb", r"a\n\tb"), ("\u200b", r"\u200b"), ("é🙂", "é🙂")],
)
def test_a_token_is_one_line(token, on_one_line):
    assert spelled_token(token) == on_one_line
    assert spelled(token) == on_one_line.replace("␣", " ")


@pytest.mark.parametrize("kind", ["bytes", "words"])
def test_a_byte_is_not_a_replacement_character(kind):
    tokenizer = tiny_tokenizer(kind)
    ids = tokenizer("👋").input_ids[-4:]
    assert "".join(token_text(tokenizer, id) for id in ids) == r"\xf0\x9f\x91\x8b"
    assert token_text(tokenizer, tokenizer(" Red").input_ids[-1]) == " Red"


def test_a_token_without_text_is_said_to_be_empty():
    assert spelled("") == "" and spelled_token("") == "(empty)"
