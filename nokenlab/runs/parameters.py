"""The typed parameters of a notebook, read from its cell tagged `parameters`, and the check of values.

A line is `name: type = default  # comment`. The comment may end in `legal:` and the valid values: clauses of
`CLAUSES` with commas between. In a list each item is checked, but for clauses about the list itself.
Only the text of the notebook is read (no kernel, no papermill), so that the command line answers at once.
"""

import ast
import io
import json
import operator
import re
import sys
import tokenize
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError

from nokenlab.errors import LARGEST_SEED, NOKEN, BadInput, did_you_mean, short
from nokenlab.runs.files import parse_yaml
from nokenlab.runs.notebooks import cells


def _utf8(text: str) -> str:
    text.encode()  # a ValueError for other bytes of a command line, which become lone surrogates
    return text


STRICT = ConfigDict(strict=True, allow_inf_nan=False)  # a bool is no int; an int becomes a float
ITEMS = {"str": Annotated[str, AfterValidator(_utf8)], "int": int, "float": float, "bool": bool}
TYPES = {name: TypeAdapter(item, config=STRICT) for name, item in ITEMS.items()}
TYPES |= {f"list[{name}]": TypeAdapter(list[item], config=STRICT) for name, item in ITEMS.items()}
CLAUSES = (
    "at least N, above N, at most N, below N, N to M, seed, seeds, "
    "each once, N values, not empty, none empty, one <noken>"
)
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"


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
    """One clause: what a value must be, in words, and whether it is.

    `of_list` is for a clause about a list itself, and not about each item.
    """

    must: str
    holds: Callable[[object], bool]
    of_list: bool = False


_SEED = Rule("be a seed, a whole number from 0 to 2**63 - 1", lambda x: 0 <= x <= LARGEST_SEED)
_WORDS = {
    "seed": _SEED,
    "seeds": _SEED,
    "each once": Rule("have each value once", lambda x: len(set(x)) == len(x), of_list=True),
    "not empty": Rule("not be empty", lambda x: len(x) > 0, of_list=True),
    "none empty": Rule("be a text that is not empty", lambda x: len(x) > 0),
    "one <noken>": Rule(
        "have one <noken>, with text before it", lambda x: x.count(NOKEN) == 1 and not x.startswith(NOKEN)
    ),
}
_BOUNDS = {"at least": operator.ge, "above": operator.gt, "at most": operator.le, "below": operator.lt}


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
    for read_text in (json.loads, parse_yaml):  # JSON has escapes that YAML reads in another way
        with suppress(ValueError, RecursionError):
            return read_text(text)
    raise BadInput(f"{parameter.name} must be {parameter.type}, got {short(text)}")


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
    try:
        value = TYPES[type_].validate_python(value)
    except ValidationError as error:
        if error.errors()[0]["type"] == "value_error":
            raise BadInput(f"{name} has text that is not valid UTF-8: {short(value)}") from None
        finite = " (finite)" if "float" in type_ else ""
        raise BadInput(f"{name} must be {type_}{finite}, got {short(value)}") from None
    for rule in rules(parameter):
        each = isinstance(value, list) and not rule.of_list
        for item in value if each else [value]:
            try:
                holds = rule.holds(item)
            except TypeError:
                raise BadInput(f"{name}: legal: {parameter.valid} is not for {type_}") from None
            if not holds:
                subject = f"each of {name}" if each else name
                raise BadInput(f"{subject} must {rule.must}, got {short(item)}")
    return value


def rules(parameter: Parameter) -> list[Rule]:
    """The rules behind `legal:`. Raises BadInput for one that is not of `CLAUSES`."""
    checked = []
    for clause in filter(None, parameter.valid.split(", ")):
        rule = _rule(clause)
        if rule is None:
            raise BadInput(f"{parameter.name}: legal: {short(clause, 30)} is not one of {CLAUSES}")
        checked.append(rule)
    return checked


def _rule(clause: str) -> Rule | None:
    if clause in _WORDS:
        return _WORDS[clause]
    if match := re.fullmatch(rf"(at least|above|at most|below) {_NUMBER}", clause):
        compare, limit = _BOUNDS[match[1]], float(match[2])
        return Rule(f"be {clause}", lambda x: compare(x, limit))
    if match := re.fullmatch(rf"{_NUMBER} to {_NUMBER}", clause):
        low, high = map(float, match.groups())
        return Rule(f"be {clause}", lambda x: low <= x <= high)
    if match := re.fullmatch(r"(\d+) values", clause):
        return Rule(f"have {clause}", lambda x: len(x) == int(match[1]), of_list=True)
    return None
