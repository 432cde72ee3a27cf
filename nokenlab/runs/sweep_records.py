"""Whether a run of a sweep is done: there is a valid record, its files are unchanged, it is not stale."""

import json
from collections import Counter
from pathlib import Path

from nokenlab.runs import freshness
from nokenlab.runs.files import to_json
from nokenlab.runs.provenance import RUN_JSON, changed_files, sealed
from nokenlab.runs.sweep_file import Run, Sweep

RECORD = "sweep.json"  # in the folder of each run


def read_records(sweep: Sweep, folder: Path) -> dict[str, dict]:
    """The valid records, by identity, of the runs in the folder of their sweep, stale ones too.

    Every file is read and hashed: a command does this once and passes the records on.
    """
    records = {run.identity: _record(folder / "runs" / run.identity) for run in sweep.runs}
    return {key: record for key, record in records.items() if record and record["identity"] == key}


def write_record(record: dict, folder: Path) -> None:
    """Write the record of a run into its folder, with a digest of itself among those of its files."""
    (folder / RECORD).write_bytes(to_json(sealed(record, RECORD)))


def is_done(run: Run, records: dict[str, dict], keep_stale: bool = False) -> bool:
    """Whether a run came to its end, and is not stale unless `keep_stale`."""
    done = records.get(run.identity, {}).get("status") == "done"
    return done and (keep_stale or not is_stale(run, records))


def is_stale(run: Run, records: dict[str, dict]) -> bool:
    """Whether a run came to its end, but something else made it than would make it now."""
    record = records.get(run.identity, {})
    return record.get("status") == "done" and record.get("made_by") != run.made_by


def left(sweep: Sweep, records: dict[str, dict], force: bool = False, keep_stale: bool = False) -> list[Run]:
    """The runs that are not done: new, failed, damaged, or stale but for `keep_stale`; all with `force`."""
    return [run for run in sweep.runs if force or not is_done(run, records, keep_stale)]


def why(sweep: Sweep, records: dict[str, dict], force: bool = False, keep_stale: bool = False) -> str:
    """How many runs are to do, and why, in one line of under 200 letters."""
    todo = left(sweep, records, force, keep_stale)
    counts = Counter(_kind(run, records) for run in todo)
    parts = [f"{sweep.name}: {len(todo)} of {len(sweep.runs)} to do"]
    if counts["stale"] < len(todo):
        parts.append(", ".join(f"{count} {kind}" for kind, count in counts.items() if count))
    stale = [run for run in todo if is_stale(run, records)]
    if stale:
        pairs = [(records[run.identity].get("made_by"), run.made_by) for run in stale]
        parts.append(freshness.difference(pairs))
    return freshness.shortened(": ".join(parts))


def estimate(
    sweep: Sweep, records: dict[str, dict], results: Path, workers: int, force: bool, keep_stale: bool
) -> str:
    """How many runs are to do and how long they will take, in one line.

    From the mean duration of this sweep's runs, else that of the notebook's own run in `results`.
    """
    todo = len(left(sweep, records, force, keep_stale))
    line = f"{sweep.name}: {len(sweep.runs)} runs of {sweep.notebook.stem}, {todo} to do"
    durations = [records[run.identity]["seconds"] for run in sweep.runs if is_done(run, records, True)]
    if not durations:
        try:
            path = results / sweep.notebook.stem / RUN_JSON
            durations = [float(json.loads(path.read_text(encoding="utf-8"))["seconds"])]
        except (OSError, ValueError, KeyError, TypeError):
            return f"{line}; duration unknown: none has been run yet"
    seconds = sum(durations) / len(durations)
    return f"{line}; about {seconds * todo / workers / 60:.1f} min ({seconds:.1f} s per run)"


def _kind(run: Run, records: dict[str, dict]) -> str:
    if run.identity not in records:
        return "new"
    if records[run.identity]["status"] != "done":
        return "failed before"
    return "stale" if is_stale(run, records) else "done before"


def _record(folder: Path) -> dict | None:
    """The record in a run's folder; None unless it and all files that it names are as they were written."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if "files" not in record or changed_files(record, folder, RECORD):
            return None
        record["files"].pop(RECORD, None)
        return record if {"identity", "status", "seconds"} <= record.keys() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
