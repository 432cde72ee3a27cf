"""What goes wrong, in words for people."""

import difflib
import re
import reprlib
from pathlib import Path

LONGEST = 200  # letters of a message, whatever was given


class BadInput(ValueError):
    """What a person gave cannot be used; the message says what was wrong and what would be right."""


class RunFailed(RuntimeError):
    """A notebook did not come to its end; the message says why and where its executed copy lies.

    `reason` is why, in one line; `executed` the path of the copy, which may not have been written.
    """

    def __init__(self, notebook: Path, reason: str, executed: Path):
        super().__init__(f"{notebook.stem}: {reason} (executed notebook: {executed})")
        self.reason, self.executed = reason, executed


class RunLost(RuntimeError):
    """A run of which nothing came back; the message says why."""


def first_line(error: Exception | str, most: int = LONGEST) -> str:
    """The first line of what an error says, without colours of a terminal; its kind where it says nothing.

    Of a longer one the first `most` letters, the last of them an ellipsis.
    """
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(error)).strip()
    nothing = "no message" if isinstance(error, str) else type(error).__name__
    return cut(text.splitlines()[0], most) if text else nothing


def cut(text: str, most: int) -> str:
    """`text`, or its first letters and an ellipsis, `most` letters at most."""
    return text if len(text) <= most else text[: most - 1] + "…"


def short(value: object, most: int = 60) -> str:
    """A value as Python writes it, in `most` letters at most, whatever it is: deep, endless or broken."""
    shown = reprlib.Repr()
    shown.maxlevel, shown.maxlist, shown.maxtuple = 3, 8, 8
    shown.maxstring = shown.maxother = shown.maxlong = most
    try:
        return cut(" ".join(shown.repr(value).split("\n")), most)
    except Exception:  # a __repr__ that fails, or a whole number of too many digits
        return f"a {type(value).__name__} that cannot be shown"


def did_you_mean(name: str, names) -> str:
    """The end of a message about an unknown name: the nearest known one, then all, as far as they fit."""
    names = list(names)
    close = difflib.get_close_matches(name[:100], names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    return cut(f"{hint} there are: {', '.join(names)}", 130) if names else "; there are none"
