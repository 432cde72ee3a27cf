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
from nokenlab.runs.sweep_file import load_sweep

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
prompt: str = """two words"""
'''
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").rglob("*.ipynb"))
assert len(NOTEBOOKS) >= 5


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
def test_every_number_of_our_notebooks_says_its_valid_values(path):
    assert [p.name for p in read(path).values() if not p.valid and p.type not in ("str", "bool")] == []


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
        ("x: int = (", "bad: its parameters cell is not valid Python"),
        ("x: int = 'a'", "bad: default of x must be int, got 'a'"),
        ("x: float = 1e999", "bad: default of x must be float (finite), got inf"),
        ("x: str | None = None", "bad: default of x: its type str | None is not one of str, int,"),
        ("x: int = 1  # legal: at lest 1", "bad: default of x: legal: 'at lest 1' is not one of at least N"),
        ("x: int = 1  # legal: each once", "bad: default of x: legal: each once is not for int"),
        ("x: str = ''  # legal: above 0", "bad: default of x: legal: above 0 is not for str"),
        ("x: int = 0  # legal: 1 to 9", "bad: default of x must be 1 to 9, got 0"),
    ],
)
def test_a_bad_line_of_a_parameters_cell(tmp_path, cell, message):
    with pytest.raises(BadInput) as error:
        read(notebook(tmp_path, "bad", parameters=cell))
    assert str(error.value).startswith(message) and len(str(error.value)) < 200


GOOD = {
    "str": ["", "5", "ü↵"],
    "int": [0, -3, 10**30],
    "float": [0.5, 2],
    "bool": [True, False],
    "list[str]": [[], ["a"]],
    "list[int]": [[], [1]],
    "list[float]": [[1, 0.5]],
    "list[bool]": [[True]],
}
BAD = {
    "str": [5, None, ["a"], "\ud800"],
    "int": [1.0, True, "1", None],
    "float": [True, "1", math.nan, math.inf, 10**400],
    "bool": [1, "true", None],
    "list[str]": ["a", [1], ["\ud800"]],
    "list[int]": [1, [1.0], [True], "x"],
    "list[float]": [[math.nan], ["1"], 1.0],
    "list[bool]": [[1]],
}


@pytest.mark.parametrize("type_", list(TYPES))
def test_types(type_):
    parameter = Parameter("x", type_, None)
    for value in GOOD[type_]:
        assert check_value(parameter, value) == value
    for value in BAD[type_]:
        utf8 = "\\ud800" in repr(value)
        message = "x has text that is not valid UTF-8" if utf8 else f"x must be {type_}"
        with pytest.raises(BadInput, match=f"^{re.escape(message)}"):
            check_value(parameter, value)


def test_whole_numbers_become_floats():
    checked = check({"x": Parameter("x", "list[float]", [])}, {"x": [1, 2]})
    assert [type(item) for item in checked["x"]] == [float, float]


def test_unknown_name_says_the_nearest_and_all():
    known = {name: Parameter(name, "int", 0) for name in ("prompt", "seeds")}
    with pytest.raises(BadInput, match=r"no parameter 'promt'; did you mean 'prompt'\? there are: pro"):
        check(known, {"promt": 1})


# papermill writes text with escapes, Python reads them back
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])))


@given(TEXTS | st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_values_reach_the_notebook_unchanged(value):
    parameter = Parameter("x", "list[str]" if value and isinstance(value[0], str) else "list[float]", [])
    checked = check_value(parameter, value)
    assert ast.literal_eval(PythonTranslator.translate(checked)) == value
    assert parse(parameter, json.dumps(value)) == value


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_stays_as_typed(text):
    parameter = Parameter("x", "str", "")
    assert check_value(parameter, parse(parameter, text)) == text


@pytest.mark.parametrize(
    "type_, text, value",
    [
        ("float", "1e-3", 0.001),
        ("list[float]", "[.1, 1E-3]", [0.1, 0.001]),
        ("int", "010", 10),
        ("list[str]", "[a, b c, 1:30, 12:30:45, no]", ["a", "b c", "1:30", "12:30:45", "no"]),
    ],
)
def test_values_are_yaml_as_people_write_it(tmp_path, type_, text, value):
    assert check_value(Parameter("x", type_, None), parse(Parameter("x", type_, None), text)) == value
    path = notebook(tmp_path, "small", parameters=f"x: {type_} = {value!r}\ny: int = 0")
    (tmp_path / "s.yaml").write_text(f"notebook: {path.name}\nparameters: {{x: {text}}}")
    assert load_sweep(tmp_path / "s.yaml").runs[0].given == {"x": value}


@pytest.mark.parametrize("type_, text", [("list[int]", "[1,"), ("int", "1:30"), ("bool", "yes")])
def test_other_values_are_refused(type_, text):
    parameter = Parameter("x", type_, None)
    with pytest.raises(BadInput, match=f"x must be {re.escape(type_)}, got '{re.escape(text)}'"):
        check_value(parameter, parse(parameter, text))


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


SEED = "be a seed, a whole number from 0 to 2**63 - 1, got "
CASES = [  # type, clauses, valid values, others, what is said
    ("int", "at least 2", [2, 3], [1], "x must be at least 2, got 1"),
    ("float", "above 0", [1e-9], [0.0, -1], "x must be above 0, got "),
    ("float", "at most 1e3", [1000.0, -5], [1000.5], "x must be at most 1e3, got 1000.5"),
    ("float", "at least 0, below 1", [0.0, 0.9], [1.0, -0.1], "x must be "),
    ("int", "-3 to 0.5", [-3, 0], [-4, 1], "x must be -3 to 0.5, got "),
    ("int", "seed", [0, 2**63 - 1], [-1, 2**63, 2**70], f"x must {SEED}"),
    ("list[int]", "seeds", [[1, 1]], [[0, -1]], f"each of x must {SEED}-1"),
    ("list[int]", "seeds, each once", [[1, 2], []], [[1, 1]], "x must have each value once, got [1, 1]"),
    ("list[float]", "0 to 1", [[0, 1]], [[0.5, 7]], "each of x must be 0 to 1, got 7"),
    ("list[str]", "3 values", [["a", "b", "c"]], [[], ["a"]], "x must have 3 values, got "),
    ("list[str]", "not empty, none empty", [["a"]], [[]], "x must not be empty, got []"),
    ("list[str]", "none empty", [["a"], []], [["a", ""]], "each of x must be a text that is not empty, got"),
    ("str", "not empty", [" "], [""], "x must not be empty, got ''"),
    (
        "str",
        "one <noken>",
        ["a <noken>"],
        ["", "<noken> a", "a <noken> <noken>"],
        "x must have one <noken>, ",
    ),
]


@pytest.mark.parametrize("type_, clauses, good, bad, message", CASES, ids=[f"{c[0]} {c[1]}" for c in CASES])
def test_valid_values(type_, clauses, good, bad, message):
    x = Parameter("x", type_, None, f"a thing; as above: 1; legal: {clauses}")
    for value in good:
        assert check_value(x, value) == value
    for value in bad:
        with pytest.raises(BadInput) as error:
            check_value(x, value)
        assert str(error.value).startswith(message) and len(str(error.value)) < 200


def test_a_comment_without_the_word_allows_all():
    for comment, clauses in {
        "above 0; at least 1": "",
        "illegal: 1 to 2": "",
        "legal: 1 to 2": "1 to 2",
        "a [m]; legal: 1 to 2": "1 to 2",
    }.items():
        assert Parameter("x", "int", 1, comment).valid == clauses
