"""The typed parameters of a notebook, read from its cell tagged `parameters`, and the check of values.

Only the text of the notebook is read (no kernel, no papermill), so that the command line answers at once.
"""

import ast
import io
import json
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

import yaml

from nokenlab.errors import BadInput, did_you_mean, short
from nokenlab.runs import legal
from nokenlab.runs.notebooks import cells

SCALARS = {"str": str, "int": int, "float": float, "bool": bool}
TYPES = (*SCALARS, "list", *(f"list[{name}]" for name in SCALARS), "dict")
LARGEST = 1_000_000  # items of a value, those inside of others counted too


@dataclass(frozen=True)
class Parameter:
    """One line `name: type = default  # comment` of a cell; for the comment's end see `legal.py`."""

    name: str
    type: str
    default: object
    comment: str = ""

    @property
    def legal(self) -> str:
        """The legal values, as the comment has them; empty where any value of the type will do."""
        return legal.of_comment(self.comment)


def read(notebook: Path) -> dict[str, Parameter]:
    """The parameters of a notebook by name, in the order of its cell; empty when it has no such cell.

    Raises BadInput when a line of the cell is not `name: type = literal`, or its default not legal.
    """
    for cell in cells(notebook):
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            return of_source(cell["source"], Path(notebook).stem)
    return {}


def check_parameters() -> None:
    """Check the parameters of the notebook that is open here, as its cells were run by hand or by a command.

    Each `name: type = …  # …` of a cell that has nothing else is checked by its present value. Where there is
    no notebook, as in a script, there is nothing to check. Raises BadInput as `check` does.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    names = shell.user_ns if shell else {}
    for source in names.get("In", []):
        for parameter in _annotated(source):
            if parameter.name in names:
                check_value(parameter, names[parameter.name])


def of_source(source: str, where: str) -> dict[str, Parameter]:
    """The parameters in the text of a cell, as `read`; messages begin with `where`."""
    try:
        statements, comments = _statements(source)
    except (SyntaxError, ValueError, tokenize.TokenError):
        raise BadInput(f"{where}: its parameters cell is not valid Python") from None
    found = {}
    for node in statements:
        try:
            name, type_ = node.target.id, ast.unparse(node.annotation)
            default = ast.literal_eval(node.value)
        except (AttributeError, ValueError):
            raise BadInput(
                f"{where}: line {node.lineno} of its parameters cell is not `name: type = literal`"
            ) from None
        found[name] = Parameter(name, type_, default, comments.get(node.end_lineno, ""))
        try:
            check_value(found[name], default)
        except BadInput as error:
            raise BadInput(f"{where}: default of {error}") from None
    return found


def _statements(source: str) -> tuple[list[ast.stmt], dict[int, str]]:
    """The statements of a cell, and the comment of each line that has one."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {t.start[0]: t.string.lstrip("# ").strip() for t in tokens if t.type == tokenize.COMMENT}
    return ast.parse(source).body, comments


def _annotated(source: str) -> list[Parameter]:
    """The parameters of a cell, whatever made their values; none where it has other statements too."""
    try:
        nodes, comments = _statements(source)
    except (SyntaxError, ValueError, tokenize.TokenError):
        return []
    if not all(isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) for node in nodes):
        return []
    lines = [
        (node.target.id, ast.unparse(node.annotation), comments.get(node.end_lineno, "")) for node in nodes
    ]
    return [Parameter(name, type_, None, comment) for name, type_, comment in lines if type_ in TYPES]


def parse(parameter: Parameter, text: str) -> object:
    """The value that `text`, typed on a command line, means for a parameter: YAML, but text for a str."""
    if parameter.type == "str":
        return text
    try:
        return json.loads(text)  # before YAML, which takes 1e-3 for text
    except (ValueError, RecursionError):
        pass
    try:
        return yaml.safe_load(text)
    except Exception:  # of many kinds, as for `!!int ''`
        raise BadInput(f"{parameter.name} wants {parameter.type}, got {short(text)}") from None


def check(parameters: dict[str, Parameter], given: dict) -> dict:
    """`given` with every value checked against its parameter's type; whole numbers for a float become floats.

    Raises BadInput for an unknown name, a wrong type, a number that is not finite, a value that is not legal.
    """
    for name in given:
        if name not in parameters:
            raise BadInput(f"no parameter {short(name)}{did_you_mean(name, parameters)}")
    return {name: check_value(parameters[name], value) for name, value in given.items()}


def check_value(parameter: Parameter, value: object) -> object:
    """One value, checked as `check` does."""
    name, type_ = parameter.name, parameter.type
    if type_ not in TYPES:
        raise BadInput(f"{name}: its type {type_} is none of {', '.join(TYPES)}")
    fits = _fits(value, type_)
    if fits and _more_than(LARGEST, value):
        raise BadInput(f"{name} holds more than {LARGEST:,} values, which is too many")
    if fits and not _is_utf8(value):
        raise BadInput(f"{name} holds text that is no valid UTF-8: {short(value)}")
    if not fits or not _plain(value):
        finite = " (finite)" if "float" in type_ else ""
        raise BadInput(f"{name} wants {type_}{finite}, got {short(value)}")
    if type_ == "float":
        value = float(value)
    if type_ == "list[float]":
        value = [float(item) for item in value]
    if refusal := legal.refusal(parameter.legal, type_, name, value):
        raise BadInput(refusal)
    return value


def _fits(value: object, type_: str) -> bool:
    if type_ in ("list", "dict"):
        return isinstance(value, {"list": list, "dict": dict}[type_])
    if type_.startswith("list["):
        return isinstance(value, list) and all(_fits(item, type_[5:-1]) for item in value)
    if isinstance(value, bool):  # a bool is an int to Python, not to a person
        return type_ == "bool"
    if type_ == "float":  # false for nan, inf and a whole number that no float holds
        return isinstance(value, int | float) and abs(value) <= sys.float_info.max
    return isinstance(value, SCALARS[type_])


def _more_than(most: int, value: object) -> bool:
    """Whether a value holds more than so many others, however deep; also where it holds itself."""
    waiting, count = [value], 0
    while waiting and count <= most:
        inner = waiting.pop()
        count += 1
        if isinstance(inner, list | dict):
            if len(inner) > most:
                return True
            waiting.extend(inner.values() if isinstance(inner, dict) else inner)
    return count > most


def _is_utf8(value: object) -> bool:
    """Whether text in a value is Unicode: bytes of a command line that are none become lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    except (TypeError, ValueError, RecursionError):  # for another reason
        return True
    return True


def _plain(value: object) -> bool:
    """Whether JSON carries the value there and back."""
    try:
        return json.loads(json.dumps(value, allow_nan=False)) == value
    except (TypeError, ValueError, RecursionError):
        return False
