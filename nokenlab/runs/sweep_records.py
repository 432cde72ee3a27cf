"""Whether a run of a sweep is done: there is a valid record, its files are unchanged, it is not stale."""

import csv
import json
import math
from collections import Counter
from pathlib import Path

from nokenlab.errors import cut
from nokenlab.runs import freshness
from nokenlab.runs.files import to_json
from nokenlab.runs.provenance import changed_files, last_seconds, sealed
from nokenlab.runs.sweep_file import Run, Sweep

RECORD = "sweep.json"  # in the folder of each run


class Records:
    """What the runs of a sweep left in its folder.

    `by_identity` has the valid records, stale ones too: every file is read and hashed once, here. A run is
    stale if something else made it than would make it now; with `keep_stale` it is done nevertheless.
    """

    def __init__(self, sweep: Sweep, folder: Path, keep_stale: bool = False):
        self.sweep, self.folder, self.keep_stale = sweep, folder, keep_stale
        records = {run.identity: _record(self.folder_of(run)) for run in sweep.runs}
        self.by_identity = {key: record for key, record in records.items() if record.get("identity") == key}

    def folder_of(self, run: Run) -> Path:
        """The folder of a run."""
        return self.folder / "runs" / run.identity

    def of(self, run: Run) -> dict:
        """The record of a run; empty if there is none."""
        return self.by_identity.get(run.identity, {})

    def is_stale(self, run: Run) -> bool:
        """Whether a run came to its end, but something else made it than would make it now."""
        record = self.of(run)
        return record.get("status") == "done" and record["made_by"] != run.made_by

    def is_done(self, run: Run) -> bool:
        """Whether a run came to its end, and is not stale unless stale runs are kept."""
        return self.of(run).get("status") == "done" and (self.keep_stale or not self.is_stale(run))

    def left(self, force: bool = False) -> list[Run]:
        """The runs that are not done: new, failed, damaged, or stale unless kept; all with `force`."""
        return [run for run in self.sweep.runs if force or not self.is_done(run)]

    def why(self, force: bool = False) -> str:
        """How many runs are to do, and why, in one line of under 200 letters."""
        todo = self.left(force)
        counts = Counter(map(self._kind, todo))
        parts = [f"{self.sweep.name}: {len(todo)} of {len(self.sweep.runs)} to do"]
        saved = None if (self.folder / "runs").exists() else saved_state(self.sweep, self.folder)
        if saved:  # as in a new clone, which has tables and no runs
            parts.append(saved)
        elif counts["stale"] < len(todo):
            parts.append(", ".join(f"{count} {kind}" for kind, count in counts.items() if count))
        if stale := [run for run in todo if self.is_stale(run)]:
            parts.append(freshness.difference((self.of(run)["made_by"], run.made_by) for run in stale))
        return cut(": ".join(parts), 199)

    def estimate(self, results: Path, workers: int, force: bool) -> str:
        """How many runs are to do and how long they will take, in one line.

        From the mean duration of this sweep's runs, also of saved tables, else that of the notebook's own run
        in `results`.
        """
        sweep, todo = self.sweep, len(self.left(force))
        line = f"{sweep.name}: {len(sweep.runs)} runs of {sweep.notebook.stem}, {todo} to do"
        durations = [r["seconds"] for r in self.by_identity.values() if r["status"] == "done"]
        if not durations:
            saved = saved_outcomes(self.folder)
            durations = [float(row["seconds"]) for row in saved if row.get("seconds")]
        if not durations:
            durations = [last_seconds(sweep.notebook, results)]
        if durations == [math.inf]:
            return f"{line}; duration unknown: none has been run yet"
        seconds = sum(durations) / len(durations)
        return f"{line}; about {seconds * todo / workers / 60:.1f} min ({seconds:.1f} s per run)"

    def _kind(self, run: Run) -> str:
        if not self.of(run):
            return "new"
        if self.of(run)["status"] != "done":
            return "failed before"
        return "stale" if self.is_stale(run) else "done before"


def saved_state(sweep: Sweep, folder: Path) -> str | None:
    """What made the saved tables in a sweep's folder, and why they are stale; None without tables.

    It ends in "fresh" where the same would make them now. It needs no run folders: runs.csv names what made
    each run, and made_by.json says what that was.
    """
    rows = saved_outcomes(folder)
    if not rows:
        return None
    try:
        made_by = json.loads((folder / "made_by.json").read_text(encoding="utf-8"))
        traces = {row["folder"]: row["made_by"].rpartition("/") for row in rows}
        pairs = [(made_by[traces[run.identity][2]], run.made_by) for run in sweep.runs]
    except (OSError, KeyError):
        return "saved tables are stale: made by other settings"
    commits = f"saved tables, made by {', '.join(sorted({commit for commit, _, _ in traces.values()}))}"
    if any("code" in old for old, _ in pairs):
        return f"{commits}, are stale: an older version of nokenlab"
    different = freshness.difference((old, new) for old, new in pairs if old != new)
    return f"{commits}, are stale: {different}" if different else f"{commits}, are fresh"


def saved_outcomes(folder: Path) -> list[dict[str, str]]:
    """The rows of a sweep's saved runs.csv; none where there is none."""
    try:
        with open(folder / "runs.csv", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError:
        return []


def write_record(record: dict, folder: Path) -> None:
    """Write the record of a run into its folder, with a digest of itself among those of its files."""
    (folder / RECORD).write_bytes(to_json(sealed(record, RECORD)))


def _record(folder: Path) -> dict:
    """The record in a run's folder; empty unless it and all files that it names are as they were written."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        if changed_files(record, folder, RECORD):
            return {}
        del record["files"][RECORD]
        return record if {"identity", "status", "seconds", "made_by"} <= record.keys() else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
