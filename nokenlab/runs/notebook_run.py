"""One notebook run into one folder, through papermill: checked before, swapped into place whole.

Nothing here imports torch, and papermill only when a notebook runs, so that the command line answers at once.
"""

import hashlib
import json
import logging
import shlex
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from nokenlab.errors import BadInput, RunFailed, first_line
from nokenlab.runs.files import beside, swap, tidy_up, to_json, write_whole
from nokenlab.runs.notebooks import notebooks, title
from nokenlab.runs.parameters import check, read
from nokenlab.runs.provenance import git_state, versions
from nokenlab.runs.results import OUTPUT


def prepare(folder: Path) -> Path:
    """The absolute path of the folder of a run, its parent made and tidied of what killed runs left.

    Raises BadInput when nothing can be written there, or something lies there that no run wrote.
    """
    folder = Path(folder).resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            tidy_up(folder)
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
) -> dict:
    """Run a notebook and put what it wrote in `folder`, in place of what an earlier run wrote there.

    `parameters` are those that differ from the notebook's own. Returns what run.json says. A run that
    takes more than `time_limit` seconds fails; `provisioner` is the jupyter_client kernel provisioner.
    Raises BadInput before any kernel starts, RunFailed later; both leave `folder` as it was.
    """
    notebook = Path(notebook).resolve()
    known = read(notebook)
    given = check(known, parameters)
    folder = prepare(folder)
    new = beside(folder)
    new.mkdir()
    try:
        run = {
            "notebook": notebook.stem,
            "title": title(notebook),
            "sha256": hashlib.sha256(notebook.read_bytes()).hexdigest(),
            "command": command(notebook, given),
            "parameters": {name: p.default for name, p in known.items()} | given,
            "versions": versions(),
            "git": git_state(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        begin = time.perf_counter()
        _execute(notebook, given, new, time_limit, provisioner)
        run["seconds"] = round(time.perf_counter() - begin, 2)
        lab = new / "lab.json"
        if lab.exists():
            run |= json.loads(lab.read_text(encoding="utf-8"))
            lab.unlink()
        write_whole(new / "run.json", to_json(run))
        swap(new, folder)
        return run
    finally:
        shutil.rmtree(new, ignore_errors=True)


def command(notebook: Path, given: dict) -> str:
    """The shell command that makes a run again."""
    name = notebook.stem if notebook in [p.resolve() for p in notebooks()] else notebook.name
    words = ["nokenlab", "run", name]
    for key, value in given.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        words += ["-p", key, text]
    return shlex.join(words)


def _execute(
    notebook: Path, given: dict, folder: Path, time_limit: float | None, provisioner: str | None
) -> None:
    """Run the notebook's cells in a new kernel; RunFailed keeps the executed copy out of `folder`."""
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it says, the exception says too
    name, executed = notebook.stem, folder / notebook.name
    reason = None
    try:
        papermill.execute_notebook(
            _literal(notebook),
            _literal(executed),
            parameters=given,
            kernel_name="python3",
            language="python",
            kernel_manager_class=_kernel(folder, provisioner),
            timeout_func=_time_left(time_limit),
            record_timing=False,
            progress_bar={
                "desc": name,
                "bar_format": "{desc:<20} {bar:20} {n_fmt}/{total_fmt} cells, {elapsed}",
            },
        )
        nb = nbformat.read(executed, as_version=4)
        # papermill takes sys.exit() for a good end
        if any(out.output_type == "error" for cell in nb.cells for out in cell.get("outputs", [])):
            reason = "SystemExit: a cell called sys.exit"
    except papermill.PapermillExecutionError as error:
        reason = f"{error.ename}: {first_line(error.evalue)}"
    except DeadKernelError:
        reason = "the kernel died; out of memory, or a crash?"
    except CellTimeoutError:
        reason = f"over its time limit of {time_limit:g} s"
    except Exception as error:
        reason = f"{type(error).__name__}: {first_line(str(error))}"
    if reason:
        kept = Path(tempfile.mkdtemp(prefix="nokenlab-")) / executed.name
        if executed.exists():
            shutil.copyfile(executed, kept)
        raise RunFailed(notebook, reason, kept)
    nbformat.write(_without_times(nb), executed)


def _time_left(limit: float | None):
    """What nbclient asks before each cell: how many seconds it may take."""
    end = time.monotonic() + (limit or 0)
    # nbclient takes 0 for no limit
    return limit and (lambda cell: max(end - time.monotonic(), 0.001))


def _kernel(folder: Path, provisioner: str | None):
    """A kernel of this very Python, whatever kernelspecs the user has, that knows the folder of its run."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    env = {
        OUTPUT: str(folder).replace("$", "$$"),  # jupyter takes it for a template
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no debugger warning on the terminal
    }
    # what goes wrong in a cell is in the notebook; a history of what was typed is for people
    quiet = ["--log-level=CRITICAL", "--HistoryManager.enabled=False"]
    spec = KernelSpec(**get_kernel_dict(extra_arguments=quiet), env=env)
    if provisioner:
        spec.metadata["kernel_provisioner"] = {"provisioner_name": provisioner}

    class Kernel(AsyncKernelManager):
        @property
        def kernel_spec(self):
            return spec

    return Kernel


def _without_times(nb):
    """Take out times, paths and a random id, so that the same run writes the same bytes."""
    nb.metadata.papermill = {"parameters": nb.metadata.papermill["parameters"]}
    for cell in nb.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
    return nb


def _literal(path: Path) -> str:
    """A path for papermill, which takes braces for fields to fill."""
    return str(path).replace("{", "{{").replace("}", "}}")
