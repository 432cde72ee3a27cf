"""Whether a run of a sweep is done: who it is, what was kept of it, whether that is whole and not stale."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from nokenlab.errors import BadInput
from nokenlab.models import default_model
from nokenlab.runs import freshness as made_by
from nokenlab.runs import one_run
from nokenlab.runs.files import to_json
from nokenlab.runs.provenance import changed_files, sealed

if TYPE_CHECKING:
    from nokenlab.runs.sweep_file import Run, Sweep

RECORD = "sweep.json"  # in the folder of each run


def identity(notebook: Path, parameters: dict) -> str:
    """Who a run is, and so its folder: a hash of the notebook's name and all parameters."""
    return hashlib.sha256(json.dumps([notebook.stem, parameters], sort_keys=True).encode()).hexdigest()[:20]


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
    """The records, by identity, of those runs that lie whole in the folder of their sweep, stale ones too.

    Every file is read and hashed: a command does this once and passes the records on.
    """
    found = {run.identity: _record(folder / "runs" / run.identity) for run in sweep.runs}
    return {who: record for who, record in found.items() if record and record["identity"] == who}


def is_done(run: Run, records: dict[str, dict], keep_stale: bool = False) -> bool:
    """Whether a run is there whole, came to its end, and was made by what would make it now.

    With `keep_stale` what made it does not matter.
    """
    there = records.get(run.identity, {}).get("status") == "done"
    return there and (keep_stale or not is_stale(run, records))


def is_stale(run: Run, records: dict[str, dict]) -> bool:
    """Whether a run is there and came to its end, but something else made it than would make it now."""
    record = records.get(run.identity, {})
    return record.get("status") == "done" and record.get("made_by") != run.made_by


def left(sweep: Sweep, records: dict[str, dict], force: bool = False, keep_stale: bool = False) -> list[Run]:
    """The runs that are not done: new, failed, damaged, or stale but for `keep_stale`; all with `force`."""
    return [run for run in sweep.runs if force or not is_done(run, records, keep_stale)]


def why(sweep: Sweep, records: dict[str, dict], force: bool = False, keep_stale: bool = False) -> str:
    """How many runs are to do, and why, in one line of under 200 letters."""
    todo = left(sweep, records, force, keep_stale)
    kinds = Counter(_kind(run, records) for run in todo)
    stale = [run for run in todo if _kind(run, records) == "stale"]
    pairs = [(records[run.identity].get("made_by"), run.made_by) for run in stale]
    parts = [f"{sweep.name}: {len(todo)} of {len(sweep.runs)} to do"]
    if len(stale) < len(todo):
        parts.append(", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    return made_by.line(": ".join(parts + [made_by.difference(pairs)] * bool(stale)))


def seconds_a_run(sweep: Sweep, records: dict[str, dict], results: Path) -> float | None:
    """What a run took on average: from runs of this sweep, else from the notebook's own run in `results`."""
    took = [records[run.identity]["seconds"] for run in sweep.runs if is_done(run, records, keep_stale=True)]
    if not took:
        try:
            own = results / sweep.notebook.stem / "run.json"
            took = [float(json.loads(own.read_text(encoding="utf-8"))["seconds"])]
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return sum(took) / len(took)


def _kind(run: Run, records: dict[str, dict]) -> str:
    if run.identity not in records:
        return "new"
    if records[run.identity]["status"] != "done":
        return "failed before"
    return "stale" if is_stale(run, records) else "done before"


def write_record(record: dict, folder: Path) -> None:
    """Write the record of a run into its folder, with a digest of itself among those of its files."""
    (folder / RECORD).write_bytes(to_json(sealed(record, RECORD)))


def failed(task: dict, reason: str) -> dict:
    """The record of a run of which there is nothing but the reason why."""
    record = one_run.failed(reason) | {"identity": task["identity"], "files": {}}
    return record | {"parameters": task["parameters"], "made_by": task["made_by"]}


def _record(folder: Path) -> dict | None:
    """The record in a run's folder; None unless it and all the files it tells of are as they were written."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        whole = "files" in record and not changed_files(record, folder, RECORD)
        record["files"].pop(RECORD, None)
        return record if whole and {"identity", "status", "seconds"} <= record.keys() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
