"""Kernels for runs on this machine: so many at once, each with its GPU, forked where that is safe."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import LocalProvisioner

from nokenlab.errors import RunLost
from nokenlab.runs.fork_server import ForkServer, preload

LONGEST = 90  # bytes of the path of a Unix socket: 103 on macOS, without what jupyter_client appends


class KernelPool:
    """Starts kernels, from any number of threads, and ends those that are left when it is closed.

    `environments` has one dict of variables for each run at a time (see `machine.environments`). `models` are
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
        self._at_once = len(environments)
        for variables in reversed(environments):  # the first run gets the first
            self._free.put(variables)
        self._lock = threading.Lock()
        self._server: ForkServer | None = None
        self._servers: list[ForkServer] = []  # all there were: kernels end when theirs is disconnected
        self._processes: list = []  # of all kernels, as subprocess.Popen
        self._may_fork, self._closed = not plain and sys.platform == "linux", False

    @contextmanager
    def environment(self) -> Iterator[dict[str, str]]:
        """Wait until one more run may begin; the variables for its kernel, while it goes on."""
        variables = self._free.get()
        try:
            yield self._environment | variables
        finally:
            self._free.put(variables)

    @contextmanager
    def workers(self) -> Iterator[ThreadPoolExecutor]:
        """Threads, as many as runs at a time. When they end, after Ctrl-C too, the pool is closed."""
        executor = ThreadPoolExecutor(self._at_once)
        try:
            yield executor
        finally:
            self.close()
            executor.shutdown(cancel_futures=True)

    def fork(self, command: list[str], env: dict[str, str]) -> int | None:
        """Fork a kernel. Returns its process id, or None where a new Python must be started instead.

        Raises RunLost when the pool is closed.
        """
        with self._lock:
            for _ in range(2):  # a server that died is replaced once
                if self._closed:
                    raise RunLost("stopped")
                if not self._may_fork:
                    return None
                if not self._server:
                    self._server = ForkServer(self._preload, os.environ | self._environment)
                    self._servers.append(self._server)
                try:
                    return self._server.fork(command, env)
                except (OSError, EOFError):
                    self._server = None
            return None

    def add(self, process) -> None:
        """Remember a kernel's process, to be ended when the pool is closed."""
        with self._lock:
            self._processes.append(process)
            if self._closed:
                _kill(process)

    def close(self) -> None:
        """End all kernels that still run, and the fork server."""
        self._closed = True
        for server in self._servers:  # one may be importing, and the lock is held until it answers
            server.kill()
        with self._lock:
            for process in self._processes:
                _kill(process)
            for server in self._servers:
                server.disconnect()


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


def manager_class(folder: Path, environment: dict[str, str], pool: KernelPool | None) -> type:
    """A class of kernel managers for papermill: one kernel of this Python, whatever kernelspecs there are.

    It gets the variables of `environment`, and its files lie in `folder`. With a `pool` it is forked where
    that is safe.
    """
    # what goes wrong in a cell is in the notebook; a history of what was typed is for people
    quiet = ["--log-level=CRITICAL", "--HistoryManager.enabled=False"]
    spec = KernelSpec(**get_kernel_dict(extra_arguments=quiet))
    connection = folder / "kernel.json"
    # sockets in a folder of its own: no other process can take them, as it can take a free port
    as_files = os.name == "posix" and len(os.fsencode(connection)) < LONGEST

    class Manager(AsyncKernelManager):
        shutdown_wait_time = 2  # seconds

        def __init__(self, **options):
            transport = "ipc" if as_files else "tcp"
            super().__init__(transport=transport, connection_file=str(connection), **options)
            self.provisioner = _Provisioner(kernel_spec=spec, parent=self)
            self.provisioner.environment, self.provisioner.pool = environment, pool

        @property
        def kernel_spec(self):
            return spec

    return Manager


class _Provisioner(LocalProvisioner):
    """Starts a kernel by fork, if its pool has a fork server, else as a new Python."""

    environment: dict[str, str] = {}  # noqa: RUF012  set for each kernel
    pool: KernelPool | None = None

    async def launch_kernel(self, cmd, **kwargs):
        kwargs["env"] |= self.environment
        pid = self.pool.fork(cmd, kwargs["env"]) if self.pool else None
        if pid is None:
            await super().launch_kernel(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)
        else:
            self.process = _ForkedKernel(pid)
            self.pid = self.pgid = pid
        if self.pool:
            self.pool.add(self.process)
        return self.connection_info


class _ForkedKernel(psutil.Process):
    """A kernel that the fork server started, with what jupyter_client uses of `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        """None while the process runs, else 0: its exit code is its parent's to know."""
        with suppress(psutil.NoSuchProcess):
            if self.is_running() and self.status() != psutil.STATUS_ZOMBIE:
                return None
        return 0

    def send_signal(self, sig: int) -> None:
        """Send a signal, if the process still runs."""
        with suppress(psutil.NoSuchProcess):
            super().send_signal(sig)


def _kill(process) -> None:
    """End a process, if it still runs, whatever state it is in."""
    with suppress(psutil.Error):
        process.kill()
