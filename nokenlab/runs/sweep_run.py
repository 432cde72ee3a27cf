"""One run of a sweep: with the same code, data and versions as its driver's, or not at all."""

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from nokenlab.errors import RunFailed
from nokenlab.runs import freshness
from nokenlab.runs.kernels import KernelPool
from nokenlab.runs.notebook_run import run_notebook
from nokenlab.runs.provenance import device, file_hashes


def perform(task: dict, folder: Path, pool: KernelPool) -> tuple[dict, Path]:
    """Run the notebook of a task in the empty `folder`. Returns its record, and the folder of its files.

    The run fails where its code, data or versions are not the driver's, or change meanwhile. A failed run
    leaves its executed notebook, if there is one, and nothing else.
    """
    started, begin = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    files, executed, run = folder / "run", None, {}
    error = _difference(task, freshness.HERE)
    if not error:
        try:
            with pool.environment() as variables:
                run = _run(task, folder, files, variables, pool)
            executed = files / f"{task['stem']}.ipynb"
            error = _difference(task, freshness.MEANWHILE)
        except RunFailed as failure:
            error, executed = failure.reason, failure.executed
        except OSError as failure:
            error = f"{type(failure).__name__}: {failure}"
    if error:
        files = folder / "failed"
        files.mkdir()
        if executed and executed.exists():
            shutil.copyfile(executed, files / executed.name)
    record = {name: task[name] for name in ("identity", "parameters", "threads", "made_by")} | {
        "status": "failed" if error else "done",
        "error": error or None,
        "seconds": round(time.perf_counter() - begin, 2),
        "started": started,
        "files": file_hashes(files),
    }
    if run:
        record |= {"git": run["git"], "device": device(run)}
    return record, files


def failed(task: dict, reason: str) -> dict:
    """The record of a run that left nothing but the reason why."""
    record = {"status": "failed", "error": reason, "seconds": None, "files": {}}
    return record | {name: task[name] for name in ("identity", "parameters", "made_by")}


def _run(task: dict, folder: Path, files: Path, variables: dict[str, str], pool: KernelPool) -> dict:
    """Run the text of the notebook as the driver read it; returns what run.json says."""
    notebook = folder / f"{task['stem']}.ipynb"
    notebook.write_text(task["source"], encoding="utf-8")
    return run_notebook(
        notebook,
        task["given"],
        files,
        time_limit=task["time_limit"],
        environment=variables | task["environment"],
        pool=pool,
        on_cell=lambda: None,
        command=task["command"],
    )


def _difference(task: dict, words: tuple[str, str, str]) -> str:
    """What differs here and now from the driver's code, data and versions, in one line; "" for nothing."""
    made_by = task["made_by"]
    here = freshness.here_and_now(made_by, os.environ | task["environment"])
    return freshness.difference([(made_by, here)], words)
