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
from nokenlab.runs.files import replacing, to_json, write_atomically
from nokenlab.runs.kernels import KernelPool, manager_class
from nokenlab.runs.parameters import check, read
from nokenlab.runs.provenance import RUN_JSON, file_hashes, record, sealed
from nokenlab.runs.results import LAB, OUTPUT


def prepare(folder: Path) -> Path:
    """The absolute path of the folder of a run; makes its parent.

    Raises BadInput when nothing can be written there, or the folder was not created by nokenlab.
    """
    folder = Path(folder).resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent):
            pass
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
    with replacing(prepare(folder)) as new:
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
    return run


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
    import papermill

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
        "on_cell_start": on_cell and (lambda **_: on_cell()),
        "progress_bar": False if on_cell else bar,
    }
    failure = None
    with tempfile.TemporaryDirectory(prefix="nokenlab-", ignore_cleanup_errors=True) as temporary:
        variables = {**(environment or {}), OUTPUT: str(folder), "TMPDIR": temporary}
        options["kernel_manager_class"] = manager_class(Path(temporary), variables, pool)
        try:
            nb = papermill.execute_notebook(_literal(notebook), _literal(executed), **options)
            # papermill counts sys.exit() as success
            if any(out.output_type == "error" for cell in nb.cells for out in cell.get("outputs", [])):
                failure = "SystemExit: a cell called sys.exit"
        except Exception as error:
            failure = _reason(error, time_limit)
    if failure:
        copy = Path(tempfile.mkdtemp(prefix="nokenlab-")) / executed.name
        if executed.exists():
            shutil.copyfile(executed, copy)
        raise RunFailed(notebook, failure, copy)
    nbformat.write(_reproducible(nb), executed)


def _reason(error: Exception, time_limit: float | None) -> str:
    """Why papermill ended, in one line."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill import PapermillExecutionError

    match error:
        case PapermillExecutionError():
            return f"{error.ename}: {first_line(error.evalue)}"
        case DeadKernelError():
            return "the kernel died; out of memory, or a crash?"
        case CellTimeoutError():
            return f"over its time limit of {time_limit:g} s"
    return f"{type(error).__name__}: {first_line(str(error))}"


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
        if cell.get("outputs"):
            cell.outputs = joined(cell.outputs)
    return nb


def joined(outputs: list) -> list:
    """The outputs of a cell with one text for stdout and one for stderr, however many prints each came from.

    Of a line that was written over, as a progress bar does, the last is kept. nbclient's `coalesce_streams`
    takes a time that grows with the square of the text.
    """
    from nbformat.v4 import new_output

    printed = [out for out in outputs if out.output_type == "stream"]
    others = [out for out in outputs if out.output_type != "stream"]
    before = outputs.index(printed[0]) if printed else 0
    texts = []
    for name in ("stdout", "stderr"):
        lines = "".join(out.text for out in printed if out.name == name).split("\n")
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
        if text:
            texts.append(new_output("stream", name=name, text=text))
    return others[:before] + texts + others[before:]


def _literal(path: Path) -> str:
    """A path for papermill, which reads braces as fields to fill."""
    return str(path).replace("{", "{{").replace("}", "}}")
