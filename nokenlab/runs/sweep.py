"""Runs what a sweep has left to do, one driver at a time; what is done stays done, whatever happens."""

import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

from nokenlab.errors import BadInput, first_line
from nokenlab.runs import machine
from nokenlab.runs.dask_workers import dask_executor
from nokenlab.runs.files import replace_folder
from nokenlab.runs.freshness import CHOSEN
from nokenlab.runs.kernels import KernelPool
from nokenlab.runs.provenance import command
from nokenlab.runs.sweep_file import Run, Sweep
from nokenlab.runs.sweep_records import Records, write_record
from nokenlab.runs.sweep_run import failed, perform
from nokenlab.runs.sweep_table import write_rows, write_tables


def run_sweep(
    sweep: Sweep,
    folder: Path,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    force: bool = False,
    plain: bool = False,
    keep_stale: bool = False,
    gpus: str | None = None,
) -> Records:
    """Do the runs that are left, `workers` at once here or on a dask `scheduler`, into `folder`/runs.

    Each worker here has one GPU, of those that `gpus` names ("0,2") or of all, and its share of the memory.
    A line says first how many there are, and why. Each run's folder appears there complete when it ends. The
    tables, and a line that says how many runs are done, come last, also after Ctrl-C. Runs that are stale are
    left, unless `keep_stale`: then the tables mark them. Returns the records of the runs. Raises BadInput
    when another driver is at work, or at the end for rows too many to save.
    """
    environments = machine.environments(workers, machine.chosen_gpus(gpus))
    with only_driver(folder), _workplace(folder) as workplace:
        records = Records(sweep, folder, keep_stale)
        tasks = [_task(sweep, run, plain) for run in records.left(force)]
        try:
            if tasks:
                print(records.why(force))
                here = _workers_here(workplace, environments, tasks)
                executors = dask_executor(scheduler) if scheduler else here
                with executors as (executor, work):
                    _run_tasks(tasks, partial(executor.submit, work), records, workplace)
        finally:
            with _naming(folder):
                write_tables(records)
                refused = write_rows(records)
            done = len(sweep.runs) - len(records.left())
            print(f"{sweep.name}: {done} of {len(sweep.runs)} runs are done; look at {folder / 'table.csv'}")
    if refused:
        raise BadInput(f"{sweep.name}: {'; '.join(refused)}")
    return records


def _run_tasks(tasks: list[dict], submit: Callable, records: Records, workplace: Path) -> None:
    """Do the tasks, and put each run in its folder and its record into `records` when it ends."""
    tqdm.monitor_interval = 0  # no thread for it
    futures = {submit(task): task for task in tasks}
    with tqdm(total=len(tasks), desc=records.sweep.name, unit="run", smoothing=0) as progress:
        for future in as_completed(list(futures)):
            task = futures.pop(future)  # removed, so that its files leave the memory
            with _naming(records.folder):
                record = keep(task, future, records.folder, workplace)
            records.by_identity[task["identity"]] = record
            if record["error"]:
                tqdm.write(f"failed: {task['command']}: {record['error']}", file=sys.stderr)
            progress.update()


def keep(task: dict, future: Future, folder: Path, workplace: Path) -> dict:
    """Put what came back of a run in its folder, in place of what was there. Returns its record."""
    new, target = workplace / f"{task['identity']}.new", folder / "runs" / task["identity"]
    try:
        record, files = future.result()
        if isinstance(files, dict):  # of a dask worker
            files = _unpacked(files, Path(tempfile.mkdtemp(dir=workplace)))
        os.rename(files, new)
    except Exception as error:  # nothing came back, or no run can have sent it
        record = failed(task, first_line(error))
        new.mkdir()
    write_record(record, new)
    target.parent.mkdir(exist_ok=True)
    replace_folder(new, target)
    return record


def _unpacked(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        if name in ("", ".", "..") or "/" in name or "\\" in name:
            raise ValueError(f"a file {name!r} came back, a name with a folder in it: refused")
        (folder / name).write_bytes(content)
    return folder


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """Let an OSError say which folder could not be written, and what to do then."""
    try:
        yield
    except OSError as error:
        reason, repeat = error.strerror or first_line(error), "the same command continues from there"
        raise OSError(
            f"cannot write to {folder}: {reason}; runs that ended are saved, and {repeat}"
        ) from None


@contextmanager
def only_driver(folder: Path) -> Iterator[None]:
    """Hold the lock of a sweep's folder. The lock of a process that died is free."""
    holder = folder / ".holder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
    except Timeout:
        process = holder.read_text(encoding="utf-8") if holder.exists() else "another process"
        raise BadInput(f"{folder} is locked by {process}; wait for it or stop it") from None
    except OSError as error:
        raise BadInput(f"cannot write results to {folder}: {error.strerror}") from None
    try:
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A folder for what is not complete yet, on the file system of the results; a killed driver's goes."""
    workplace = folder / ".work"
    shutil.rmtree(workplace, ignore_errors=True)
    with _naming(folder):
        for leftover in folder.glob(".*.*.*"):  # of write_atomically
            leftover.unlink()
        workplace.mkdir(exist_ok=True)
    try:
        yield workplace.resolve()
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


@contextmanager
def _workers_here(
    workplace: Path, environments: list[dict], tasks: list[dict]
) -> Iterator[tuple[Executor, Callable]]:
    """Threads of this process, each with one run at a time, and the function that does a task there."""
    models = [task["model"] for task in tasks]
    pool = KernelPool(models, environments, tasks[0]["threads"], tasks[0]["plain"])
    with pool.workers() as executor:
        yield executor, lambda task: perform(task, Path(tempfile.mkdtemp(dir=workplace)), pool)


def _task(sweep: Sweep, run: Run, plain: bool) -> dict:
    """All that a worker needs to know of a run."""
    return {
        "made_by": run.made_by,
        "environment": {name: os.environ[name] for name in CHOSEN if name in os.environ},
        "identity": run.identity,
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
