"""Notebooks run several at a time, each in a process of its own, with one bar for all of them."""

import json
import os
import queue
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from tqdm import tqdm

from nokenlab.errors import RunFailed, RunLost, first_line
from nokenlab.runs import devices
from nokenlab.runs.files import new_neighbour, replace_folder
from nokenlab.runs.notebooks import cells
from nokenlab.runs.one_run import unpack
from nokenlab.runs.parameters import read
from nokenlab.runs.provenance import command
from nokenlab.runs.run_host import RunHost

WORK = "nokenlab.runs.one_run:perform"
AT_ONCE = 4  # notebooks at a time, and so many parts the cores are shared out in
LONG = 60  # seconds in one cell, from which on the bar says so
NEEDS = 3e9  # bytes that a notebook with a small model may take
BAR = "{desc} {bar:20} {n_fmt}/{total_fmt} cells, {elapsed}{postfix}"


def threads() -> int:
    """Threads of each notebook: OMP_NUM_THREADS, else a quarter of this machine's cores, at least one.

    It is the same for any number of workers, for with it the last digits of a table may change.
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdecimal() and int(given) else max(_cores() // AT_ONCE, 1)


def workers_here(plan: dict[Path, dict]) -> int:
    """How many of the notebooks of `plan` to run at a time: as cores and free memory allow.

    One by one where a model was asked for, since nobody knows its size yet.
    """
    if any("model" in given for given in plan.values()):
        return 1
    room = int(psutil.virtual_memory().available // NEEDS)
    return max(min(len(plan), AT_ONCE, _cores() // threads(), room), 1)


def in_words(plan: dict[Path, dict], workers: int) -> str:
    """What is going to be done, and with what, in one line."""
    free = psutil.virtual_memory().available / 1e9
    machine = f"{_cores()} cores, {free:.0f} GB of memory free"
    at_once = min(workers, len(plan))
    return f"notebooks: {len(plan)}, at a time: {at_once}, threads of each: {threads()} ({machine})"


def run_many(
    plan: dict[Path, dict], results: Path, workers: int, complain: Callable[[Exception], object]
) -> Iterator[Path]:
    """Run each notebook of `plan` with its checked parameters into `results`/its name, `workers` at a time.

    Those that took longest the last time come first. Yields each notebook when its results are in place;
    `complain` is called with why, for one that has none. Leaving early, as Ctrl-C does, ends those that run.
    A run has no limit: the bar says of a cell that takes long, and so of a kernel that was stopped, how long.
    """
    order = sorted(plan, key=lambda notebook: -_seconds(results / notebook.stem))
    sizes = {notebook: len(cells(notebook)) + bool(given) for notebook, given in plan.items()}
    news: queue.SimpleQueue = queue.SimpleQueue()  # (notebook, what came back, None for a cell)
    tqdm.monitor_interval = 0  # no thread for it
    bar = tqdm(total=sum(sizes.values()), desc="notebooks", bar_format=BAR)
    bar.set_postfix_str("libraries are imported")
    environments = devices.places(workers, devices.choose(None))
    with bar, tempfile.TemporaryDirectory(prefix="nokenlab-", ignore_cleanup_errors=True) as place:
        host = RunHost(Path(place), map(_model, plan, plan.values()), environments)
        executor = ThreadPoolExecutor(workers)
        try:
            for notebook in order:
                executor.submit(_one, host, notebook, plan[notebook], news)
            for notebook, came in _as_they_end(bar, sizes, news):
                try:
                    yield _put_in_place(notebook, came, results / notebook.stem)
                except (RunFailed, RunLost, OSError) as error:
                    bar.clear()
                    complain(error)
        finally:
            host.close()
            executor.shutdown(cancel_futures=True)


def _model(notebook: Path, given: dict) -> str | None:
    """The model of a notebook run with the parameters `given`; None if it has no such parameter."""
    own = read(notebook).get("model")
    return given.get("model", own and own.default)


def _one(host: RunHost, notebook: Path, given: dict, news: queue.SimpleQueue) -> None:
    """Run one notebook, and put into `news` each of its cells that begins, and what came back."""
    where = notebook.resolve()
    task = {"work": WORK, "notebook": str(where), "given": given, "command": command(where, given)}
    task |= {"threads": threads(), "time_limit": None, "plain": False, "environment": {}}
    try:
        came = host(task, lambda: news.put((notebook, None)))
    except Exception as error:
        came = error
    news.put((notebook, came))


def _as_they_end(bar: tqdm, sizes: dict[Path, int], news: queue.SimpleQueue) -> Iterator[tuple]:
    """Each notebook with what came back of it. The bar tells cells, and names the notebooks that run."""
    left, begun = dict(sizes), {}  # cells of each notebook; when its present one began
    while left:
        try:
            notebook, came = news.get(timeout=1)
        except queue.Empty:
            if begun:
                bar.set_postfix_str(_in_cells(begun))
            bar.refresh()  # so that its seconds go on
            continue
        bar.update(1 if came is None else left[notebook])
        left[notebook] -= 1
        before = list(begun)
        begun[notebook] = time.monotonic()
        if came is not None:
            del left[notebook], begun[notebook]
            yield notebook, came
        if list(begun) != before:
            bar.set_postfix_str(_in_cells(begun))


def _in_cells(begun: dict[Path, float]) -> str:
    """The notebooks that run; of one whose cell takes long, as where somebody stopped it, how long."""
    now, words = time.monotonic(), []
    for notebook, when in begun.items():
        took = int(now - when)
        words.append(notebook.stem + f" ({took} s in one cell)" * (took >= LONG))
    return ", ".join(words)


def _put_in_place(notebook: Path, came: tuple | Exception, folder: Path) -> Path:
    """Put what came back of a run into its folder, whole. Raises RunFailed or RunLost where it failed."""
    if isinstance(came, Exception):
        raise RunLost(f"{notebook.stem}: {came}")
    record, files = came
    if record["error"]:
        kept = Path(tempfile.mkdtemp(prefix="nokenlab-"))
        unpack(files, kept)
        raise RunFailed(notebook, record["error"], kept / notebook.name)
    new = new_neighbour(folder)
    try:
        new.mkdir()
        unpack(files, new)
        replace_folder(new, folder)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or first_line(error)
        raise RunLost(f"{notebook.stem}: cannot write to {folder}: {why}") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    tqdm.write(f"{notebook.stem:<24} {record['seconds']:6.1f} s", file=sys.stderr)
    return notebook


def _seconds(folder: Path) -> float:
    """What a notebook took the last time; one that nobody knows may take long."""
    try:
        return float(json.loads((folder / "run.json").read_text(encoding="utf-8"))["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return float("inf")


def _cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
