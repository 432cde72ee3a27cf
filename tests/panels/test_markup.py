"""HTML of the panels: everything escaped, errors and numbers in words."""

import pytest
from helpers.panels import EVIL, is_escaped

from nokenlab.panels import markup


@pytest.mark.parametrize(
    "html",
    [
        markup.answer(EVIL, EVIL),
        markup.error(EVIL),
        markup.quiet(EVIL),
        markup.bars([EVIL], [0.5]),
        markup.chip(EVIL, EVIL),
    ],
)
def test_all_text_is_escaped(html):
    assert is_escaped(html)


def test_an_error_is_named_as_one_and_never_long():
    html = markup.error("y" * 5000 + "\n")
    assert "Error" in html and 'role="alert"' in html and len(html) < 600


def test_bars_show_their_numbers():
    html = markup.bars([" the", "\n"], [0.25, 1])
    assert "␣the" in html and "0.250" in html and "width:25.0%" in html and r"\n" in html
