"""Whether a run of a sweep is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nokenlab.errors import BadInput
from nokenlab.models import default_model
from nokenlab.runs.files import to_json
from nokenlab.runs.notebooks import cells

if TYPE_CHECKING:
    from nokenlab.sweeps.spec import Run, Sweep
import hashlib
import io
import json
import zipfile
from pathlib import Path

import nokenlab


def left(sweep: Sweep, folder: Path, force: bool = False) -> list[Run]:
    """The runs that are not done yet: new, failed, damaged; all of them with `force`."""
    records = {run.identity: record_of(folder, run) for run in sweep.runs}
    return [r for r in sweep.runs if force or (records[r.identity] or {}).get("status") != "done"]


def seconds_a_run(sweep: Sweep, folder: Path) -> float | None:
    """What a run took on average, from runs of this sweep, else from the notebook's own results."""
    records = [record_of(folder, run) or {} for run in sweep.runs]
    took = [record["seconds"] for record in records if record.get("status") == "done"]
    if not took:
        try:
            own = folder.parent.parent / sweep.notebook.stem / "run.json"
            took = [float(json.loads(own.read_text(encoding="utf-8"))["seconds"])]
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return sum(took) / len(took)


def record_of(folder: Path, run: Run) -> dict | None:
    """What is known of a run in the folder of its sweep; None when it is not there whole."""
    place = folder / "runs" / run.identity
    try:
        record = json.loads((place / RECORD).read_text(encoding="utf-8"))
        whole = all(
            hashlib.sha256((place / name).read_bytes()).hexdigest() == digest
            for name, digest in record["files"].items()
        )
        return record if whole and record["identity"] == run.identity else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def identity(notebook: Path, parameters: dict, revision: str | None, threads: int) -> str:
    """Who a run is: a hash of the notebook's cells, all parameters, the model's revision, nokenlab's version.

    Outputs in the notebook do not count. The number of threads does: it can change the last digits.
    """
    source = [(cell["cell_type"], cell["source"]) for cell in cells(notebook)]
    parts = [source, parameters, revision, nokenlab.__version__, threads]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def _model_revision(model: str) -> str:
    """The revision of a model, without loading or fetching it."""
    if model == "default":
        return default_model.REVISION
    from nokenlab.models import hub

    try:
        where, _ = hub.locate(model)
        return hub.revision_of(where) if isinstance(where, Path) else hub.on_hub(where, None)["revision"]
    except (OSError, ValueError) as error:
        raise BadInput(str(error)) from None


RECORD = "sweep.json"


def pack(folder: Path, record: dict) -> bytes:
    """The files of a run folder and its record, which holds their hashes, as zip."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())} if folder.exists() else {}
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files[RECORD] = to_json(record | {"files": hashes})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()
