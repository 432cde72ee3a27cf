"""Where runs happen on one machine: each task in a process of its own, cheap where forking is safe."""

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nokenlab.errors import RunLost
from nokenlab.runs.forkserver import BASE, MODEL, READY
from nokenlab.runs.one_run import receive

GRACE = 60  # seconds beyond its limit after which a run that does not answer is given up


class RunHost:
    """Call it with a task, from any number of threads, to get its record and its files as zip, or RunLost.

    A task is as `one_run` wants it, and `cell` is called whenever one of its cells begins.
    `place` is a folder for what runs need while they go on. `model` says that runs load a model: then the
    fork server imports torch ahead. `environments` are those of the workers (see `devices.places`), each for
    one run at a time: one run more waits. Where forking is not safe, or a task is `plain`, each run and each
    kernel is a new Python.
    """

    def __init__(self, place: Path, model: bool, environments: list[dict[str, str]]):
        self._place, self._model = place, model
        self._free: queue.LifoQueue = queue.LifoQueue()
        for environment in reversed(environments):  # the first run has the first
            self._free.put(environment)
        self._lock, self._open = threading.Lock(), set()
        self._server = self._control = None
        self._may_fork, self._closed = True, False

    def __call__(self, task: dict, cell: Callable[[], object] = bool) -> tuple[dict, bytes]:
        own = self._free.get()
        try:
            return self._run(task | {"environment": task["environment"] | own}, cell)
        finally:
            self._free.put(own)

    def _run(self, task: dict, cell: Callable[[], object]) -> tuple[dict, bytes]:
        with tempfile.TemporaryDirectory(dir=self._place, ignore_cleanup_errors=True) as place:
            connection, process = self._start(task)
            try:
                connection.sendall(json.dumps(task | {"place": place}).encode() + b"\n")
                connection.settimeout(task["time_limit"] and task["time_limit"] + GRACE)
                return receive(connection, cell)
            except TimeoutError:
                limit = f"its time limit of {task['time_limit']:g} s"
                raise RunLost(f"over {limit}, and did not stop") from None
            except (OSError, EOFError):
                raise RunLost("the process of the run died") from None
            finally:
                self._end(connection, process)

    def close(self) -> None:
        """End the runs that go on, and the server."""
        self._closed = True
        if starting := self._server:  # which may be at its imports, and is waited for under the lock
            starting.kill()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):  # it may just have ended
                    connection.shutdown(socket.SHUT_RDWR)
            if self._server:
                self._end_server()

    def _start(self, task: dict):
        """A socket whose other end a new process reads its task from, and that process where it is ours."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._closed:
                raise RunLost("stopped")
            process = None
            if task["plain"] or not self._fork(theirs, task["threads"]):
                process = _python("nokenlab.runs.one_run", theirs, task["threads"])
            self._open.add(ours)
        return ours, process

    def _fork(self, theirs: socket.socket, threads: int) -> bool:
        """Let the server fork a run that has `theirs`; False where forking is not safe."""
        for _ in range(2):
            if self._server is None and self._may_fork and (problem := self._start_server(threads)):
                if self._closed:
                    raise RunLost("stopped")
                print(f"nokenlab: each run starts Python anew: {problem}", file=sys.stderr)
                self._may_fork = False
            if not self._may_fork:
                return False
            try:
                socket.send_fds(self._control, [b"."], [theirs.fileno()])
                return True
            except OSError:  # the server died; another is soon there
                self._end_server()
        return False

    def _start_server(self, threads: int) -> str | None:
        """Start the fork server. Returns the reason why it must not fork, or None."""
        if sys.platform != "linux":
            return f"forking is not safe on {sys.platform}"
        self._control, theirs = socket.socketpair()
        with theirs:
            modules = BASE + (MODEL if self._model else [])
            self._server = _python("nokenlab.runs.forkserver", theirs, threads, *modules)
        reply = self._control.recv(1000)
        if reply == READY:
            return None
        self._end_server()
        return reply.decode() or "the fork server died"

    def _end_server(self) -> None:
        self._control.close()
        self._server.wait()
        self._server = None

    def _end(self, connection: socket.socket, process: subprocess.Popen | None) -> None:
        with self._lock:
            self._open.discard(connection)
            connection.close()  # the run ends when it sees this
        if process:
            process.wait()


def environment(threads: int) -> dict[str, str]:
    """What is fixed in the environment of runs, so that imports start no thread and open no GPU."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",  # it starts its threads when it is imported
        "JE_ARROW_MALLOC_CONF": "background_thread:false",  # so does the allocator of pyarrow, of pandas
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # so that asking for a GPU does not open it
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # as kernels have it
    }


def _python(module: str, connection: socket.socket, threads: int, *args: str) -> subprocess.Popen:
    """A new Python with `connection` for its standard input, out of reach of this terminal's Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *args],
        stdin=connection,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment(threads),
        start_new_session=True,
    )
