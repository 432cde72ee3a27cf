"""What makes a run, as values by name, and in words what differs between two of them.

"notebook" is a digest of its code cells. "files" are digests by file: modules that the notebook can reach,
data files that those name, files that parameters name. The others are the revision of the model, the number
of threads, device and number format, and the versions of packages.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from nokenlab.errors import cut
from nokenlab.runs.notebooks import cells
from nokenlab.runs.provenance import versions
from nokenlab.runs.reached_code import path_of, reached

CHOSEN = ("NOKENLAB_DEVICE", "NOKENLAB_DTYPE")  # in the environment
GPUS = ("/dev/nvidiactl", "/dev/kfd")  # where one of these exists, torch says which device is used
SINCE = ("changed since", "before", "now")  # words for `difference`
HERE = ("different here", "there", "here")
MEANWHILE = ("changed while it ran", "before", "after")
NOTEBOOK = "the notebook"
MOST = 4  # files that are named; more are counted


def of_notebook(notebook: Path, threads: int) -> dict:
    """What makes every run of a notebook. Every byte of its code counts, a comment too; its texts do not."""
    source = [cell["source"] for cell in cells(notebook) if cell["cell_type"] == "code"]
    files = {name: _of_file(name) for name in reached(notebook)}
    made_by = {"notebook": _digest(json.dumps(source).encode()), "files": files, "number of threads": threads}
    if "nokenlab/models/memory.py" in files:  # it loads a model
        made_by |= _machine(os.environ)
    return made_by | _versions()


def of_run(made_by: dict, parameters: dict, revision: str | None) -> dict:
    """What makes one run, given what makes every run of its notebook (`of_notebook`)."""
    files = {value: _of_file(value) for value in parameters.values() if _names_a_file(value)}
    if files:
        made_by = made_by | {"files": made_by["files"] | files}
    return made_by | {"model revision": revision}


def here_and_now(made_by: dict, environment: Mapping[str, str]) -> dict:
    """What would make the same run on this machine now, given the same notebook, model and threads."""
    now = made_by | {"files": {name: _of_file(name) for name in made_by["files"]}} | _versions()
    return now | _machine(environment) if "device" in made_by else now


def digest(made_by: dict) -> str:
    """Twelve letters that identify all of what made a run."""
    return _digest(json.dumps(made_by, sort_keys=True).encode())


def difference(pairs: Iterable[tuple[dict, dict]], words: tuple[str, str, str] = SINCE) -> str:
    """Why runs are stale, in one line of under 200 letters; "" if nothing differs.

    `pairs` of what made them and what would make them now.
    """
    changed, before, after = words
    values, files = {}, set()
    for old, new in pairs:
        files |= {name for name, _ in old["files"].items() ^ new["files"].items()}
        if old["notebook"] != new["notebook"]:
            files.add(NOTEBOOK)
        for key in (old | new).keys() - {"notebook", "files"}:
            if old.get(key) != new.get(key):
                values[key] = f"another {key} ({old.get(key)} {before}, {new.get(key)} {after})"
    reasons = [values[key] for key in sorted(values)]
    if files:
        more = f" and {len(files) - MOST} more" if len(files) > MOST else ""
        names = sorted(files, key=lambda name: (name != NOTEBOOK, name))
        reasons.insert(0, f"{changed}: {', '.join(names[:MOST])}{more}")
    return cut("; ".join(reasons), 199)


def _machine(environment: Mapping[str, str]) -> dict[str, str]:
    """The device and number format of a model that is loaded here, as `models/memory.py` chooses them.

    The kind of the device: which of several GPUs it is changes no result.
    """
    device, dtype = (environment.get(name) for name in CHOSEN)
    if not device and (sys.platform == "darwin" or any(map(os.path.exists, GPUS))):
        from nokenlab.models import memory  # it imports torch

        device = memory.choose_device(None)
    device = device or "cpu"
    dtype = dtype or ("float32" if device == "cpu" else "bfloat16")
    return {"device": device.split(":")[0], "number format": dtype.removeprefix("torch.")}


def _versions() -> dict[str, str]:
    numbers = versions()
    return {name: numbers.get(name, "none") for name in ("nokenlab", "torch", "transformers")}


def _names_a_file(value: object) -> bool:
    try:
        return isinstance(value, str) and Path(value).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null character
        return False


def _of_file(name: str) -> str | None:
    try:
        return _digest(path_of(name).read_bytes())
    except OSError:
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
