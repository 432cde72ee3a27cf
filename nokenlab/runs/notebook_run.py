"""One notebook run into one folder: parameters are checked first, results are put in place whole."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nokenlab.errors import BadInput
from nokenlab.runs.execution import execute
from nokenlab.runs.files import new_neighbour, remove_leftovers, replace_folder, to_json, write_atomically
from nokenlab.runs.parameters import check, read
from nokenlab.runs.provenance import RUN_JSON, file_hashes, record, sealed
from nokenlab.runs.results import LAB


def prepare(folder: Path) -> Path:
    """The absolute path of the folder of a run, its parent made and tidied of what killed runs left.

    Raises BadInput when nothing can be written there, or something lies there that no run wrote.
    """
    folder = Path(folder).resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            remove_leftovers(folder)
    except OSError as error:
        raise BadInput(f"cannot write results to {folder.parent}: {error.strerror}") from None
    if folder.exists() and not (folder / "run.json").exists():
        raise BadInput(f"{folder} is in the way: no run wrote it; move it, or choose another place")
    return folder


def run_notebook(
    notebook: Path,
    parameters: dict,
    folder: Path,
    time_limit: float | None = None,
    provisioner: str | None = None,
    cell: Callable[[], object] | None = None,
) -> dict:
    """Run a notebook and put what it wrote in `folder`, in place of what an earlier run wrote there.

    `parameters` are those that differ from the notebook's own; `time_limit`, `provisioner` and `cell` are
    those of `execute`. Returns what run.json says.
    Raises BadInput before any kernel starts, RunFailed later; both leave `folder` as it was.
    """
    notebook = Path(notebook).resolve()
    known = read(notebook)
    given = check(known, parameters)
    folder = prepare(folder)
    new = new_neighbour(folder)
    new.mkdir()
    try:
        run = record(notebook, {name: p.default for name, p in known.items()} | given, given)
        begin = time.perf_counter()
        execute(notebook, given, new, time_limit, provisioner, cell)
        run["seconds"] = round(time.perf_counter() - begin, 2)
        if (new / LAB).exists():
            run |= json.loads((new / LAB).read_text(encoding="utf-8"))
            (new / LAB).unlink()
        run = sealed(run | {"files": file_hashes(new)}, RUN_JSON)
        write_atomically(new / RUN_JSON, to_json(run))
        replace_folder(new, folder)
        return run
    finally:
        shutil.rmtree(new, ignore_errors=True)
