"""Notebooks run several at a time, with one progress bar for all of them."""

import json
import os
import queue
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from tqdm import tqdm

from nokenlab.errors import RunFailed, RunLost, first_line
from nokenlab.runs import devices
from nokenlab.runs.kernel_pool import KernelPool
from nokenlab.runs.notebook_run import run_notebook
from nokenlab.runs.notebooks import cells
from nokenlab.runs.parameters import read
from nokenlab.runs.provenance import RUN_JSON

AT_ONCE = 4  # notebooks at a time, and the parts that the cores are divided into
LONG = 60  # seconds in one cell, after which the bar says so
MEMORY = 3e9  # bytes that a notebook with a small model may take
BAR = "{desc} {bar:20} {n_fmt}/{total_fmt} cells, {elapsed}{postfix}"


def threads() -> int:
    """Threads of each notebook: OMP_NUM_THREADS, else a quarter of this machine's cores, at least one.

    The same for any number of workers: the last digits of a table may depend on it.
    """
    variable = os.environ.get("OMP_NUM_THREADS", "")
    if variable.isdecimal() and int(variable) > 0:
        return int(variable)
    return max(_cores() // AT_ONCE, 1)


def workers_here(plan: dict[Path, dict]) -> int:
    """How many of the notebooks of `plan` to run at a time: as cores and free memory allow.

    1 if the command names a model, whose size is unknown.
    """
    if any("model" in given for given in plan.values()):
        return 1
    fit_in_memory = int(psutil.virtual_memory().available // MEMORY)
    return max(min(len(plan), AT_ONCE, _cores() // threads(), fit_in_memory), 1)


def in_words(plan: dict[Path, dict], workers: int) -> str:
    """What is going to be run, and with what, in one line."""
    free = psutil.virtual_memory().available / 1e9
    machine = f"{_cores()} cores, {free:.0f} GB of memory free"
    at_once = min(workers, len(plan))
    return f"notebooks: {len(plan)}, at a time: {at_once}, threads of each: {threads()} ({machine})"


def run_many(
    plan: dict[Path, dict], results: Path, workers: int, complain: Callable[[Exception], object]
) -> Iterator[Path]:
    """Run each notebook of `plan` with its checked parameters into `results`/its name, `workers` at a time.

    Those that took longest the last time come first. Yields each notebook when its results are in place;
    `complain` is called with the error of one that failed. Leaving early, as Ctrl-C does, ends those that
    run. A run has no limit: the bar says how long a cell has been running, which may be stopped.
    """
    order = sorted(plan, key=lambda notebook: -_seconds(results / notebook.stem))
    models = [_model(notebook, given) for notebook, given in plan.items()]
    pool = KernelPool(models, devices.environments(workers, devices.choose(None)), threads())
    events: queue.SimpleQueue = queue.SimpleQueue()  # see `_run`
    executor = ThreadPoolExecutor(workers)
    with _Progress(plan) as progress:
        try:
            for notebook in order:
                executor.submit(_run, notebook, plan[notebook], results, pool, events)
            for notebook, outcome in progress.outcomes(events):
                if isinstance(outcome, Exception):
                    progress.bar.clear()
                    complain(outcome)
                else:
                    tqdm.write(f"{notebook.stem:<24} {outcome['seconds']:6.1f} s", file=sys.stderr)
                    yield notebook
        finally:
            pool.close()
            executor.shutdown(cancel_futures=True)


def _run(notebook: Path, given: dict, results: Path, pool: KernelPool, events: queue.SimpleQueue) -> None:
    """Run one notebook: puts (it, None) into `events` for each cell, then (it, record or error)."""
    folder = results / notebook.stem
    try:
        with pool.environment() as variables:
            outcome = run_notebook(
                notebook,
                given,
                folder,
                environment=variables,
                pool=pool,
                on_cell=lambda: events.put((notebook, None)),
            )
    except RunFailed as error:
        outcome = error
    except OSError as error:
        outcome = RunLost(f"{notebook.stem}: cannot write to {folder}: {error.strerror or first_line(error)}")
    except Exception as error:
        outcome = RunLost(f"{notebook.stem}: {first_line(error)}")
    events.put((notebook, outcome))


class _Progress:
    """The progress bar: counts cells, and names the notebooks that run."""

    def __init__(self, plan: dict[Path, dict]):
        self._left = {notebook: len(cells(notebook)) + bool(given) for notebook, given in plan.items()}
        self._cell_began: dict[Path, float] = {}  # of each notebook that runs
        tqdm.monitor_interval = 0  # no thread for it
        self.bar = tqdm(total=sum(self._left.values()), desc="notebooks", bar_format=BAR)
        self.bar.set_postfix_str("libraries are imported")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()

    def outcomes(self, events: queue.SimpleQueue) -> Iterator[tuple[Path, dict | Exception]]:
        """Each notebook with its record or error, as it ends."""
        while self._left:
            try:
                notebook, outcome = events.get(timeout=1)
            except queue.Empty:  # let the seconds go on
                if self._cell_began:
                    self.bar.set_postfix_str(self._running())
                self.bar.refresh()
                continue
            self._cell_began[notebook] = time.monotonic()
            if outcome is None:
                self._left[notebook] -= 1
                self.bar.update()
            else:
                self.bar.update(self._left.pop(notebook))
                del self._cell_began[notebook]
                yield notebook, outcome
            self.bar.set_postfix_str(self._running(), refresh=False)

    def _running(self) -> str:
        """The notebooks that run, and how long each of them has been in its cell, if long."""
        now, words = time.monotonic(), []
        for notebook, began in self._cell_began.items():
            seconds = int(now - began)
            words.append(f"{notebook.stem} ({seconds} s in one cell)" if seconds >= LONG else notebook.stem)
        return ", ".join(words)


def _model(notebook: Path, given: dict) -> str | None:
    """The model of a notebook run with the parameters `given`; None if it has no such parameter."""
    parameter = read(notebook).get("model")
    return given.get("model", parameter.default) if parameter else None


def _seconds(folder: Path) -> float:
    """What a notebook took the last time; infinity if that is unknown: it may take long."""
    try:
        return float(json.loads((folder / RUN_JSON).read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return float("inf")


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
