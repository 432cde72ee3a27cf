"""What run.json says: the notebook and its parameters, the command, the versions, the commit, the machine."""

import hashlib
import json
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nokenlab.runs import devices
from nokenlab.runs.notebooks import ROOT, numbered, title

RUN_JSON = "run.json"  # the record of a run of `nokenlab run`, in its folder


def record(notebook: Path, parameters: dict, given: dict) -> dict:
    """What run.json says of a run that starts now: `parameters` are all it has, `given` those of the command.

    `gpu` is the one that a worker was given. Added when it ends: its seconds and, where the notebook made a
    `Results(lab)`, `of_lab`.
    """
    own = devices.own()
    return {
        "notebook": notebook.stem,
        "title": title(notebook),
        "sha256": hashlib.sha256(notebook.read_bytes()).hexdigest(),
        "command": command(notebook, given),
        "parameters": parameters,
        "versions": versions(),
        "git": git_state(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    } | ({"gpu": own} if own else {})


def device(run: dict) -> str | None:
    """What a run was made on, of what run.json says: cpu, or the GPU's name, and which one it was."""
    names = [run.get("lab", {}).get("device"), f"GPU {run['gpu']}" if "gpu" in run else None]
    return ", ".join(filter(None, names)) or None


def of_lab(lab) -> dict:
    """What run.json says of the model and its machine (device, dtype, threads), and the versions there."""
    return {"lab": lab.provenance(), "versions": versions()}


def command(notebook: Path, given: dict) -> str:
    """The shell command that makes a run again."""
    name = notebook.stem if notebook in [p.resolve() for p in numbered()] else notebook.name
    words = ["nokenlab", "run", name]
    for key, value in given.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        words += ["-p", key, text]
    return shlex.join(words)


def versions() -> dict[str, str]:
    """The versions of what a result depends on: Python, and those of the packages that are installed."""
    import nokenlab

    found = {"python": sys.version.split()[0], "nokenlab": nokenlab.__version__}
    for package in ("torch", "transformers", "papermill"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


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


def file_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, for the `files` of a record."""
    return {path.name: _hash(path) for path in sorted(folder.iterdir())}


def sealed(record: dict, name: str) -> dict:
    """A record that is to lie as `name` beside its `files`, with a digest of itself among theirs."""
    bare = _without(record, name)
    return record | {"files": bare["files"] | {name: _digest(bare)}}


def changed_files(record: dict, folder: Path, name: str) -> list[str]:
    """The files of a folder that are not as its record `name` says: another's bytes, cut, or gone.

    A record without a digest of itself is not held against one, nor without `files` against anything: both
    are older than that.
    """
    if "files" not in record:
        return []
    bare = _without(record, name)
    found = [file for file, digest in bare["files"].items() if _hash(folder / file) != digest]
    return found + [name] * (record["files"].get(name, _digest(bare)) != _digest(bare))


def changed_runs(results: Path) -> list[str]:
    """A line for each run in a results folder that is not as it was written, its record too."""
    lines = []
    for path in sorted(Path(results).glob(f"[!.]*/{RUN_JSON}")):
        try:
            found = changed_files(json.loads(path.read_text(encoding="utf-8")), path.parent, RUN_JSON)
        except (ValueError, TypeError, AttributeError):
            found = [RUN_JSON]
        if found:
            stem = path.parent.name
            lines.append(f"{stem}: not as its run wrote it: {', '.join(found)}; run {stem} again")
    return lines


def _without(record: dict, name: str) -> dict:
    return record | {"files": {file: digest for file, digest in record["files"].items() if file != name}}


def _digest(record: dict) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()


def _hash(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
