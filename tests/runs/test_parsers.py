"""Whatever is given to a parser: what it means, or one line of why not."""

import json
import math

import pandas as pd
import pytest
import yaml
from helpers.small_notebooks import notebook
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nokenlab.errors import LARGEST_SEED, LONGEST, BadInput, check_seeds
from nokenlab.runs import freshness
from nokenlab.runs.files import to_csv
from nokenlab.runs.parameters import TYPES, Parameter, check_value, of_source, parse, rules
from nokenlab.runs.sweep_file import Run, Sweep, load_sweep
from nokenlab.runs.sweep_records import Records
from nokenlab.runs.sweep_table import read_table, rows_of_table

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = {"str": WORDS, "int": st.integers(), "float": NUMBERS, "bool": st.booleans()}
VALUES |= {f"list[{name}]": st.lists(values, max_size=4) for name, values in VALUES.items()}
YAMLISH = st.text("[]{}:,-&*!?|>'\"#% \n\tab01.e+~", max_size=30)  # letters that YAML reads something into


def refused(call, *given):
    """What came of a call; None where it was refused, in one line that is not too long."""
    try:
        return call(*given)
    except BadInput as error:
        assert 0 < len(str(error)) <= LONGEST and len(str(error).splitlines()) == 1
        return None


@few
@given(st.sampled_from(list(TYPES)), YAMLISH | st.text(max_size=30))
def test_any_text_of_a_command_line_is_a_value_of_its_type_or_refused(type_, text):
    parameter = Parameter("x", type_, None)
    value = refused(lambda: check_value(parameter, parse(parameter, text)))
    if value is not None:
        assert check_value(parameter, json.loads(json.dumps(value))) == value


@few
@given(st.sampled_from(sorted(VALUES)).flatmap(lambda type_: st.tuples(st.just(type_), VALUES[type_])))
def test_a_value_comes_through_as_json_and_as_yaml(given_value):
    type_, value = given_value
    parameter = Parameter("x", type_, None)
    texts = [value] if type_ == "str" else [json.dumps(value), yaml.safe_dump(value)]
    for text in texts:
        assert check_value(parameter, parse(parameter, text)) == value


@few
@given(
    st.sampled_from(["at least", "above", "at most", "below"]),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
    NUMBERS,
)
def test_bounds_are_what_they_say(word, bound, x):
    holds = {"at least": x >= bound, "above": x > bound, "at most": x <= bound, "below": x < bound}[word]
    parameter = Parameter("x", "float", None, f"legal: {word} {bound:f}")
    assert (refused(check_value, parameter, x) is not None) == holds


@few
@given(st.lists(st.integers(-5, 5), max_size=4), st.integers(-4, 0), st.integers(0, 4), st.integers(0, 4))
def test_clauses_hold_together(values, low, high, count):
    parameter = Parameter("x", "list[int]", None, f"legal: {low} to {high}, each once, {count} values")
    holds = all(low <= x <= high for x in values) and len(set(values)) == len(values) == count
    assert (refused(check_value, parameter, values) is not None) == holds


@few
@given(st.text("atlesbovmwidcr0123 -.e,<>nok", max_size=25), st.sampled_from(list(TYPES)))
def test_any_text_behind_legal_is_rules_or_refused(text, type_):
    checked = refused(rules, Parameter("x", type_, None, f"legal: {text}"))
    assert checked is None or all(rule.must for rule in checked)


@few
@given(st.text("xy: int=floatsr[]0'\"#\n,legal", max_size=40) | st.text(max_size=20))
def test_any_parameters_cell_is_read_or_refused(source):
    for parameter in (refused(of_source, source, "cell") or {}).values():
        assert check_value(parameter, parameter.default) == parameter.default


@few
@given(st.lists(st.integers(-2, 2) | st.integers(2**63 - 2, 2**63 + 2) | st.booleans() | NUMBERS, max_size=3))
def test_seeds_are_whole_numbers_that_a_generator_takes(seeds):
    good = seeds and all(type(seed) is int and 0 <= seed <= LARGEST_SEED for seed in seeds)
    if good:
        assert check_seeds(seeds) == seeds
    else:
        with pytest.raises(ValueError, match="seeds") as error:
            check_seeds(seeds)
        assert len(str(error.value)) <= LONGEST


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the notebook `small`."""
    folder = tmp_path_factory.mktemp("sweeps")
    notebook(folder, "small", "x = 1")
    return folder


@pytest.fixture
def load(place, monkeypatch):
    """Load a sweep from the bytes of a file, or from what is written as YAML."""
    monkeypatch.setattr(freshness, "of_notebook", lambda *_: {})
    monkeypatch.setattr(freshness, "of_run", lambda *_: {})

    def load(spec):
        data = spec if isinstance(spec, bytes) else yaml.safe_dump(spec, sort_keys=False).encode()
        (place / "s.yaml").write_bytes(data)
        return refused(load_sweep, place / "s.yaml")

    return load


@few
@given(st.binary(max_size=40) | YAMLISH.map(str.encode))
def test_any_file_of_a_sweep_is_runs_or_refused(load, data):
    for text in (data, b"notebook: small.ipynb\n" + data, b"notebook: small.ipynb\ngrid: {word: " + data):
        sweep = load(text)
        assert sweep is None or sweep.runs


@few
@given(
    st.lists(WORDS, min_size=1, max_size=3, unique=True),
    st.lists(st.integers(0, 9).map(float), min_size=1, max_size=3, unique=True),
    st.lists(st.lists(st.integers(0, LARGEST_SEED), max_size=2), min_size=1, max_size=3),
)
def test_a_sweep_is_each_with_each(load, words, scales, seeds):
    spec = {"notebook": "small.ipynb", "grid": {"word": words, "scale": scales}}
    runs = [run.given for run in load(spec).runs]
    assert runs == [{"word": word, "scale": scale} for word in words for scale in scales]
    lists = {"seeds": seeds, "scale": [float(number) for number in range(len(seeds))]}
    (*together,) = zip(*lists.values(), strict=True)
    sweep = load(spec | {"grid": {"word": words}, "zip": lists})
    assert [(r.given["seeds"], r.given["scale"]) for r in sweep.runs] == [
        pair for pair in together for _ in words
    ]


COLUMNS = st.sampled_from(
    [
        WORDS.map(lambda text: f"x{text}"),
        st.integers(-(10**17), 10**17),
        st.booleans(),
        (NUMBERS | st.none()).map(lambda x: x and x + 0.0),
    ]
)


@few
@given(COLUMNS.flatmap(lambda cells: st.lists(cells, min_size=1, max_size=5)))
def test_saved_rows_show_what_the_table_said(place, cells):
    folder = place / "runs" / "who"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "t.csv").write_bytes(to_csv(pd.DataFrame({"cell": cells, "n": range(len(cells))})))
    written = read_table(folder / "t.csv")["cell"].tolist()
    run = Run({}, {}, "who", {})
    sweep = Sweep("s", place / "small.ipynb", "", (run,), (), 1, 1, (), (), ("t",))
    records = Records(sweep, place)
    records.by_identity["who"] = {"status": "done", "made_by": {}}
    saved = rows_of_table(records, "t")["cell"]

    def shown(value):
        if isinstance(value, float):
            return "" if math.isnan(value) else f"{value:.6g}"
        return str(value)

    assert [shown(value) for value in saved.tolist()] == written
