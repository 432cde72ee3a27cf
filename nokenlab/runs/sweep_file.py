"""What a sweep is: a YAML file read into a list of runs, checked completely before anything runs."""

import hashlib
import itertools
import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nokenlab.errors import BadInput, did_you_mean, short
from nokenlab.models import packaged
from nokenlab.runs import freshness, notebooks
from nokenlab.runs.files import parse_yaml
from nokenlab.runs.parameters import check, read

MOST = 100_000  # runs; more is a mistake
VALUES = "must be a list of values"
MAPPING = "must have lines such as `name: value`"
NAMES = "must be a list of names"
Values = Annotated[list, Field(min_length=1)]


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


class Lines(BaseModel):
    """The lines of a sweep's file. A description says what must be there.

    notebook: as for `nokenlab run`, or a path from the file's folder. parameters: the same for every run.
    grid: lists, each value with each. zip: lists of one length, walked together. list: runs written out.
    Those three multiply. time_limit: seconds a run may take. threads: of each run. figure: the columns, or
    table.column, to draw over a numeric axis (all numbers). tables: those of the notebook's tables whose rows
    go into table.csv (all that are not in rows). rows: those tables that are each saved as a Parquet file.
    """

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    notebook: str = Field(description="must be a name such as 03-random-nokens")
    parameters: dict[str, Any] = Field({}, description=MAPPING)
    grid: dict[str, Values] = Field({}, description=MAPPING)
    zip: dict[str, Values] = Field({}, description=MAPPING)
    listed: list[dict[str, Any]] = Field([], alias="list", description="must be a list of runs")
    time_limit: float = Field(3600, gt=0, description="must be a number above 0")
    threads: int = Field(1, gt=0, description="must be a whole number above 0")
    figure: list[str] = Field([], description=NAMES)
    tables: list[str] = Field([], description=NAMES)
    rows: list[str] = Field([], description=NAMES)


def load_sweep(file: Path, model: str | None = None) -> Sweep:
    """Read and check a sweep, of another `model` if one is given.

    Raises BadInput, in one line, for whatever would fail later.
    """
    file = Path(file)
    try:
        lines = _read(file)
        if model is not None:
            lines.parameters["model"] = model
        notebook = _notebook(lines.notebook, file.parent)
        declared = read(notebook)
        given = []
        for number, values in enumerate(_combine(lines), 1):
            try:
                given.append(check(declared, values))
            except BadInput as error:
                raise BadInput(f"run {number}: {error}") from None
        defaults = {name: parameter.default for name, parameter in declared.items()}
        runs = _runs(notebook, lines.threads, defaults, given)
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{file.name}: {error}") from None
    axes = [name for name in defaults if any(r.parameters[name] != runs[0].parameters[name] for r in runs)]
    names = {key: tuple(getattr(lines, key)) for key in ("figure", "tables", "rows")}
    source = notebook.read_text(encoding="utf-8")
    return Sweep(
        file.stem, notebook, source, tuple(runs), tuple(axes), lines.time_limit, lines.threads, **names
    )


def sweep_folder(results: Path, sweep: str, model: str | None = None) -> Path:
    """Where the tables of a sweep are: those of another `model` in a folder of its name."""
    folder = results / "sweeps"
    return (folder / Path(model).resolve().name if model else folder) / sweep


def _read(file: Path) -> Lines:
    content = parse_yaml(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise BadInput("there must be lines such as `notebook: 03-random-nokens`")
    try:
        return Lines.model_validate({key: value for key, value in content.items() if value is not None})
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
    key, *inside = wrong["loc"]
    fields = {field.alias or name: field for name, field in Lines.model_fields.items()}
    if key not in fields:
        raise BadInput(f"no key {short(key)}{did_you_mean(str(key), fields)}")
    if key in ("grid", "zip") and len(inside) == 1:
        raise BadInput(f"{inside[0]} {VALUES}, got {short(wrong['input'])}")
    raise BadInput(f"{key} {fields[key].description}, got {short(content.get(key))}")


def _notebook(name: str, folder: Path) -> Path:
    path = folder / name
    return (path if path.suffix == ".ipynb" and path.is_file() else notebooks.find(name)).resolve()


def _combine(lines: Lines) -> list[dict]:
    """What each run is given: list x zip x grid, over the fixed parameters, in the order of the file."""
    in_list = {name for values in lines.listed for name in values}
    for name, count in Counter([*lines.parameters, *lines.grid, *lines.zip, *in_list]).items():
        if count > 1:
            raise BadInput(f"{short(name)} is in more than one of parameters, grid, zip and list")
    if len({len(values) for values in lines.zip.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in lines.zip.items())
        raise BadInput(f"the lists of zip have different lengths: {lengths}")
    zipped = [dict(zip(lines.zip, row, strict=True)) for row in zip(*lines.zip.values(), strict=True)]
    count = max(len(lines.listed), 1) * max(len(zipped), 1) * math.prod(map(len, lines.grid.values()))
    if count > MOST:
        raise BadInput(f"{short(count)} runs are more than {MOST}")
    points = [dict(zip(lines.grid, point, strict=True)) for point in itertools.product(*lines.grid.values())]
    parts = itertools.product(lines.listed or [{}], zipped or [{}], points)
    return [lines.parameters | a | b | c for a, b, c in parts]


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
    """The revision of a model, without loading or fetching it. BadInput if there is none."""
    if in_packages := packaged.named(model):
        packaged.check_fetched(in_packages)
        return in_packages.revision
    from nokenlab.models import hub

    try:
        where, _ = hub.locate(model)
        return hub.revision_of(where) if isinstance(where, Path) else hub.on_hub(where, None)["revision"]
    except OSError as error:
        raise BadInput(str(error)) from None
