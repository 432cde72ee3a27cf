"""One run of a sweep, in a process of its own: made by what the driver has, or not at all."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from nokenlab.runs import freshness as made_by
from nokenlab.runs import one_run
from nokenlab.runs.provenance import device, file_hashes
from nokenlab.runs.sweep_records import failed

WORK = f"{__name__}:perform"  # as a task names it


def perform(task: dict, provisioner: str | None = None, cell: Callable | None = None):
    """Run the notebook of a task in `task["place"]`. Returns its record, and the folder of its files, if any.

    Where other code, data or versions would make it than the driver has, or these change meanwhile, it fails.
    """
    os.environ.update(task["environment"])
    if other := _difference(task, made_by.HERE):
        return failed(task, other), None
    notebook = Path(task["place"]) / f"{task['stem']}.ipynb"
    notebook.write_text(task["source"], encoding="utf-8")
    started = datetime.now(UTC).isoformat(timespec="seconds")
    record, folder = one_run.perform(task | {"notebook": str(notebook)}, provisioner, cell)
    record |= {name: task[name] for name in ("identity", "parameters", "threads", "made_by")}
    record["started"] = started
    if run := record.pop("run"):
        record |= {"git": run["git"], "device": device(run)}
        if other := _difference(task, made_by.MEANWHILE):
            record |= {"status": "failed", "error": other}
            one_run.keep_only(folder, folder / notebook.name)
    return record | {"files": file_hashes(folder)}, folder


def _difference(task: dict, words: tuple[str, str, str]) -> str:
    """What differs here and now from what makes the run, in one line; no text where nothing does."""
    made = task["made_by"]
    return made_by.line(made_by.difference([(made, made_by.here_and_now(made))], words))
