"""The legal values of a parameter: what stands behind `legal:` at the end of its comment.

Clauses of `FORMS` with commas between. They are asked of each item of a list, but for those of its length
and `each once`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from nokenlab.errors import LARGEST_SEED, NOKEN, BadInput, short

FORMS = (
    "at least N, above N, at most N, below N, N to M, seed, seeds, "
    "each once, N values, not empty, none empty, one <noken>"
)
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"
_BOUNDS = {
    "at least": lambda x, n: x >= n,
    "above": lambda x, n: x > n,
    "at most": lambda x, n: x <= n,
    "below": lambda x, n: x < n,
}
_NUMBERS, _TEXTS = ("int", "float", "list[int]", "list[float]"), ("str", "list[str]")
_LISTS = ("list[str]", "list[int]", "list[float]", "list[bool]")


@dataclass(frozen=True)
class Rule:
    """One clause: which types it is for, what a value must do, in words, and whether it does.

    `whole` is for one that is asked of a list as it is, and not of each item.
    """

    types: tuple[str, ...]
    must: str
    holds: Callable[[object], bool]
    whole: bool = False


_SEED = Rule(
    ("int", "list[int]"),
    "be a seed, a whole number from 0 to 2**63 - 1",
    lambda x: 0 <= x <= LARGEST_SEED,
)
_WORDS = {
    "seed": _SEED,
    "seeds": _SEED,
    "each once": Rule(_LISTS, "have each value once", lambda x: len(set(x)) == len(x), whole=True),
    "not empty": Rule(("str", "list", "dict", *_LISTS), "not be empty", len, whole=True),
    "none empty": Rule(_TEXTS, "be a text that is not empty", len),
    f"one {NOKEN}": Rule(
        _TEXTS,
        f"have one {NOKEN}, with text before it",
        lambda x: x.count(NOKEN) == 1 and not x.startswith(NOKEN),
    ),
}


def of_comment(comment: str) -> str:
    """What a comment says behind `legal:`; empty where it says nothing of the kind."""
    found = re.search(r"(?:^|[;,.] )legal: (.*)", comment)
    return found[1].strip() if found else ""


def rules(legal: str, type_: str, name: str) -> list[Rule]:
    """The rules of `legal`. Raises BadInput for a clause that is none of `FORMS`, or not for this type."""
    found = []
    for clause in filter(None, legal.split(", ")):
        rule = _rule(clause)
        if rule is None:
            raise BadInput(f"{name}: legal: {short(clause, 30)} is none of {FORMS}")
        if type_ not in rule.types:
            raise BadInput(f"{name}: legal: {clause} is not for {type_} but for {', '.join(rule.types)}")
        found.append(rule)
    return found


def refusal(legal: str, type_: str, name: str, value: object) -> str | None:
    """Why a value of the right type is not legal, in a line that says the parameter's name; or None."""
    for rule in rules(legal, type_, name):
        each = isinstance(value, list) and not rule.whole
        for one in value if each else [value]:
            if not rule.holds(one):
                return f"{'each of ' * each}{name} must {rule.must}, got {short(one)}"
    return None


def _rule(clause: str) -> Rule | None:
    if clause in _WORDS:
        return _WORDS[clause]
    if match := re.fullmatch(rf"(at least|above|at most|below) {_NUMBER}", clause):
        bound, limit = _BOUNDS[match[1]], float(match[2])
        return Rule(_NUMBERS, f"be {clause}", lambda x: bound(x, limit))
    if match := re.fullmatch(rf"{_NUMBER} to {_NUMBER}", clause):
        low, high = map(float, match.groups())
        return Rule(_NUMBERS, f"be {clause}", lambda x: low <= x <= high)
    if match := re.fullmatch(r"(\d+) values", clause):
        return Rule(_LISTS, f"have {clause}", lambda x: len(x) == int(match[1]), whole=True)
    return None
