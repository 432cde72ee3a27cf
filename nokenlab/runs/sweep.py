"""Runs what a sweep has left to do, one driver at a time; what is done stays done, whatever happens."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from nokenlab.errors import BadInput, first_line
from nokenlab.runs import devices
from nokenlab.runs.dask_workers import dask_executor
from nokenlab.runs.files import replace_folder
from nokenlab.runs.freshness import CHOSEN
from nokenlab.runs.one_run import unpack
from nokenlab.runs.provenance import command
from nokenlab.runs.run_host import RunHost
from nokenlab.runs.sweep_file import Run, Sweep
from nokenlab.runs.sweep_records import failed, left, read_records, why, write_record
from nokenlab.runs.sweep_rows import write_rows
from nokenlab.runs.sweep_run import WORK
from nokenlab.runs.sweep_table import write_tables


def run_sweep(
    sweep: Sweep,
    folder: Path,
    workers: int = 1,
    scheduler: str | None = None,
    force: bool = False,
    plain: bool = False,
    keep_stale: bool = False,
    gpus: str | None = None,
) -> dict[str, dict]:
    """Do the runs that are left, `workers` at once here or on a dask `scheduler`, into `folder`/runs.

    Each worker here has one GPU, of those that `gpus` names ("0,2") or of all, and its share of the memory.
    A line says first how many there are, and why. Each run's folder appears there whole when it ends. The
    tables, and a line that says how many runs are done, come last, also after Ctrl-C. Runs that are stale are
    left, unless `keep_stale`: then the tables mark them. Returns the records of the runs by identity, as
    `read_records`. Raises BadInput when another driver is at work, or at the end for rows too many to keep.
    """
    environments = devices.places(workers, devices.choose(gpus))
    with only_driver(folder), _workplace(folder) as place:
        records = read_records(sweep, folder)
        tasks = [_task(sweep, run, plain) for run in left(sweep, records, force, keep_stale)]
        try:
            if tasks:
                print(why(sweep, records, force, keep_stale))
                here = _here(place, environments, [task["model"] for task in tasks])
                there = dask_executor(scheduler) if scheduler else here
                # closed, so that the bar has ended before a word is said of an error
                with there as how, closing(_as_they_end(sweep.name, tasks, *how)) as ended:
                    for task, future in ended:
                        with _written(folder):
                            record = records[task["identity"]] = keep(task, future, folder, place)
                        if record["error"]:
                            tqdm.write(f"failed: {task['command']}: {record['error']}", file=sys.stderr)
        finally:
            with _written(folder):
                write_tables(sweep, folder, records, keep_stale)
                refused = write_rows(sweep, folder, records, keep_stale)
            done = len(sweep.runs) - len(left(sweep, records, keep_stale=keep_stale))
            print(f"{sweep.name}: {done} of {len(sweep.runs)} runs are done; look at {folder / 'table.csv'}")
    if refused:
        raise BadInput(f"{sweep.name}: {'; '.join(refused)}")
    return records


def keep(task: dict, future: Future, folder: Path, place: Path) -> dict:
    """Put what came back of a run in its folder, in place of what was there. Returns its record."""
    try:
        record, files = future.result()
        record = record if "identity" in record else failed(task, record["error"])
    except Exception as error:  # nothing came back
        record, files = failed(task, first_line(error)), b""
    new, target = place / f"{task['identity']}.new", folder / "runs" / task["identity"]
    new.mkdir()
    try:
        unpack(files, new)
    except ValueError as error:
        record = failed(task, first_line(error))
    write_record(record, new)
    target.parent.mkdir(exist_ok=True)
    replace_folder(new, target)
    return record


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    """Say where it was that nothing could be written, a disk that is full or gone, and what to do then."""
    try:
        yield
    except OSError as error:
        why, on = error.strerror or first_line(error), "the same command goes on from there"
        raise OSError(f"cannot write to {folder}: {why}; runs that ended are kept, and {on}") from None


def _as_they_end(name: str, tasks: list[dict], executor: Executor, work) -> Iterator[tuple[dict, Future]]:
    """Let `executor` do the tasks: each with its future when it ends, and a bar that shows how many have."""
    tqdm.monitor_interval = 0  # no thread for it
    with tqdm(total=len(tasks), desc=name, unit="run", smoothing=0) as progress:
        asked = {executor.submit(work, task): task for task in tasks}
        for future in as_completed(list(asked)):
            yield asked.pop(future), future  # out of the list, so that its files leave the memory
            progress.update()


@contextmanager
def only_driver(folder: Path) -> Iterator[None]:
    """Hold the lock of a sweep's folder. The lock of a process that died is free."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
        (folder / ".holder").write_text(f"process {os.getpid()} on {socket.gethostname()}")
    except Timeout:
        raise BadInput(f"{folder} is in the hands of {_holder(folder)}; wait for it or stop it") from None
    except OSError as error:
        raise BadInput(f"cannot write results to {folder}: {error.strerror}") from None
    try:
        yield
    finally:
        (folder / ".holder").unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        return (folder / ".holder").read_text(encoding="utf-8")
    except OSError:
        return "another process"


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A folder for what is not whole yet, on the file system of the results; a killed driver's goes."""
    place = folder / ".work"
    shutil.rmtree(place, ignore_errors=True)
    with _written(folder):
        for half in folder.glob(".*.*.*"):  # of write_atomically
            half.unlink()
        place.mkdir(exist_ok=True)
    try:
        yield place.resolve()
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _here(place: Path, environments: list[dict], models: list) -> Iterator[tuple[Executor, RunHost]]:
    """Threads of this process, each with one run at a time, and the host of their runs."""
    host = RunHost(place, models, environments)
    executor = ThreadPoolExecutor(len(environments))
    try:
        yield executor, host
    finally:  # after Ctrl-C too
        host.close()
        executor.shutdown(cancel_futures=True)


def _task(sweep: Sweep, run: Run, plain: bool) -> dict:
    """All that another process needs to know of a run."""
    return {
        "made_by": run.made_by,
        "environment": {name: os.environ[name] for name in CHOSEN if name in os.environ},
        "identity": run.identity,
        "work": WORK,
        "stem": sweep.notebook.stem,
        "source": sweep.source,
        "given": run.given,
        "parameters": run.parameters,
        "command": command(sweep.notebook, run.given),
        "time_limit": sweep.time_limit,
        "threads": sweep.threads,
        "model": run.parameters.get("model"),
        "plain": plain,
    }
