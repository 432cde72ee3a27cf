"""The legal values behind `legal:` in a parameter's comment."""

import pytest
from helpers.small_notebooks import notebook

from nokenlab.errors import BadInput
from nokenlab.runs.parameters import Parameter, check_value, read

CASES = [  # type, legal, values that are, values that are not, what is said
    ("int", "at least 2", [2, 3], [1], "x must be at least 2, got 1"),
    ("float", "above 0", [1e-9], [0.0, -1], "x must be above 0, got "),
    ("float", "at most 1e3", [1000.0, -5], [1000.5], "x must be at most 1e3, got 1000.5"),
    ("float", "at least 0, below 1", [0.0, 0.9], [1.0, -0.1], "x must be "),
    ("int", "-3 to 0.5", [-3, 0], [-4, 1], "x must be -3 to 0.5, got "),
    (
        "int",
        "seed",
        [0, 2**63 - 1],
        [-1, 2**63, 2**70],
        "x must be a seed, a whole number from 0 to 2**63 - 1",
    ),
    ("list[int]", "seeds, each once", [[1, 2], []], [[1, 1]], "x must have each value once, got [1, 1]"),
    ("list[int]", "seeds", [[1, 1]], [[0, -1]], "each of x must be a seed, a whole number from 0 to 2**63"),
    ("list[float]", "0 to 1", [[0, 1]], [[0.5, 7]], "each of x must be 0 to 1, got 7"),
    ("list[str]", "3 values", [["a", "b", "c"]], [[], ["a"]], "x must have 3 values, got "),
    ("list[str]", "not empty, none empty", [["a"]], [[]], "x must not be empty, got []"),
    (
        "list[str]",
        "none empty",
        [["a"], []],
        [["a", ""]],
        "each of x must be a text that is not empty, got ''",
    ),
    ("str", "not empty", [" "], [""], "x must not be empty, got ''"),
    (
        "str",
        "one <noken>",
        ["a <noken>"],
        ["", "<noken> a", "a <noken> <noken>"],
        "x must have one <noken>, with",
    ),
]


@pytest.mark.parametrize("type_, clauses, good, bad, said", CASES, ids=[f"{c[0]} {c[1]}" for c in CASES])
def test_legal_values(type_, clauses, good, bad, said):
    x = Parameter("x", type_, None, f"a thing; as said: so; legal: {clauses}")
    for value in good:
        assert check_value(x, value) == value
    for value in bad:
        with pytest.raises(BadInput) as error:
            check_value(x, value)
        assert str(error.value).startswith(said) and len(str(error.value)) < 200


def test_a_comment_without_the_word_allows_all():
    def valid(comment):
        return Parameter("x", "int", 1, comment).valid

    assert valid("above 0; at least 1") == valid("illegal: 1 to 2") == ""
    assert valid("legal: 1 to 2") == valid("a [m]; legal: 1 to 2") == "1 to 2"


@pytest.mark.parametrize(
    "line, message",
    [
        (
            "x: int = 1  # legal: at lest 1",
            "bad: default of x: legal: 'at lest 1' is not one of at least N, above N,",
        ),
        ("x: int = 1  # legal: each once", "bad: default of x: legal: each once is not for int but for list"),
        ("x: str = ''  # legal: above 0", "bad: default of x: legal: above 0 is not for str but for int, fl"),
        ("x: int = 0  # legal: 1 to 9", "bad: default of x must be 1 to 9, got 0"),
    ],
)
def test_a_slip_in_the_notebook_is_told(tmp_path, line, message):
    with pytest.raises(BadInput) as error:
        read(notebook(tmp_path, "bad", parameters=line))
    assert str(error.value).startswith(message) and len(str(error.value)) < 200
