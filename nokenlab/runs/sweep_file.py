"""What a sweep is: a YAML file read into a list of runs, checked whole before anything runs."""

import itertools
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from nokenlab.errors import BadInput, did_you_mean, first_line, short
from nokenlab.runs import freshness as made_by
from nokenlab.runs import notebooks
from nokenlab.runs.parameters import check, read
from nokenlab.runs.sweep_records import identity, model_revision

KEYS = ("notebook", "parameters", "grid", "zip", "list", "time_limit", "threads", "figure", "tables", "rows")
MOST = 100_000  # runs; more is a slip


@dataclass(frozen=True)
class Run:
    """One run: what is given to the notebook, all its parameters, who it is (see `done.identity`).

    `made_by` is what would make it now (see `made_by.py`).
    """

    given: dict
    parameters: dict
    identity: str
    made_by: dict


@dataclass(frozen=True)
class Sweep:
    """A notebook and its runs.

    `axes`: the names that differ from run to run; `figure`: columns to draw; `tables`: those for table.csv,
    all but those of `rows` if none; `rows`: those to keep as Parquet files.
    """

    name: str
    notebook: Path
    source: str
    runs: tuple[Run, ...]
    axes: tuple[str, ...]
    time_limit: float
    threads: int
    figure: tuple[str, ...]
    tables: tuple[str, ...]
    rows: tuple[str, ...]


def load_sweep(file: Path) -> Sweep:
    """Read and check a sweep. Raises BadInput, in one line, for whatever would fail later.

    notebook: as for `nokenlab run`, or a path from the file's folder. parameters: the same for every run.
    grid: lists, each value with each. zip: lists of one length, walked together. list: runs written out.
    Those three multiply. time_limit: seconds a run may take (3600). threads: of each run (1).
    figure: the columns, or table.column, to draw over a numeric axis (all numbers). tables: those of the
    notebook's tables whose rows go into table.csv (all that are not in rows). rows: those tables that are
    each kept as a Parquet file.
    """
    file = Path(file)
    spec = _read(file)
    try:
        notebook = _notebook(spec.get("notebook"), file.parent)
        time_limit = _number(spec, "time_limit", 3600, float)
        threads = _number(spec, "threads", 1, int)
        kept = {name: tuple(_list(spec, name, str)) for name in ("figure", "tables", "rows")}
        given = _combine(spec)
        known = read(notebook)
        given = [_check(known, one, number) for number, one in enumerate(given, 1)]
    except BadInput as error:
        raise BadInput(f"{file.name}: {error}") from None
    defaults = {name: p.default for name, p in known.items()}
    models = {str((defaults | one).get("model")) for one in given} if "model" in known else set()
    revisions = {model: model_revision(model) for model in models}
    made, runs = made_by.of_notebook(notebook, threads), []
    for one in given:
        parameters = defaults | one
        makers = made_by.of_run(made, parameters, revisions.get(parameters.get("model")))
        runs.append(Run(one, parameters, identity(notebook, parameters), makers))
    first: dict[str, int] = {}
    for number, run in enumerate(runs, 1):
        if (twin := first.setdefault(run.identity, number)) != number:
            raise BadInput(f"{file.name}: runs {twin} and {number} are the same: {short(run.given)}")
    axes = [name for name in defaults if any(r.parameters[name] != runs[0].parameters[name] for r in runs)]
    source = notebook.read_text(encoding="utf-8")
    return Sweep(file.stem, notebook, source, tuple(runs), tuple(axes), time_limit, threads, **kept)


class _Loader(yaml.SafeLoader):
    """YAML that takes 1e-3 for a number and refuses a key that is written twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for i, (key, _) in enumerate(node.value):
            if keys[i] in keys[:i]:
                twice = f"{keys[i]!r} is there twice"
                raise yaml.MarkedYAMLError(problem=twice, problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def _read(file: Path) -> dict:
    try:
        spec = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadInput(f"{file.name}, line {line}: {error.problem}") from None
    except Exception as error:  # of many kinds, as for `!!int ''` or a thousand brackets
        raise BadInput(f"{file.name} is not YAML: {first_line(error)}") from None
    if not isinstance(spec, dict):
        raise BadInput(f"{file.name} wants lines such as `notebook: 03-random-nokens`")
    for key in spec:
        if key not in KEYS:
            raise BadInput(f"{file.name}: no key {short(key)}{did_you_mean(str(key), KEYS)}")
    return spec


def _notebook(name: object, folder: Path) -> Path:
    if not isinstance(name, str):
        raise BadInput("notebook wants a name such as 03-random-nokens")
    beside = folder / name
    return (beside if beside.suffix == ".ipynb" and beside.is_file() else notebooks.find(name)).resolve()


def _number(spec: dict, key: str, default: float, kind: type) -> float:
    value = spec.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | kind) or not 0 < value < math.inf:
        raise BadInput(f"{key} wants a {'whole ' * (kind is int)}number above 0, got {short(value)}")
    return value


def _combine(spec: dict) -> list[dict]:
    """What each run is given: list x zip x grid, over the fixed parameters, in the order of the file."""
    fixed, grid, together = (_dict(spec, key) for key in ("parameters", "grid", "zip"))
    written = _list(spec, "list", dict)
    places = [list(fixed), list(grid), list(together), list({n: 0 for one in written for n in one})]
    for name, count in Counter(itertools.chain(*places)).items():
        if count > 1:
            raise BadInput(f"{short(name)} is in more than one of parameters, grid, zip and list")
    for name, values in (grid | together).items():
        if not isinstance(values, list) or not values:
            raise BadInput(f"{name} wants a list of values, got {short(values)}")
    if len({len(values) for values in together.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in together.items())
        raise BadInput(f"the lists of zip have different lengths: {lengths}")
    rows = [dict(zip(together, row, strict=True)) for row in zip(*together.values(), strict=True)]
    count = max(len(written), 1) * max(len(rows), 1) * math.prod(map(len, grid.values()))
    if count > MOST:
        raise BadInput(f"{short(count)} runs are more than {MOST}")
    points = [dict(zip(grid, point, strict=True)) for point in itertools.product(*grid.values())]
    every = itertools.product(written or [{}], rows or [{}], points)
    return [fixed | one | row | point for one, row, point in every]


def _check(known: dict, given: dict, number: int) -> dict:
    try:
        return check(known, given)
    except BadInput as error:
        raise BadInput(f"run {number}: {error}") from None


def _dict(spec: dict, key: str) -> dict:
    value = spec.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise BadInput(f"{key} wants lines such as `name: value`")
    return value


def _list(spec: dict, key: str, kind: type) -> list:
    value = spec.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise BadInput(f"{key} wants a list of {'runs' if kind is dict else 'names'}")
    return value
