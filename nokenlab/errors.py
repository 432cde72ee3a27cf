"""What goes wrong, in words for people; and the checks of what they gave that every layer needs."""

import difflib
import operator
import re
import reprlib
from pathlib import Path

LONGEST = 200  # letters of a message, whatever was given
LARGEST_SEED = 2**63 - 1
NOKEN = "<noken>"  # where a vector goes in a prompt: see `nokenlab.prompt`


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


def check_seeds(seeds, name: str = "seeds") -> list[int]:
    """Seeds as a list of int. ValueError for no seeds, and what is no whole number from 0 to 2**63 - 1."""
    try:
        found = [operator.index(seed) for seed in seeds]
        if any(isinstance(seed, bool) for seed in seeds):
            raise TypeError
    except TypeError:
        raise ValueError(f"{name} must be whole numbers, got {short(seeds)}") from None
    for seed in found:
        if not 0 <= seed <= LARGEST_SEED:
            raise ValueError(f"{name}: a seed is a whole number from 0 to 2**63 - 1, got {short(seed)}")
    if not found:
        raise ValueError(f"{name} is empty; give at least one")
    return found


def check_text(text, name: str) -> None:
    """ValueError for what is no text, an empty one, or one that UTF-8 cannot write (a lone surrogate)."""
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a text, got {type(text).__name__}")
    if not text:
        raise ValueError(f"{name} is empty; write at least one character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} holds text that is no valid UTF-8: {short(text)}") from None


def check_filled(text: str) -> None:
    """ValueError for a prompt that still has a `<noken>`: a tokenizer would read its letters."""
    if NOKEN in text:
        raise ValueError(f"{short(text)} has an unfilled {NOKEN}; fill it: nl.fill(lab, prompt, vectors)")


def check_vectors(x, name: str = "vectors", finite: bool = True) -> None:
    """ValueError for what is no torch tensor of real floating-point numbers, or not `finite` where asked."""
    if not hasattr(x, "is_floating_point"):
        how = "torch.as_tensor(x, dtype=torch.float32) makes one"
        raise ValueError(f"{name} must be a torch tensor, got {type(x).__name__}; {how}")
    if not x.is_floating_point():
        raise ValueError(f"{name} must be floating-point numbers, got {x.dtype}; x.float() makes them")
    if finite and not x.isfinite().all():
        raise ValueError(f"{name} must be finite, but NaN or infinity is among them")
