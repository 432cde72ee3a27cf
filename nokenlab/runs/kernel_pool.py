"""Kernels for runs on this machine: so many at once, each with its GPU, forked where that is safe."""

import os
import queue
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil

from nokenlab.errors import RunLost
from nokenlab.runs.fork_server import ForkServer, ServerLost, preload

# seconds, each far more than it takes on a busy machine
IMPORTS = 300  # of a fork server
FORK = 8


class KernelPool:
    """Starts kernels, from any number of threads, and ends those that are left when it is closed.

    `environments` has one dict of variables for each run at a time (see `devices.environments`). `models` are
    the names of the runs' models, None for a run without one: the fork server loads what they need. `threads`
    are those of each kernel. With `plain`, or where forking is not safe, each kernel is a new Python.
    """

    def __init__(
        self,
        models: Iterable[str | None],
        environments: list[dict[str, str]],
        threads: int,
        plain: bool = False,
    ):
        self._preload = preload(models)
        self._environment = environment(threads)
        self._free: queue.LifoQueue = queue.LifoQueue()
        for variables in reversed(environments):  # the first run gets the first
            self._free.put(variables)
        self._lock = threading.Lock()
        self._server: ForkServer | None = None
        self._servers: list[ForkServer] = []  # all there were: kernels end when theirs is disconnected
        self._processes: list = []  # each with `poll` and `pid`, as subprocess.Popen
        self._may_fork, self._closed = not plain, False

    @contextmanager
    def environment(self) -> Iterator[dict[str, str]]:
        """Wait until one more run may begin; the variables for its kernel, while it goes on."""
        variables = self._free.get()
        try:
            yield self._environment | variables
        finally:
            self._free.put(variables)

    def fork(self, command: list[str], env: dict[str, str]) -> int | None:
        """Fork a kernel. Returns its process id, or None where a new Python must be started instead.

        Raises RunLost when the pool is closed.
        """
        with self._lock:
            for _ in range(2):  # a server that is dead or stopped is replaced once
                try:
                    server = self._running_server()
                    return server.fork(command, env, FORK) if server else None
                except ServerLost:
                    self._server.kill()
                    self._server = None
            self._check_open()
            return None

    def add(self, process) -> None:
        """Remember a kernel's process, to be ended when the pool is closed."""
        with self._lock:
            self._processes = [known for known in self._processes if known.poll() is None]
            self._processes.append(process)
        if self._closed:
            _kill(process)

    def close(self) -> None:
        """End all kernels that still run, and the fork server."""
        self._closed = True
        if server := self._server:  # it may be importing, and the lock is held until it answers
            server.kill()
        with self._lock:
            for process in self._processes:
                _kill(process)
            for server in self._servers:
                server.disconnect()

    def _check_open(self) -> None:
        if self._closed:
            raise RunLost("stopped")

    def _running_server(self) -> ForkServer | None:
        """The fork server, started if there is none; None if forking is not safe. Raises ServerLost."""
        self._check_open()
        if self._server or not self._may_fork:
            return self._server
        problem = None if sys.platform == "linux" else f"forking is not safe on {sys.platform}"
        if not problem:
            self._server = ForkServer(self._preload, os.environ | self._environment)
            self._servers.append(self._server)
            problem = self._server.problem(IMPORTS)
        if problem:
            self._may_fork = False
            print(f"nokenlab: each run starts a new Python: {problem}", file=sys.stderr)
            self._server = None
        return self._server


def environment(threads: int) -> dict[str, str]:
    """The variables of every kernel and fork server: imports then start no thread and open no GPU."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",  # it starts its threads when it is imported
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # so does the allocator of pyarrow, of pandas
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # looking for a GPU does not open it
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # as kernels have it
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # no warning of the debugger
    }


def _kill(process) -> None:
    """End a process, if it still runs, and all that it started, whatever state they are in."""
    if process.poll() is None:
        with suppress(psutil.Error):
            top = psutil.Process(process.pid)
            for child in [*top.children(recursive=True), top]:
                with suppress(psutil.Error):
                    child.kill()
