"""Runs on dask workers."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from nokenlab.errors import BadInput, first_line
from nokenlab.runs import devices, forkserver
from nokenlab.runs.run_host import RunHost

PATIENCE = "10s"  # for a scheduler to answer


@contextmanager
def dask_executor(scheduler: str) -> Iterator[tuple[Executor, object]]:
    """An executor of dask, and the function that does a task there. Raises BadInput where none answers."""
    try:
        from distributed import Client
    except ImportError:
        raise BadInput("--scheduler wants dask: pip install 'nokenlab[cluster]'") from None
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise BadInput(f"no dask scheduler answers at {scheduler}: {first_line(error)}") from None
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield executor, on_worker
        finally:  # after Ctrl-C the runs that go on are left to themselves, and lost
            executor.shutdown(wait=False)


_hosts: dict[tuple, RunHost] = {}  # of this worker, by what their fork servers have ahead
_hosts_lock = threading.Lock()


def on_worker(task: dict) -> tuple[dict, bytes]:
    """Do a task in a dask worker, in the worker's own folder."""
    from distributed import get_worker

    ahead = forkserver.ahead([task["model"]])
    with _hosts_lock:
        if ahead not in _hosts:
            worker = get_worker()
            # as dask-cuda does it, a worker that was given its GPUs keeps them, its own first
            gpus = [] if devices.VISIBLE in os.environ else devices.choose(None)
            environments = devices.places(worker.state.nthreads, gpus)
            _hosts[ahead] = RunHost(Path(worker.local_directory), [task["model"]], environments)
    return _hosts[ahead](task)
