"""Digests by which a record knows the files beside it, and itself, from what anybody changed later."""

import hashlib
import json
from pathlib import Path

RUN = "run.json"  # the record of a run of `nokenlab run`, in its folder


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file in a folder, for the `files` of a record."""
    return {path.name: _hash(path) for path in sorted(folder.iterdir())}


def sealed(record: dict, name: str) -> dict:
    """A record that is to lie as `name` beside its `files`, with a digest of itself among theirs."""
    bare = _without(record, name)
    return record | {"files": bare["files"] | {name: _digest(bare)}}


def changed(record: dict, folder: Path, name: str) -> list[str]:
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
    for path in sorted(Path(results).glob(f"[!.]*/{RUN}")):
        try:
            found = changed(json.loads(path.read_text(encoding="utf-8")), path.parent, RUN)
        except (ValueError, TypeError, AttributeError):
            found = [RUN]
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
