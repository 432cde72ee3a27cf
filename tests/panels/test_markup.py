"""HTML of the panels: everything escaped, errors and numbers in words."""

import pytest
from helpers.panels import EVIL, is_escaped

from nokenlab.panels import markup


@pytest.mark.parametrize(
    "made",
    [
        markup.answer(EVIL, EVIL),
        markup.error(EVIL),
        markup.quiet(EVIL),
        markup.bars([EVIL], [0.5]),
        markup.chip(EVIL, EVIL),
    ],
)
def test_all_text_is_escaped(made):
    assert is_escaped(made)


def test_an_error_is_named_as_one_and_never_long():
    made = markup.error("y" * 5000 + "\n")
    assert "Error" in made and 'role="alert"' in made and len(made) < 600


def test_bars_tell_their_numbers():
    made = markup.bars([" the", "\n"], [0.25, 1])
    assert "␣the" in made and "0.250" in made and "width:25.0%" in made and r"\n" in made
