"""Errors, their messages, and the checks of arguments that every layer needs."""

import difflib
import operator
import re
import reprlib
from numbers import Integral
from pathlib import Path

LONGEST = 200  # characters of a message
LARGEST_SEED = 2**63 - 1
NOKEN = "<noken>"  # where a vector goes in a prompt: see `nokenlab.prompt`


class BadInput(ValueError):
    """An argument of a command or run is not valid; the message says what would be right."""


class RowFailed(ValueError):
    """What the model computed for one row of a batch cannot be used. `row` counts from 0 in that batch."""

    def __init__(self, row: int, reason: str):
        super().__init__(f"row {row}, {reason}")
        self.row, self.reason = row, reason


class RunFailed(RuntimeError):
    """A notebook failed. `reason` is one line; `executed` the path of its executed copy, if written."""

    def __init__(self, notebook: Path, reason: str, executed: Path):
        super().__init__(f"{notebook.stem}: {reason} (executed notebook: {executed})")
        self.reason, self.executed = reason, executed


class RunLost(RuntimeError):
    """A run whose process ended without a result; the message says why."""


def first_line(error: Exception | str, most: int = LONGEST) -> str:
    """The first line of an error's message, without terminal colours, cut to `most` characters.

    An error without a message gives the name of its class.
    """
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(error)).strip()
    if text:
        return cut(text.splitlines()[0], most)
    return "no message" if isinstance(error, str) else type(error).__name__


def cut(text: str, most: int) -> str:
    """`text` in at most `most` characters; a longer one ends in an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def short(value: object, most: int = 60) -> str:
    """repr(value) in at most `most` characters, for any value: nested, endless or with a broken repr."""
    representation = reprlib.Repr()
    representation.maxlevel, representation.maxlist, representation.maxtuple = 3, 8, 8
    representation.maxstring = representation.maxother = representation.maxlong = most
    try:
        return cut(" ".join(representation.repr(value).split("\n")), most)
    except Exception:  # a __repr__ that fails, or an int of too many digits
        return f"a {type(value).__name__} that cannot be shown"


def did_you_mean(name: str, names) -> str:
    """The end of a message about an unknown name: the closest valid one, then all, or what shows them all."""
    names = list(names)
    close = difflib.get_close_matches(name[:100], names, n=1)
    hint = f"; did you mean {cut(close[0], 60)!r}?" if close else ";"
    complete = f"{hint} there are: {', '.join(names) or 'none'}"
    return complete if len(complete) <= 130 else f"{hint} `nokenlab list` shows all {len(names)}"


def check_seeds(seeds, name: str = "seeds") -> list[int]:
    """Seeds as a list of int. ValueError unless there is at least one, and all are from 0 to 2**63 - 1."""
    try:
        checked = [operator.index(seed) for seed in seeds]
        if any(isinstance(seed, bool) for seed in seeds):
            raise TypeError
    except TypeError:
        raise ValueError(f"{name} must be whole numbers, got {short(seeds)}") from None
    for seed in checked:
        if not 0 <= seed <= LARGEST_SEED:
            raise ValueError(f"{name}: a seed must be a whole number from 0 to 2**63 - 1, got {short(seed)}")
    if not checked:
        raise ValueError(f"{name} is empty; give at least one")
    return checked


def check_count(value, name: str, least: int = 1, most: int | None = None) -> None:
    """ValueError unless `value` is a whole number of at least `least`, and at most `most`."""
    if not isinstance(value, Integral) or value < least or (most is not None and value > most):
        bounds = f", at least {least}" if most is None else f" from {least} to {most}"
        raise ValueError(f"{name} must be a whole number{bounds}, got {short(value)}")


def check_text(text, name: str) -> None:
    """ValueError unless `text` is a non-empty str that UTF-8 can encode (no lone surrogates)."""
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a text, got {type(text).__name__}")
    if not text:
        raise ValueError(f"{name} is empty; write at least one character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} is not valid UTF-8: {short(text)}") from None


def check_vectors(x, name: str = "vectors", finite: bool = True) -> None:
    """ValueError unless x is a tensor of floating-point numbers, and `finite` ones if that is set."""
    if not hasattr(x, "is_floating_point"):
        advice = "torch.as_tensor(x, dtype=torch.float32) makes one"
        raise ValueError(f"{name} must be a torch tensor, got {type(x).__name__}; {advice}")
    if not x.is_floating_point():
        raise ValueError(f"{name} must be floating-point numbers, got {x.dtype}; x.float() converts them")
    if finite and not x.isfinite().all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
