"""Runs on dask workers."""

import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

from nokenlab.errors import BadInput
from nokenlab.sweeps.run_host import RunHost


@contextmanager
def cluster(scheduler: str) -> Iterator[tuple[Executor, object]]:
    try:
        from distributed import Client
    except ImportError:
        raise BadInput("--scheduler wants dask: pip install 'nokenlab[cluster]'") from None
    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise BadInput(f"no dask scheduler answers at {scheduler}: {error}") from None
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield executor, on_worker
        finally:  # after Ctrl-C the runs that go on are left to themselves, and lost
            executor.shutdown(wait=False)


_hosts: dict[bool, RunHost] = {}
_hosts_lock = threading.Lock()


def on_worker(task: dict) -> bytes:
    """Do a task in a dask worker, which keeps one host of runs, in its own folder."""
    from distributed import get_worker

    with _hosts_lock:
        if task["model"] not in _hosts:
            _hosts[task["model"]] = RunHost(Path(get_worker().local_directory), task["model"], task["plain"])
    return _hosts[task["model"]](task)
