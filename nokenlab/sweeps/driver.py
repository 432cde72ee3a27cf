"""Runs what a sweep has left to do, one driver at a time; what is done stays done, whatever happens."""

import io
import json
import os
import shutil
import socket
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm import tqdm

import nokenlab
from nokenlab.errors import BadInput
from nokenlab.runs.provenance import command
from nokenlab.sweeps.cluster import cluster
from nokenlab.sweeps.done import RECORD, left, pack
from nokenlab.sweeps.run_host import RunHost
from nokenlab.sweeps.spec import Run, Sweep
from nokenlab.sweeps.table import write_tables


def run_sweep(
    sweep: Sweep,
    folder: Path,
    workers: int = 1,
    scheduler: str | None = None,
    force: bool = False,
    plain: bool = False,
) -> None:
    """Do the runs that are left, `workers` at once here or on a dask `scheduler`, into `folder`/runs.

    Each run's folder appears there whole when it ends, and the tables at the end, however it comes.
    Raises BadInput when another driver is at work.
    """
    with only_driver(folder), _workplace(folder) as place:
        todo = left(sweep, folder, force)
        try:
            if todo:
                model = "model" in sweep.runs[0].parameters
                with cluster(scheduler) if scheduler else _here(place, workers, model, plain) as pool:
                    _do(sweep, todo, folder, place, plain, *pool)
        finally:
            write_tables(sweep, folder, place)


def _do(sweep: Sweep, todo: list[Run], folder: Path, place: Path, plain: bool, executor, work) -> None:
    tqdm.monitor_interval = 0  # no thread for it
    with tqdm(total=len(todo), desc=sweep.name, unit="run", smoothing=0) as progress:
        tasks = {run.identity: _task(sweep, run, plain) for run in todo}
        asked = {executor.submit(work, task): who for who, task in tasks.items()}
        for future in as_completed(list(asked)):
            task = tasks.pop(asked.pop(future))
            if failure := _keep(task, future, folder, place):
                progress.write(f"failed: {task['command']}: {failure}", file=sys.stderr)
            progress.update()


@contextmanager
def only_driver(folder: Path) -> Iterator[None]:
    """Hold the lock of a sweep's folder. The lock of a process that died is free."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise BadInput(f"{folder} is in the hands of {_holder(folder)}; wait for it or stop it") from None
    except OSError as error:
        raise BadInput(f"cannot write results to {folder}: {error.strerror}") from None
    try:
        (folder / ".holder").write_text(f"process {os.getpid()} on {socket.gethostname()}")
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
    place.mkdir(exist_ok=True)
    try:
        yield place.resolve()
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _here(place: Path, workers: int, model: bool, plain: bool) -> Iterator[tuple[Executor, RunHost]]:
    host = RunHost(place, model, plain)
    executor = ThreadPoolExecutor(workers)
    try:
        yield executor, host
    finally:  # after Ctrl-C too
        host.close()
        executor.shutdown(cancel_futures=True)


def _task(sweep: Sweep, run: Run, plain: bool) -> dict:
    return {
        "nokenlab": nokenlab.__version__,
        "identity": run.identity,
        "notebook": sweep.notebook.stem,
        "source": sweep.source,
        "given": run.given,
        "parameters": run.parameters,
        "command": command(sweep.notebook, run.given),
        "time_limit": sweep.time_limit,
        "threads": sweep.threads,
        "model": "model" in run.parameters,
        "plain": plain,
    }


def _keep(task: dict, future, folder: Path, place: Path) -> str | None:
    """Put what came back of a run in its folder, in place of what was there. Returns why it failed, if."""
    try:
        packed = future.result()
    except Exception as error:  # nothing came back: it is kept as failed
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        record = {"identity": task["identity"], "status": "failed", "error": reason}
        packed = pack(place / "none", record | {"parameters": task["parameters"], "seconds": None})
    new, old = place / f"{task['identity']}.new", place / f"{task['identity']}.old"
    target = folder / "runs" / task["identity"]
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(new)
        failure = json.loads(archive.read(RECORD))["error"]
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)
    return failure
