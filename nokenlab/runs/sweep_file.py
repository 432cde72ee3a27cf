"""What a sweep is: a YAML file read into a list of runs, checked completely before anything runs."""

import hashlib
import itertools
import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

from nokenlab.errors import BadInput, did_you_mean, first_line, short
from nokenlab.models import packaged
from nokenlab.runs import freshness, notebooks
from nokenlab.runs.parameters import check, read

KEYS = ("notebook", "parameters", "grid", "zip", "list", "time_limit", "threads", "figure", "tables", "rows")
MOST = 100_000  # runs; more is a mistake


@dataclass(frozen=True)
class Run:
    """One run: what is given to the notebook, all its parameters, its `identity`, and what makes it.

    `made_by` is what would make it now (see `freshness.py`).
    """

    given: dict
    parameters: dict
    identity: str
    made_by: dict


@dataclass(frozen=True)
class Sweep:
    """A notebook and its runs.

    `axes`: the parameters that differ from run to run; `figure`: columns to draw; `tables`: those for
    table.csv, all but those of `rows` if empty; `rows`: those saved as Parquet files.
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
    each saved as a Parquet file.
    """
    file = Path(file)
    spec = _read(file)
    try:
        notebook = _notebook(spec.get("notebook"), file.parent)
        time_limit = _positive(spec, "time_limit", 3600, float)
        threads = _positive(spec, "threads", 1, int)
        names = {key: tuple(_list(spec, key, str)) for key in ("figure", "tables", "rows")}
        declared = read(notebook)
        given = []
        for number, values in enumerate(_combine(spec), 1):
            try:
                given.append(check(declared, values))
            except BadInput as error:
                raise BadInput(f"run {number}: {error}") from None
        defaults = {name: parameter.default for name, parameter in declared.items()}
        runs = _runs(notebook, threads, defaults, given)
    except BadInput as error:
        raise BadInput(f"{file.name}: {error}") from None
    axes = [name for name in defaults if any(r.parameters[name] != runs[0].parameters[name] for r in runs)]
    source = notebook.read_text(encoding="utf-8")
    return Sweep(file.stem, notebook, source, tuple(runs), tuple(axes), time_limit, threads, **names)


def _runs(notebook: Path, threads: int, defaults: dict, given: list[dict]) -> list[Run]:
    """The runs with the values `given`. Raises BadInput for two that are the same."""
    models = {str((defaults | values)["model"]) for values in given} if "model" in defaults else set()
    revisions = {model: _model_revision(model) for model in models}
    made_by = freshness.of_notebook(notebook, threads)
    runs, numbers = [], {}
    for number, values in enumerate(given, 1):
        parameters = defaults | values
        identity = _identity(notebook, parameters)
        if identity in numbers:
            raise BadInput(f"runs {numbers[identity]} and {number} are the same: {short(values)}")
        numbers[identity] = number
        revision = revisions.get(parameters.get("model"))
        runs.append(Run(values, parameters, identity, freshness.of_run(made_by, parameters, revision)))
    return runs


def _identity(notebook: Path, parameters: dict) -> str:
    """The name of a run's folder: a hash of the notebook's name and all parameters."""
    return hashlib.sha256(json.dumps([notebook.stem, parameters], sort_keys=True).encode()).hexdigest()[:20]


def _model_revision(model: str) -> str:
    """The revision of a model, without loading or fetching it. Raises BadInput if there is none."""
    if in_packages := packaged.named(model):
        packaged.check_fetched(in_packages)
        return in_packages.revision
    from nokenlab.models import hub

    try:
        where, _ = hub.locate(model)
        return hub.revision_of(where) if isinstance(where, Path) else hub.on_hub(where, None)["revision"]
    except (OSError, ValueError) as error:
        raise BadInput(str(error)) from None


class _Loader(yaml.SafeLoader):
    """YAML that reads 1e-3 as a number and refuses a key that is written twice."""

    def construct_mapping(self, node, deep=False):
        keys = []
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                mark = key_node.start_mark
                raise yaml.MarkedYAMLError(problem=f"{key!r} is written twice", problem_mark=mark)
            keys.append(key)
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
        raise BadInput(f"{file.name} must have lines such as `notebook: 03-random-nokens`")
    for key in spec:
        if key not in KEYS:
            raise BadInput(f"{file.name}: no key {short(key)}{did_you_mean(str(key), KEYS)}")
    return spec


def _notebook(name: object, folder: Path) -> Path:
    if not isinstance(name, str):
        raise BadInput("notebook must be a name such as 03-random-nokens")
    path = folder / name
    return (path if path.suffix == ".ipynb" and path.is_file() else notebooks.find(name)).resolve()


def _positive(spec: dict, key: str, default: float, kind: type) -> float:
    value = spec.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | kind) or not 0 < value < math.inf:
        number = "a whole number" if kind is int else "a number"
        raise BadInput(f"{key} must be {number} above 0, got {short(value)}")
    return value


def _combine(spec: dict) -> list[dict]:
    """What each run is given: list x zip x grid, over the fixed parameters, in the order of the file."""
    fixed, grid, together = (_dict(spec, key) for key in ("parameters", "grid", "zip"))
    listed = _list(spec, "list", dict)
    in_list = {name for values in listed for name in values}
    for name, count in Counter([*fixed, *grid, *together, *in_list]).items():
        if count > 1:
            raise BadInput(f"{short(name)} is in more than one of parameters, grid, zip and list")
    for name, values in (grid | together).items():
        if not isinstance(values, list) or not values:
            raise BadInput(f"{name} must be a list of values, got {short(values)}")
    if len({len(values) for values in together.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in together.items())
        raise BadInput(f"the lists of zip have different lengths: {lengths}")
    zipped = [dict(zip(together, row, strict=True)) for row in zip(*together.values(), strict=True)]
    count = max(len(listed), 1) * max(len(zipped), 1) * math.prod(map(len, grid.values()))
    if count > MOST:
        raise BadInput(f"{short(count)} runs are more than {MOST}")
    points = [dict(zip(grid, point, strict=True)) for point in itertools.product(*grid.values())]
    return [fixed | a | b | c for a, b, c in itertools.product(listed or [{}], zipped or [{}], points)]


def _dict(spec: dict, key: str) -> dict:
    value = spec.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise BadInput(f"{key} must have lines such as `name: value`")
    return value


def _list(spec: dict, key: str, kind: type) -> list:
    value = spec.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise BadInput(f"{key} must be a list of {'runs' if kind is dict else 'names'}")
    return value
