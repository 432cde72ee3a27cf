"""The cells of a notebook run in a new kernel, through papermill and round its quirks.

papermill is imported only when a notebook runs, so that the command line answers at once.
"""

import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nokenlab.errors import RunFailed, first_line
from nokenlab.runs.ports import kernel_ports
from nokenlab.runs.results import OUTPUT
from nokenlab.runs.widget_ids import in_order


def execute(
    notebook: Path,
    given: dict,
    folder: Path,
    time_limit: float | None = None,
    provisioner: str | None = None,
    cell: Callable[[], object] | None = None,
) -> None:
    """Run a notebook with the parameters `given` in a new kernel; `folder` gets the executed copy.

    It may take `time_limit` seconds in all; `provisioner` names the jupyter_client provisioner of its kernel.
    `cell` is called when a cell begins; without it papermill's own bar says how far it is.
    Raises RunFailed, and then the executed copy lies in a temporary folder of its own.
    """
    import nbformat

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it says, the exception says too
    executed = folder / notebook.name
    options = {
        "parameters": given,
        "kernel_name": "python3",
        "language": "python",
        "kernel_manager_class": _kernel(folder, provisioner),
        "timeout_func": _time_left(time_limit),
        "record_timing": False,
        "coalesce_streams": True,  # one text for a cell, however its prints came
        "on_cell_start": cell and (lambda **_: cell()),
        "progress_bar": cell is None
        and {
            "desc": notebook.stem,
            "bar_format": "{desc:<20} {bar:20} {n_fmt}/{total_fmt} cells, {elapsed}",
        },
    }
    if reason := _failure(notebook, executed, time_limit, options):
        kept = Path(tempfile.mkdtemp(prefix="nokenlab-")) / executed.name
        if executed.exists():
            shutil.copyfile(executed, kept)
        raise RunFailed(notebook, reason, kept)
    nbformat.write(in_order(_without_times(nbformat.read(executed, as_version=4))), executed)


def _failure(notebook: Path, executed: Path, time_limit: float | None, options: dict) -> str | None:
    """Run the notebook; why it did not come to its end, in one line, or None."""
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
    # papermill takes sys.exit() for a good end
    if any(out.output_type == "error" for cell in nb.cells for out in cell.get("outputs", [])):
        return "SystemExit: a cell called sys.exit"
    return None


def _time_left(limit: float | None) -> Callable[[dict], float] | None:
    """What nbclient asks before each cell: how many seconds it may take."""
    if not limit:
        return None
    end = time.monotonic() + limit
    return lambda cell: max(end - time.monotonic(), 0.001)  # nbclient takes 0 for no limit


def _kernel(folder: Path, provisioner: str | None) -> type:
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
        shutdown_wait_time = 2  # seconds; what it had to say is said

        def __init__(self, **options):
            super().__init__(cache_ports=False, **kernel_ports(), **options)

        @property
        def kernel_spec(self):
            return spec

    return Kernel


def _without_times(nb):
    """`nb` without times, paths and a random id, so that the same run writes the same bytes."""
    nb.metadata.papermill = {"parameters": nb.metadata.papermill["parameters"]}
    for cell in nb.cells:
        cell.metadata.pop("papermill", None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"
    return nb


def _literal(path: Path) -> str:
    """A path for papermill, which takes braces for fields to fill."""
    return str(path).replace("{", "{{").replace("}", "}}")
