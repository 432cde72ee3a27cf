"""One notebook run into one folder: parameters are checked first, results are put in place only if complete.

papermill is imported only when a notebook runs, so that the command line answers at once.
"""

import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nokenlab.errors import BadInput, RunFailed, first_line
from nokenlab.runs.files import new_neighbour, remove_leftovers, replace_folder, to_json, write_atomically
from nokenlab.runs.kernel_pool import KernelPool
from nokenlab.runs.parameters import check, read
from nokenlab.runs.provenance import RUN_JSON, file_hashes, record, sealed
from nokenlab.runs.results import LAB, OUTPUT


def prepare(folder: Path) -> Path:
    """The absolute path of the folder of a run. Makes its parent and removes there what killed runs left.

    Raises BadInput when nothing can be written there, or the folder was not created by nokenlab.
    """
    folder = Path(folder).resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            remove_leftovers(folder)
    except OSError as error:
        raise BadInput(f"cannot write results to {folder.parent}: {error.strerror}") from None
    if folder.exists() and not (folder / RUN_JSON).exists():
        raise BadInput(
            f"{folder} already exists and was not created by nokenlab; choose another results folder"
        )
    return folder


def run_notebook(
    notebook: Path,
    parameters: dict,
    folder: Path,
    *,
    time_limit: float | None = None,
    environment: dict[str, str] | None = None,
    pool: KernelPool | None = None,
    on_cell: Callable[[], object] | None = None,
    command: str | None = None,
) -> dict:
    """Run a notebook and put what it wrote in `folder`, in place of what an earlier run wrote there.

    `parameters` are those that differ from the notebook's defaults; `time_limit`, `environment`, `pool` and
    `on_cell` are as for `execute`; `command` is the one that run.json names. Returns what run.json says.
    Raises BadInput before any kernel starts, RunFailed later; both leave `folder` as it was.
    """
    notebook = Path(notebook).resolve()
    declared = read(notebook)
    parameters = check(declared, parameters)
    folder = prepare(folder)
    new = new_neighbour(folder)
    new.mkdir()
    try:
        all_parameters = {name: p.default for name, p in declared.items()} | parameters
        run = record(notebook, all_parameters, parameters, environment or {})
        if command:
            run["command"] = command
        begin = time.perf_counter()
        execute(notebook, parameters, new, time_limit, environment or {}, pool, on_cell)
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


def execute(
    notebook: Path,
    parameters: dict,
    folder: Path,
    time_limit: float | None = None,
    environment: dict[str, str] | None = None,
    pool: KernelPool | None = None,
    on_cell: Callable[[], object] | None = None,
) -> None:
    """Run the cells of a notebook in a new kernel; `folder` gets the executed copy.

    All cells together may take `time_limit` seconds. The kernel gets the variables of `environment`, and is
    one of `pool`. `on_cell` is called when a cell begins; without it papermill's own bar shows the progress.
    Raises RunFailed; the executed copy is then in a temporary folder of its own.
    """
    import nbformat

    from nokenlab.runs.kernel_manager import manager_class

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # its messages are in its exceptions too
    executed = folder / notebook.name
    bar = {"desc": notebook.stem, "bar_format": "{desc:<20} {bar:20} {n_fmt}/{total_fmt} cells, {elapsed}"}
    options = {
        "parameters": parameters,
        "kernel_name": "python3",
        "language": "python",
        "timeout_func": _time_left(time_limit),
        "record_timing": False,
        "store_widget_state": False,  # its ids are random, and no kernel will be behind it
        "coalesce_streams": True,  # one text for each cell, however many prints it came from
        "on_cell_start": on_cell and (lambda **_: on_cell()),
        "progress_bar": False if on_cell else bar,
    }
    with tempfile.TemporaryDirectory(prefix="nokenlab-", ignore_cleanup_errors=True) as temporary:
        variables = {**(environment or {}), OUTPUT: str(folder), "TMPDIR": temporary}
        options["kernel_manager_class"] = manager_class(Path(temporary), variables, pool)
        failure = _failure(notebook, executed, time_limit, options)
    if failure:
        copy = Path(tempfile.mkdtemp(prefix="nokenlab-")) / executed.name
        if executed.exists():
            shutil.copyfile(executed, copy)
        raise RunFailed(notebook, failure, copy)
    nbformat.write(_reproducible(nbformat.read(executed, as_version=4)), executed)


def _failure(notebook: Path, executed: Path, time_limit: float | None, options: dict) -> str | None:
    """Run the notebook. Returns why it failed, in one line, or None."""
    import nbformat
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    try:
        papermill.execute_notebook(_literal(notebook), _literal(executed), **options)
        nb = nbformat.read(executed, as_version=4)
    except papermill.PapermillExecutionError as error:
        return f"{error.ename}: {first_line(error.evalue)}"
    except DeadKernelError:
        return "the kernel died; out of memory, or a crash?"
    except CellTimeoutError:
        return f"over its time limit of {time_limit:g} s"
    except Exception as error:
        return f"{type(error).__name__}: {first_line(str(error))}"
    # papermill counts sys.exit() as success
    if any(out.output_type == "error" for cell in nb.cells for out in cell.get("outputs", [])):
        return "SystemExit: a cell called sys.exit"
    return None


def _time_left(limit: float | None) -> Callable[[dict], float] | None:
    """What nbclient calls before each cell: how many seconds it may take, of the `limit` of all cells."""
    if not limit:
        return None
    end = None

    def seconds(cell: dict) -> float:
        nonlocal end
        end = end or time.monotonic() + limit  # from the first cell on
        return max(end - time.monotonic(), 0.001)  # to nbclient 0 is no limit

    return seconds


def _reproducible(nb):
    """`nb` without times, paths and a random id: the same run writes the same bytes."""
    nb.metadata.papermill = {"parameters": nb.metadata.papermill["parameters"]}
    for cell in nb.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
    return nb


def _literal(path: Path) -> str:
    """A path for papermill, which reads braces as fields to fill."""
    return str(path).replace("{", "{{").replace("}", "}}")
