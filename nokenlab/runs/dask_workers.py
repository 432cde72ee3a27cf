"""Runs on dask workers, which may be other machines that share no folder with the driver."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from nokenlab.errors import BadInput, first_line
from nokenlab.runs import machine
from nokenlab.runs.fork_server import preload
from nokenlab.runs.kernels import KernelPool
from nokenlab.runs.sweep_run import perform

PATIENCE = "10s"  # for a scheduler to answer


@contextmanager
def dask_executor(scheduler: str) -> Iterator[tuple[Executor, Callable]]:
    """An executor of dask, and the function that does a task there. Raises BadInput where none answers."""
    try:
        from distributed import Client
    except ImportError:
        raise BadInput("--scheduler requires dask: pip install -e '.[cluster]'") from None
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise BadInput(f"no dask scheduler answers at {scheduler}: {first_line(error)}") from None
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield executor, run_on_worker
        finally:  # after Ctrl-C the runs that go on are left to themselves, and lost
            executor.shutdown(wait=False)


_pools: dict[tuple, KernelPool] = {}  # of this worker, by what their fork servers have loaded
_pools_lock = threading.Lock()


def run_on_worker(task: dict) -> tuple[dict, dict[str, bytes]]:
    """Do a task in a dask worker. Returns its record, and its files by name."""
    from distributed import get_worker

    worker = get_worker()
    key = (*preload([task["model"]]), task["threads"], task["plain"])
    with _pools_lock:
        if key not in _pools:
            # as with dask-cuda, a worker that was given its GPUs keeps them, its own first
            gpus = [] if machine.VISIBLE in os.environ else machine.chosen_gpus(None)
            environments = machine.environments(worker.state.nthreads, gpus)
            _pools[key] = KernelPool([task["model"]], environments, task["threads"], task["plain"])
    with tempfile.TemporaryDirectory(dir=worker.local_directory, ignore_cleanup_errors=True) as folder:
        record, files = perform(task, Path(folder), _pools[key])
        return record, {path.name: path.read_bytes() for path in files.iterdir()}
