"""What run.json says of a run, and the digests by which it notices files that were changed later."""

import hashlib
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nokenlab.runs import machine
from nokenlab.runs.notebooks import ROOT, numbered, title

RUN_JSON = "run.json"  # in the folder of each run


def record(notebook: Path, parameters: dict, given: dict, environment: dict[str, str]) -> dict:
    """What run.json says of a run that starts now: notebook, command, versions, commit, GPU if it has one.

    `parameters` are all it has, `given` those of the command, `environment` the variables of its kernel.
    Added when it ends: its seconds, its files and, where the notebook made a `Results(lab)`, `of_lab`.
    """
    run = {
        "notebook": notebook.stem,
        "title": title(notebook),
        "sha256": _hash(notebook),
        "command": command(notebook, given),
        "parameters": parameters,
        "versions": versions(),
        "git": git_state(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    gpu = machine.assigned_gpu(os.environ | environment)
    return run | {"gpu": gpu} if gpu else run


def device(run: dict) -> str | None:
    """The device that a run.json names: cpu or the GPU's name, and which GPU it was."""
    gpu = f"GPU {run['gpu']}" if "gpu" in run else None
    return ", ".join(filter(None, [run.get("lab", {}).get("device"), gpu])) or None


def of_lab(lab) -> dict:
    """What run.json says of the model and its machine (device, dtype, threads), and the versions there."""
    return {"lab": lab.provenance(), "versions": versions()}


def command(notebook: Path, given: dict) -> str:
    """The shell command that repeats a run."""
    name = notebook.stem if notebook in [path.resolve() for path in numbered()] else notebook.name
    words = ["nokenlab", "run", name]
    for key, value in given.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        words += ["-p", key, text]
    return shlex.join(words)


def versions() -> dict[str, str]:
    """The versions of Python, nokenlab, and of those packages a result depends on that are installed."""
    import nokenlab

    numbers = {"python": sys.version.split()[0], "nokenlab": nokenlab.__version__}
    for package in ("torch", "transformers", "papermill"):
        try:
            numbers[package] = version(package)
        except PackageNotFoundError:
            continue
    return numbers


def git_state() -> dict:
    """The commit of nokenlab's checkout, and whether anything outside results/ was changed since it.

    Both are None where there is no checkout or no git.
    """

    def git(*args: str) -> str | None:
        done = subprocess.run(["git", "-C", ROOT, *args], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return {"commit": None, "dirty": None}
    changes = git("status", "--porcelain", "--", ".", ":!results")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changes is None else bool(changes)}


def last_seconds(notebook: Path, results: Path) -> float:
    """What a run of a notebook took the last time, in `results` or in the repository's; inf if unknown."""
    for _, record in _last_runs(notebook, results):
        seconds = record.get("seconds")
        if isinstance(seconds, int | float) and 0 < seconds < math.inf:
            return seconds
    return math.inf


def executed_copy(notebook: Path, results: Path) -> Path | None:
    """A notebook as it ran with its own parameters, in `results` or in the repository's.

    None unless the notebook is the same now, and what the run wrote.
    """
    notebook = notebook.resolve()
    for folder, record in _last_runs(notebook, results):
        same = record.get("sha256") == _hash(notebook) and record.get("command") == command(notebook, {})
        if same and not changed_files(record, folder, RUN_JSON):
            return folder / notebook.name
    return None


def _last_runs(notebook: Path, results: Path) -> Iterator[tuple[Path, dict]]:
    """The folders with runs of a notebook, the newest results first, and what their run.json says."""
    for folder in (results / notebook.stem, ROOT / "results" / notebook.stem):
        try:
            record = json.loads((folder / RUN_JSON).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(record, dict):
            yield folder, record


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, for the `files` of a record."""
    return {path.name: _hash(path) for path in sorted(folder.iterdir())}


def sealed(record: dict, name: str) -> dict:
    """A record to be written as the file `name` beside its `files`, with its own digest among theirs."""
    return record | {"files": record["files"] | {name: _digest(record)}}


def changed_files(record: dict, folder: Path, name: str) -> list[str]:
    """The files of a folder that differ from what its record, the file `name`, says, or are missing.

    Records without `files` are older and not checked.
    """
    if "files" not in record:
        return []
    files = dict(record["files"])
    digest = files.pop(name, None)
    changed = [file for file in files if _hash(folder / file) != files[file]]
    return changed if digest == _digest(record | {"files": files}) else [*changed, name]


def changed_runs(results: Path) -> list[str]:
    """A line for each run in a results folder of which a file, or its record, was changed later."""
    lines = []
    for path in sorted(Path(results).glob(f"[!.]*/{RUN_JSON}")):
        try:
            changed = changed_files(json.loads(path.read_text(encoding="utf-8")), path.parent, RUN_JSON)
        except (ValueError, TypeError, AttributeError):
            changed = [RUN_JSON]
        if changed:
            stem = path.parent.name
            lines.append(f"{stem}: changed since its run: {', '.join(changed)}; run {stem} again")
    return lines


def _digest(record: dict) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()


def _hash(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
