"""Whether a run of a sweep is done: who it is, what was kept of it, and whether that is there whole."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import nokenlab
from nokenlab.errors import BadInput
from nokenlab.models import default_model
from nokenlab.runs.notebooks import cells

if TYPE_CHECKING:
    from nokenlab.sweeps.spec import Run, Sweep

RECORD = "sweep.json"  # in the folder of each run


def identity(notebook: Path, parameters: dict, revision: str | None, threads: int) -> str:
    """Who a run is: a hash of the notebook's cells, all parameters, the model's revision, nokenlab's version.

    Outputs in the notebook do not count. The number of threads does: it can change the last digits.
    """
    source = [(cell["cell_type"], cell["source"]) for cell in cells(notebook)]
    parts = [source, parameters, revision, nokenlab.__version__, threads]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def model_revision(model: str) -> str:
    """The revision of a model, without loading or fetching it. Raises BadInput if there is none."""
    if model == "default":
        return default_model.REVISION
    from nokenlab.models import hub

    try:
        where, _ = hub.locate(model)
        return hub.revision_of(where) if isinstance(where, Path) else hub.on_hub(where, None)["revision"]
    except (OSError, ValueError) as error:
        raise BadInput(str(error)) from None


def read_records(sweep: Sweep, folder: Path) -> dict[str, dict]:
    """The records, by identity, of those runs that lie whole in the folder of their sweep, failed or done.

    Every file is read and hashed: a command does this once and passes the records on.
    """
    found = {run.identity: _record(folder / "runs" / run.identity) for run in sweep.runs}
    return {who: record for who, record in found.items() if record and record["identity"] == who}


def is_done(run: Run, records: dict[str, dict]) -> bool:
    """Whether a run is there whole and came to its end."""
    return records.get(run.identity, {}).get("status") == "done"


def left(sweep: Sweep, records: dict[str, dict], force: bool = False) -> list[Run]:
    """The runs that are not done yet: new, failed, damaged; all of them with `force`."""
    return [run for run in sweep.runs if force or not is_done(run, records)]


def seconds_a_run(sweep: Sweep, records: dict[str, dict], results: Path) -> float | None:
    """What a run took on average: from runs of this sweep, else from the notebook's own run in `results`."""
    took = [records[run.identity]["seconds"] for run in sweep.runs if is_done(run, records)]
    if not took:
        try:
            own = results / sweep.notebook.stem / "run.json"
            took = [float(json.loads(own.read_text(encoding="utf-8"))["seconds"])]
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return sum(took) / len(took)


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a run, for its record."""
    return {path.name: _hash(path) for path in sorted(folder.iterdir())}


def failed(task: dict, reason: str) -> dict:
    """The record of a run of which there is nothing but the reason why."""
    record = {"identity": task["identity"], "status": "failed", "error": reason}
    return record | {"parameters": task["parameters"], "seconds": None, "files": {}}


def _record(folder: Path) -> dict | None:
    """The record in a run's folder; None unless all the files it tells of are as they were written."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        whole = all(_hash(folder / name) == digest for name, digest in record["files"].items())
        return record if whole and {"identity", "status", "seconds"} <= record.keys() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
