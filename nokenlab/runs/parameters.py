"""The typed parameters of a notebook, read from its cell tagged `parameters`, and the check of values.

A line is `name: type = default  # comment`. The comment may end in `legal:` and the valid values: clauses of
`CLAUSES` with commas between. In a list each item is checked, but for clauses about the list itself.
Only the text of the notebook is read (no kernel, no papermill), so that the command line answers at once.
"""

import ast
import io
import json
import re
import sys
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError

from nokenlab.errors import LARGEST_SEED, NOKEN, BadInput, did_you_mean, short
from nokenlab.runs.notebooks import cells

TYPES = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list[JsonValue],
    "list[str]": list[str],
    "list[int]": list[int],
    "list[float]": list[float],
    "list[bool]": list[bool],
    "dict": dict[str, JsonValue],
}
STRICT = ConfigDict(strict=True, allow_inf_nan=False)  # a bool is no int; an int becomes a float
LARGEST = 1_000_000  # values in a value, those inside of others counted too
CLAUSES = (
    "at least N, above N, at most N, below N, N to M, seed, seeds, "
    "each once, N values, not empty, none empty, one <noken>"
)
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"
_NUMBERS, _TEXTS = ("int", "float", "list[int]", "list[float]"), ("str", "list[str]")
_LISTS = ("list[str]", "list[int]", "list[float]", "list[bool]")


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell."""

    name: str
    type: str
    default: object
    comment: str = ""

    @property
    def valid(self) -> str:
        """The clauses behind `legal:` in the comment; empty where any value of the type is valid."""
        match = re.search(r"(?:^|[;,.] )legal: (.*)", self.comment)
        return match[1].strip() if match else ""


@dataclass(frozen=True)
class Rule:
    """One clause: the types it is for, what a value must be, in words, and whether it is.

    `of_list` is for a clause about a list itself, and not about each item.
    """

    types: tuple[str, ...]
    must: str
    holds: Callable[[object], bool]
    of_list: bool = False


_SEED = Rule(
    ("int", "list[int]"),
    "be a seed, a whole number from 0 to 2**63 - 1",
    lambda x: 0 <= x <= LARGEST_SEED,
)
_WORDS = {
    "seed": _SEED,
    "seeds": _SEED,
    "each once": Rule(_LISTS, "have each value once", lambda x: len(set(x)) == len(x), of_list=True),
    "not empty": Rule(("str", "list", "dict", *_LISTS), "not be empty", len, of_list=True),
    "none empty": Rule(_TEXTS, "be a text that is not empty", len),
    "one <noken>": Rule(
        _TEXTS,
        "have one <noken>, with text before it",
        lambda x: x.count(NOKEN) == 1 and not x.startswith(NOKEN),
    ),
}


def read(notebook: Path) -> dict[str, Parameter]:
    """The parameters of a notebook by name, in the order of its cell; empty when it has no such cell.

    Raises BadInput when a line of the cell is not `name: type = literal`, or its default not valid.
    """
    for cell in cells(notebook):
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            return of_source(cell["source"], Path(notebook).stem)
    return {}


def of_source(source: str, notebook: str) -> dict[str, Parameter]:
    """The parameters in the text of a cell, as `read`; messages begin with the name `notebook`."""
    try:
        lines = _lines(source)
    except (SyntaxError, ValueError, tokenize.TokenError):
        raise BadInput(f"{notebook}: its parameters cell is not valid Python") from None
    parameters = {}
    for node, comment in lines:
        try:
            default = ast.literal_eval(node.value)
            parameter = Parameter(node.target.id, ast.unparse(node.annotation), default, comment)
        except (AttributeError, ValueError):
            line = f"line {node.lineno} of its parameters cell"
            raise BadInput(f"{notebook}: {line} is not `name: type = literal`") from None
        try:
            check_value(parameter, default)
        except BadInput as error:
            raise BadInput(f"{notebook}: default of {error}") from None
        parameters[parameter.name] = parameter
    return parameters


def check_parameters() -> None:
    """Check the parameters of the open notebook, by their present values; nothing to check in a script.

    Each `name: type = …  # …` of a cell that has nothing else counts. Raises BadInput as `check` does.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    names = shell.user_ns if shell else {}
    for source in names.get("In", []):
        for name, type_, comment in _annotated(source):
            if name in names and type_ in TYPES:
                check_value(Parameter(name, type_, None, comment), names[name])


def _annotated(source: str) -> list[tuple[str, str, str]]:
    """Name, type and comment of each line of a cell; none if it has other statements too."""
    try:
        return [(node.target.id, ast.unparse(node.annotation), comment) for node, comment in _lines(source)]
    except (SyntaxError, ValueError, tokenize.TokenError, AttributeError):
        return []


def _lines(source: str) -> list[tuple[ast.stmt, str]]:
    """The statements of a cell, each with the comment behind it."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}
    return [(node, comments.get(node.end_lineno, "")) for node in ast.parse(source).body]


def parse(parameter: Parameter, text: str) -> object:
    """The value that `text`, typed on a command line, means for a parameter: YAML, but text for a str."""
    if parameter.type == "str":
        return text
    try:
        return json.loads(text)  # before YAML, which reads 1e-3 as text
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.safe_load(text)
    except Exception:  # of many kinds, as for `!!int ''`
        raise BadInput(f"{parameter.name} must be {parameter.type}, got {short(text)}") from None


def check(parameters: dict[str, Parameter], values: dict) -> dict:
    """`values` checked against their parameters' types; whole numbers for a float become floats.

    Raises BadInput for an unknown name, a wrong type, a number that is not finite, a value that is not valid.
    """
    for name in values:
        if name not in parameters:
            raise BadInput(f"no parameter {short(name)}{did_you_mean(name, parameters)}")
    return {name: check_value(parameters[name], value) for name, value in values.items()}


def check_value(parameter: Parameter, value: object) -> object:
    """One value, checked as `check` does."""
    name, type_ = parameter.name, parameter.type
    if type_ not in TYPES:
        raise BadInput(f"{name}: its type {type_} is not one of {', '.join(TYPES)}")
    if _is_too_large(value):
        raise BadInput(f"{name} has more than {LARGEST:,} values, which is too many")
    try:
        value = _adapter(type_).validate_python(value)
    except ValidationError:
        finite = " (finite)" if "float" in type_ else ""
        raise BadInput(f"{name} must be {type_}{finite}, got {short(value)}") from None
    if not _is_utf8(value):
        raise BadInput(f"{name} has text that is not valid UTF-8: {short(value)}")
    for rule in rules(parameter):
        each = isinstance(value, list) and not rule.of_list
        for item in value if each else [value]:
            if not rule.holds(item):
                subject = f"each of {name}" if each else name
                raise BadInput(f"{subject} must {rule.must}, got {short(item)}")
    return value


@cache
def _adapter(type_: str) -> TypeAdapter:
    return TypeAdapter(TYPES[type_], config=STRICT)


def _is_too_large(value: object) -> bool:
    """Whether a value has more than `LARGEST` others inside, however deep; also if it contains itself."""
    waiting, count = [value], 0
    while waiting and count <= LARGEST:
        inner = waiting.pop()
        count += 1
        if isinstance(inner, list | dict):
            waiting.extend(inner.values() if isinstance(inner, dict) else inner)
    return count > LARGEST


def _is_utf8(value: object) -> bool:
    """Whether all text in a value is Unicode: other bytes of a command line become lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def rules(parameter: Parameter) -> list[Rule]:
    """The rules behind `legal:`. Raises BadInput for one that is not of `CLAUSES`, or not for this type."""
    checked = []
    for clause in filter(None, parameter.valid.split(", ")):
        rule = _rule(clause)
        if rule is None:
            raise BadInput(f"{parameter.name}: legal: {short(clause, 30)} is not one of {CLAUSES}")
        if parameter.type not in rule.types:
            types = ", ".join(rule.types)
            raise BadInput(f"{parameter.name}: legal: {clause} is not for {parameter.type} but for {types}")
        checked.append(rule)
    return checked


def _rule(clause: str) -> Rule | None:
    if clause in _WORDS:
        return _WORDS[clause]
    if match := re.fullmatch(rf"(at least|above|at most|below) {_NUMBER}", clause):
        limit = float(match[2])
        holds = {
            "at least": lambda x: x >= limit,
            "above": lambda x: x > limit,
            "at most": lambda x: x <= limit,
            "below": lambda x: x < limit,
        }
        return Rule(_NUMBERS, f"be {clause}", holds[match[1]])
    if match := re.fullmatch(rf"{_NUMBER} to {_NUMBER}", clause):
        low, high = map(float, match.groups())
        return Rule(_NUMBERS, f"be {clause}", lambda x: low <= x <= high)
    if match := re.fullmatch(r"(\d+) values", clause):
        return Rule(_LISTS, f"have {clause}", lambda x: len(x) == int(match[1]), of_list=True)
    return None
