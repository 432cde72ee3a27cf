"""Notebooks run several at a time, with one progress bar for all of them."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

from tqdm import tqdm

from nokenlab.errors import BadInput, RunFailed, RunLost, did_you_mean, first_line, short
from nokenlab.models import packaged
from nokenlab.runs import machine
from nokenlab.runs.kernels import KernelPool
from nokenlab.runs.notebook_run import run_notebook
from nokenlab.runs.notebooks import cells
from nokenlab.runs.parameters import check, parse, read
from nokenlab.runs.provenance import last_seconds

FIRST = 5  # notebooks of a plan that run before the others: where a reader begins
BAR = "{desc} {bar:20} {n_fmt}/{total_fmt} cells, {elapsed}{postfix}"


def make_plan(chosen: list[Path], pairs: list[str]) -> dict[Path, dict]:
    """The checked values for each notebook, from pairs "name=value": each goes to those that have the name.

    Values are YAML. Raises BadInput, in one line, for a pair that none of the notebooks can take.
    """
    if len({notebook.stem for notebook in chosen}) < len(chosen):
        raise BadInput("two of the notebooks have one name, and would share a results folder")
    texts: dict[str, str] = {}
    for pair in pairs:
        name, separator, text = pair.partition("=")
        if not separator:
            raise BadInput("-p requires a name and a value, as in -p seeds '[1, 2]'")
        if name in texts:
            raise BadInput(f"parameter {short(name)} is given twice")
        texts[name] = text
    parameters = {notebook: read(notebook) for notebook in chosen}
    names = dict.fromkeys(name for declared in parameters.values() for name in declared)
    for name in texts:
        if name not in names:
            subject = f"{chosen[0].stem} has no" if len(chosen) == 1 else "none of the notebooks has a"
            raise BadInput(f"{subject} parameter {short(name)}{did_you_mean(name, names)}")
    plan = {}
    for notebook, declared in parameters.items():
        values = {name: parse(declared[name], text) for name, text in texts.items() if name in declared}
        plan[notebook] = check(declared, values)
        if model := packaged.named(values.get("model")):
            packaged.check_fetched(model)
    return plan


def make_plans(
    chosen: list[Path], pairs: list[str], results: Path, models: list[str]
) -> dict[Path, dict[Path, dict]]:
    """The plan for each folder of results: `results` itself, or one there for each of several models."""
    folders = {results: [f"model={model}" for model in models]}
    if len(models) > 1:
        folders = {results / Path(model).resolve().name: [f"model={model}"] for model in models}
        if len(folders) < len(models):
            raise BadInput(f"two of the models have one name, and would share a folder: {short(models)}")
    return {folder: make_plan(chosen, pairs + of_model) for folder, of_model in folders.items()}


def run_many(
    plan: dict[Path, dict], results: Path, workers: int, complain: Callable[[Exception], object]
) -> Iterator[Path]:
    """Run each notebook of `plan` with its checked parameters into `results`/its name, `workers` at a time.

    The first five come first; of them, and of the others, those that took longest the last time. Yields each
    notebook when its results are in place; `complain` is called with the error of one that failed, whose
    cells stay open in the bar. Leaving early, as Ctrl-C does, ends those that run. A run has no limit: the
    bar says how long a cell has been running, which may be stopped.
    """
    seconds = {notebook: last_seconds(notebook, results) for notebook in plan}
    first = list(plan)[:FIRST]
    order = sorted(plan, key=lambda notebook: (notebook not in first, -seconds[notebook]))
    # with values of parameters papermill adds a cell
    count = {notebook: len(cells(notebook)) + bool(given) for notebook, given in plan.items()}
    total, cells_left = sum(count.values()), dict(count)
    cell_began: dict[Path, float] = {}  # of each notebook that runs

    def run(notebook: Path) -> dict:
        def on_cell() -> None:
            cells_left[notebook] -= 1
            cell_began[notebook] = time.monotonic()

        with pool.environment() as environment:
            options = {"environment": environment, "pool": pool, "on_cell": on_cell}
            return run_notebook(notebook, plan[notebook], results / notebook.stem, **options)

    tqdm.monitor_interval = 0  # no thread for it
    models = [_model(notebook, given) for notebook, given in plan.items()]
    environments = machine.environments(workers, machine.chosen_gpus(None))
    pool = KernelPool(models, environments, machine.default_threads())
    with (
        pool.workers() as executor,
        tqdm(total=total, desc="notebooks", bar_format=BAR) as bar,
    ):
        bar.set_postfix_str("libraries are imported")
        futures = {executor.submit(run, notebook): notebook for notebook in order}
        while futures:
            ended, _ = wait(futures, timeout=1, return_when=FIRST_COMPLETED)
            for future in ended:
                notebook = futures.pop(future)
                cell_began.pop(notebook, None)
                if error := future.exception():
                    cells_left[notebook] = max(cells_left[notebook], 1)  # the last that began did not end
                    bar.clear()
                    complain(_explained(error, notebook, results))
                else:
                    cells_left[notebook] = 0
                    line = f"{notebook.stem:<24} {future.result()['seconds']:6.1f} s"
                    tqdm.write(line, file=sys.stderr)
                    yield notebook
            bar.n = total - sum(cells_left.values())
            if cell_began:
                estimate = _time_left(bar.format_dict["elapsed"], seconds, cells_left, count)
                bar.set_postfix_str(estimate + _running(cell_began), refresh=False)
            bar.refresh()


def _running(cell_began: dict[Path, float]) -> str:
    """The notebooks that run, and how long each of them has been in its cell."""
    now = time.monotonic()
    seconds = {notebook.stem: int(now - began) for notebook, began in list(cell_began.items())}
    return ", ".join(f"{name} ({count} s in this cell)" for name, count in seconds.items())


def _explained(error: BaseException, notebook: Path, results: Path) -> Exception:
    """What is said of a notebook that has no results."""
    if isinstance(error, RunFailed):
        return error
    reason = first_line(error)
    if isinstance(error, OSError):
        reason = f"cannot write to {results / notebook.stem}: {error.strerror or reason}"
    return RunLost(f"{notebook.stem}: {reason}")


def _model(notebook: Path, given: dict) -> str | None:
    """The model of a notebook run with the parameters `given`; None if it has no such parameter."""
    parameter = read(notebook).get("model")
    return given.get("model", parameter.default) if parameter else None


def _time_left(elapsed: float, seconds: dict, cells_left: dict, count: dict) -> str:
    """How long the rest may take, in words; "" before a notebook has ended, and where one has never run.

    The `seconds` of the last time, perhaps on another machine, say how much of the work is done.
    """
    work, ended = sum(seconds.values()), list(cells_left.values()).count(0)
    if work == math.inf or ended in (0, len(count)):
        return ""
    done = sum(seconds[notebook] * (1 - cells_left[notebook] / count[notebook]) for notebook in seconds)
    return f"about {max(math.ceil(elapsed * (work / done - 1) / 60), 1)} min left, "
