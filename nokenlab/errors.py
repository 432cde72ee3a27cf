"""What goes wrong, in words for people."""

import difflib
import re
from pathlib import Path


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


def first_line(error: Exception | str) -> str:
    """The first line of what an error says, without colours of a terminal; its kind where it says nothing."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(error)).strip()
    nothing = "no message" if isinstance(error, str) else type(error).__name__
    return text.splitlines()[0] if text else nothing


def did_you_mean(name: str, names) -> str:
    """The end of a message about an unknown name: the nearest known one, then all of them."""
    names = list(names)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    return f"{hint} there are: {', '.join(names)}" if names else "; there are none"
