"""What makes a run: digests and values by name, and in words what differs between two of them.

"notebook" is a digest of its code cells; "code", "data" and "files" are digests by file: modules that the
notebook can reach, data files that those name, files that parameters name. "model" is its revision.
"threads", "device", "dtype" and the versions of packages are values.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import shorten

from nokenlab.runs import reached_code
from nokenlab.runs.notebooks import cells
from nokenlab.runs.provenance import versions

CHOSEN = ("NOKENLAB_DEVICE", "NOKENLAB_DTYPE")  # in the environment
GPUS = ("/dev/nvidiactl", "/dev/kfd")  # where one of these exists, torch says which device is used
FILES = ("code", "data", "files")  # the keys of digests by file
VALUES = {"model": "model revision", "threads": "number of threads", "dtype": "number format"}
SINCE = ("changed since", "before", "now")  # words for `difference`
HERE = ("is different here", "there", "here")
MEANWHILE = ("changed while it ran", "before", "after")
MOST = 4  # modules that are named; more are counted


def of_notebook(notebook: Path, threads: int) -> dict:
    """What makes every run of a notebook. Every byte of its code counts, a comment too; its texts do not."""
    source = [cell["source"] for cell in cells(notebook) if cell["cell_type"] == "code"]
    code, data = reached_code.reached(notebook)
    made_by = {"notebook": _digest(json.dumps(source).encode()), "threads": threads}
    made_by |= {"code": _of_package(code), "data": _of_package(data)} | _versions()
    if "nokenlab/models/memory.py" in code:  # it loads a model
        made_by |= _machine(os.environ)
    return made_by


def of_run(made_by: dict, parameters: dict, revision: str | None) -> dict:
    """What makes one run, given what makes every run of its notebook (`of_notebook`)."""
    files = {value: _of_file(value) for value in parameters.values() if _names_a_file(value)}
    return made_by | {"model": revision, "files": files}


def here_and_now(made_by: dict, environment: Mapping[str, str]) -> dict:
    """What would make the same run on this machine now, given the same notebook, model and threads."""
    now = made_by | {key: _of_package(made_by[key]) for key in ("code", "data")} | _versions()
    now["files"] = {name: _of_file(name) for name in made_by["files"]}
    if "device" in made_by:
        now |= _machine(environment)
    return now


def digest(made_by: dict) -> str:
    """Twelve letters that identify all of what made a run."""
    return _digest(json.dumps(made_by, sort_keys=True).encode())


def difference(pairs: Iterable[tuple[dict | None, dict]], words: tuple[str, str, str] = SINCE) -> str:
    """Why runs are stale, in one line: `pairs` of what made them and what would make them now."""
    reasons, files = {}, {key: set() for key in FILES}
    changed, before, after = words
    for old, new in pairs:
        if old is None:
            reasons["their provenance was not recorded"] = True
            continue
        if old["notebook"] != new["notebook"]:
            reasons[f"the notebook {changed}"] = True
        for key in FILES:
            files[key] |= {name for name, _ in old[key].items() ^ new[key].items()}
        for key in [key for key in old | new if key not in ("notebook", *FILES)]:
            if old.get(key) != new.get(key):
                values = f"{old.get(key, 'none')} {before}, {new.get(key, 'none')} {after}"
                reasons[f"another {VALUES.get(key, key)} ({values})"] = True
    return "; ".join([*_about_files(files, changed), *reasons])


def shortened(text: str) -> str:
    """`text` cut off where it has 200 letters or more."""
    return shorten(text, 199, placeholder=" …")


def _about_files(files: dict[str, set[str]], changed: str) -> list[str]:
    """The files that differ, in words."""
    about, code = [], sorted(files["code"])
    if code:
        more = f" and {len(code) - MOST} more" if len(code) > MOST else ""
        about.append(f"code {changed} ({', '.join(code[:MOST])}{more})")
    about += [f"the data file {name} {changed}" for name in sorted(files["data"])]
    return about + [f"the file {name} {changed}" for name in sorted(files["files"])]


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
    return {"device": device.split(":")[0], "dtype": dtype.removeprefix("torch.")}


def _versions() -> dict[str, str]:
    numbers = versions()
    return {name: numbers.get(name, "none") for name in ("nokenlab", "torch", "transformers")}


def _names_a_file(value: object) -> bool:
    try:
        return isinstance(value, str) and Path(value).is_file()
    except (OSError, ValueError):  # too long for a name, or with a null character
        return False


def _of_package(names: Iterable[str]) -> dict[str, str | None]:
    return {name: _of_file(reached_code.path_of(name)) for name in names}


def _of_file(path: str | Path) -> str | None:
    try:
        return _digest(Path(path).read_bytes())
    except OSError:
        return None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
