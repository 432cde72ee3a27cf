"""Parameters of a notebook: read as papermill reads them, and checked values."""

import ast
import json
import math
import re
from pathlib import Path

import pytest
from helpers.small_notebooks import notebook
from hypothesis import given
from hypothesis import strategies as st
from papermill import inspect_notebook
from papermill.translators import PythonTranslator

from nokenlab.errors import BadInput
from nokenlab.runs.parameters import TYPES, Parameter, check, check_parameters, check_value, parse, read

TRICKY = '''
# a comment of its own, with x: int = 3 in it

model: str = "default"  # hub id, folder or "default"
texts: list[str] = [
    "Hello world :)",  # the article's
    'it\\'s',
]  # one or more texts
seeds: list[int] = [0, 1, 2]
scale: float = -1.5e-3  # any: small, or large
greedy: bool = True  #no space
nested: dict = {"a": [1, None]}  # anything
anything: list = []
prompt: str = """two words"""
'''
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").rglob("*.ipynb"))


def same_as_papermill(path):
    ours = read(path)
    theirs = inspect_notebook(str(path))
    assert list(ours) == list(theirs) and ours
    for name, p in ours.items():
        assert p.type == theirs[name]["inferred_type_name"]
        assert p.default == ast.literal_eval(theirs[name]["default"])
        assert p.comment == theirs[name]["help"]


def test_reads_what_papermill_reads(tmp_path):
    path = notebook(tmp_path, "tricky", parameters=TRICKY)
    same_as_papermill(path)
    assert read(path)["texts"].default == ["Hello world :)", "it's"]
    assert read(path)["scale"] == Parameter("scale", "float", -0.0015, "any: small, or large")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_papermill_reads_our_notebooks_the_same(path):
    same_as_papermill(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_number_of_our_notebooks_says_its_legal_values(path):
    assert [p.name for p in read(path).values() if not p.valid and p.type not in ("str", "bool")] == []


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 5


def test_reads_what_papermill_loses(tmp_path):
    cell = 'prompt: str = "a = b # c"  # any = text'
    path = notebook(tmp_path, "lost", parameters=cell)
    assert read(path) == {"prompt": Parameter("prompt", "str", "a = b # c", "any = text")}


def test_no_parameters(tmp_path):
    assert read(notebook(tmp_path, "plain", "x = 1", parameters=None)) == {}


@pytest.mark.parametrize(
    "cell, message",
    [
        ("x = 3", "bad: line 1 of its parameters cell is not `name: type = literal`"),
        ("x: int = 1\ny: int = x", "bad: line 2 of its"),
        ("x: int", "bad: line 1 of its"),
        ("x: int = 'a'", "bad: default of x must be int, got 'a'"),
        ("x: float = 1e999", r"bad: default of x must be float \(finite\), got inf"),
        ("x: str | None = None", r"x: its type str \| None is not one of str, int,"),
        ("x: int = (", "not valid Python"),
    ],
)
def test_refuses_a_parameters_cell(tmp_path, cell, message):
    with pytest.raises(BadInput, match=message):
        read(notebook(tmp_path, "bad", parameters=cell))


GOOD = {
    "str": ["", "5", "ü↵"],
    "int": [0, -3, 10**30],
    "float": [0.5, 2],
    "bool": [True, False],
    "list": [[], [1, "a", None]],
    "list[str]": [[], ["a"]],
    "list[int]": [[], [1]],
    "list[float]": [[1, 0.5]],
    "list[bool]": [[True]],
    "dict": [{}, {"a": [1.5]}],
}
BAD = {
    "str": [5, None, ["a"], "\ud800"],
    "int": [1.0, True, "1", None],
    "float": [True, "1", math.nan, math.inf, 10**400],
    "bool": [1, "true", None],
    "list": ["a", {}, [math.nan], [(1,)]],
    "list[str]": ["a", [1], ["\ud800"]],
    "list[int]": [1, [1.0], [True], "x"],
    "list[float]": [[math.nan], ["1"], 1.0],
    "list[bool]": [[1]],
    "dict": [[], {1: 2}, {"a": math.inf}, {"a": {1}}],
}


@pytest.mark.parametrize("type_", list(TYPES))
def test_types(type_):
    parameter = Parameter("x", type_, None)
    for value in GOOD[type_]:
        assert check_value(parameter, value) == value
    for value in BAD[type_]:
        utf8 = "\\ud800" in repr(value)
        said = "x has text that is not valid UTF-8" if utf8 else f"x must be {type_}"
        with pytest.raises(BadInput, match=f"^{re.escape(said)}"):
            check_value(parameter, value)


def test_whole_numbers_become_floats():
    found = check({"x": Parameter("x", "list[float]", [])}, {"x": [1, 2]})
    assert [type(item) for item in found["x"]] == [float, float]


def test_unknown_name_says_the_nearest_and_all():
    known = {name: Parameter(name, "int", 0) for name in ("prompt", "seeds")}
    with pytest.raises(BadInput, match=r"no parameter 'promt'; did you mean 'prompt'\? there are: pro"):
        check(known, {"promt": 1})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # papermill writes text with escapes, Python reads them back
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_values_reach_the_notebook_unchanged(value):
    parameter = Parameter("x", "list", [])
    checked = check_value(parameter, [value])
    assert ast.literal_eval(PythonTranslator.translate(checked)) == [value]
    assert parse(parameter, json.dumps([value])) == [value]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_stays_as_typed(text):
    parameter = Parameter("x", "str", "")
    assert check_value(parameter, parse(parameter, text)) == text


def test_command_line_values():
    assert parse(Parameter("x", "float", 0.0), "1e-3") == 0.001
    assert parse(Parameter("x", "list[str]", []), "[a, b c]") == ["a", "b c"]
    assert parse(Parameter("x", "bool", True), "no") is False
    with pytest.raises(BadInput, match=r"x must be list\[int\], got '\[1,'"):
        parse(Parameter("x", "list[int]", []), "[1,")


class Shell:
    """A kernel's names, as IPython holds them."""

    def __init__(self, *cells, **names):
        self.user_ns = {"In": ["", *cells], **names}


@pytest.mark.parametrize(
    "cell, values, message",
    [
        ("n: int = 3  # new; legal: 1 to 9", {"n": 3}, None),
        ("n: int = 3  # new; legal: 1 to 9", {"n": 10}, "n must be 1 to 9, got 10"),
        ("n: int = 3  # new; legal: 1 to 9", {"n": "3"}, "n must be int, got '3'"),
        ("n: int = max(3, 9)  # legal: 1 to 9", {"n": 0}, "n must be 1 to 9, got 0"),
        ("n: list[int] = [\n    3,\n]  # legal: seeds", {"n": [-1]}, "each of n must be a seed"),
        ("n: int = 3  # legal: 1 to 9\nprint(n)", {"n": 0}, None),
        ("%matplotlib inline", {}, None),
    ],
)
def test_the_open_notebook_checks_itself(monkeypatch, cell, values, message):
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", lambda: Shell(cell, "lab = 1", **values))
    if message is None:
        return check_parameters()
    with pytest.raises(BadInput, match=f"^{re.escape(message)}"):
        check_parameters()


def test_outside_of_notebooks_there_is_nothing_to_check():
    check_parameters()
