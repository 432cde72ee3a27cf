"""What made a run: digests and values by name, and in words what differs between two of them.

"notebook" is a digest of its code cells; "code", "data" and "files" are digests by file: modules of nokenlab
that the notebook can reach, data files that those name, files that parameters name. "model" is its revision.
"threads", "device", "dtype" and the versions of packages are values.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import shorten

from nokenlab.runs import reached_code as sources
from nokenlab.runs.notebooks import cells
from nokenlab.runs.provenance import versions

CHOSEN = ("NOKENLAB_DEVICE", "NOKENLAB_DTYPE")  # in the environment
GPUS = ("/dev/nvidiactl", "/dev/kfd")  # where one of these is, torch is asked for the device
FILES = ("code", "data", "files")  # the keys of digests by file
VALUES = {"model": "model revision", "threads": "number of threads", "dtype": "number format"}
SINCE = ("has changed since", "before", "now")
HERE = ("is another here", "there", "here")
MEANWHILE = ("changed while it ran", "before", "after")
MOST = 4  # modules that are named; more are counted


def of_notebook(notebook: Path, threads: int) -> dict:
    """What makes every run of a notebook. Every byte of its code counts, a comment too; its texts do not."""
    source = [cell["source"] for cell in cells(notebook) if cell["cell_type"] == "code"]
    code, data = sources.reached(notebook)
    made = {"notebook": _digest(json.dumps(source).encode()), "threads": threads}
    made |= {"code": _of_package(code), "data": _of_package(data)} | _versions()
    return made | (_machine() if "nokenlab/models/memory.py" in code else {})


def of_run(made: dict, parameters: dict, revision: str | None) -> dict:
    """What makes one run, out of what makes every run of its notebook (`of_notebook`)."""
    files = {value: _of_file(value) for value in parameters.values() if _names_a_file(value)}
    return made | {"model": revision, "files": files}


def here_and_now(made: dict) -> dict:
    """What would make the same run at this place and moment, given the same notebook, model and threads."""
    now = made | {key: _of_package(made[key]) for key in ("code", "data")} | _versions()
    now["files"] = {name: _of_file(name) for name in made["files"]}
    return now | (_machine() if "device" in made else {})


def digest(made: dict) -> str:
    """Twelve letters that stand for all of what made a run."""
    return _digest(json.dumps(made, sort_keys=True).encode())


def difference(pairs: Iterable[tuple[dict | None, dict]], words: tuple[str, str, str] = SINCE) -> str:
    """Why runs are stale, in one line: `pairs` of what made them and what would make them now."""
    reasons, files = {}, {key: {} for key in FILES}
    changed, before, now = words
    for old, new in pairs:
        if old is None:
            reasons["made before nokenlab kept what made a run"] = True
            continue
        if old["notebook"] != new["notebook"]:
            reasons[f"the notebook {changed}"] = True
        for key in FILES:
            files[key] |= dict.fromkeys(n for n, _ in old[key].items() ^ new[key].items())
        for key in [key for key in old | new if key not in ("notebook", *FILES)]:
            if old.get(key) != new.get(key):
                a, b = old.get(key, "none"), new.get(key, "none")
                reasons[f"another {VALUES.get(key, key)} ({a} {before}, {b} {now})"] = True
    return "; ".join([*_about(files, changed), *reasons])


def line(text: str) -> str:
    """`text` with its end cut off where it has 200 letters or more."""
    return shorten(text, 199, placeholder=" …")


def _about(files: dict[str, dict], changed: str) -> list[str]:
    """The files that differ, in words."""
    code = sorted(files["code"])
    more = f" and {len(code) - MOST} more" if code[MOST:] else ""
    found = [f"code {changed} ({', '.join(code[:MOST])}{more})"] if code else []
    found += [f"the data file {name} {changed}" for name in sorted(files["data"])]
    return found + [f"the file {name} {changed}" for name in sorted(files["files"])]


def _machine() -> dict[str, str]:
    """The device and number format of a model that is loaded here, as `models/memory.py` chooses them.

    Of the device its kind: which of several GPUs it is changes no result.
    """
    device, dtype = (os.environ.get(name) for name in CHOSEN)
    if not device and (sys.platform == "darwin" or any(map(os.path.exists, GPUS))):
        from nokenlab.models import memory  # torch comes with it

        device = memory.choose_device(None)
    device = device or "cpu"
    dtype = dtype or ("float32" if device == "cpu" else "bfloat16")
    return {"device": device.split(":")[0], "dtype": dtype.removeprefix("torch.")}


def _versions() -> dict[str, str]:
    found = versions()
    return {name: found.get(name, "none") for name in ("nokenlab", "torch", "transformers")}


def _names_a_file(value: object) -> bool:
    try:
        return isinstance(value, str) and Path(value).is_file()
    except (OSError, ValueError):  # too long for a name, or no name at all
        return False


def _of_package(names: Iterable[str]) -> dict[str, str | None]:
    return {name: _of_file(sources.place(name)) for name in names}


def _of_file(path: str | Path) -> str | None:
    try:
        return _digest(Path(path).read_bytes())
    except OSError:
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
