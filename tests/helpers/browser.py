"""What the tests in a browser share."""

import re


def type_in(panel, label: str, text: str) -> None:
    """Type into the box with a label, and leave it."""
    box = panel.get_by_label(label, exact=True)
    box.fill(text)
    box.blur()


def exact(text: str) -> re.Pattern:
    """The text and nothing else; runs of white space are one to the browser's matcher."""
    words = [re.escape(word) for word in text.split()]
    return re.compile(r"^\s*" + r"\s+".join(words) + r"\s*$")
