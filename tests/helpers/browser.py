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


def drag_over(panel, moves: int) -> None:
    """Drag the noken of a map from a corner to the other, in so many moves."""
    canvas = panel.locator(".nk-terr-map")
    canvas.scroll_into_view_if_needed()
    box, mouse = canvas.bounding_box(), panel.page.mouse
    mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.2 * box["height"])
    mouse.down()
    mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.7 * box["height"], steps=moves)
    mouse.up()
