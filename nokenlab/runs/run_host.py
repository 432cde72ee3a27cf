"""Where runs happen on one machine: each task in a process of its own, cheap where forking is safe."""

import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path

import psutil

from nokenlab.errors import RunLost
from nokenlab.runs import forkserver
from nokenlab.runs.one_run import kill, process_of, receive

# seconds, each far more than it takes on a busy machine
IMPORTS = 300  # of a fork server
PYTHON = 60  # to start, until a run says who it is
FORK = 8  # the same of a forked run
GRACE = 8  # beyond its limit, after which a run that does not answer is given up
LEAVE = 1.5  # after its last word, before a run is killed


class RunHost:
    """Call it with a task, from any number of threads, to get its record and its files as zip, or RunLost.

    A task is as `one_run` wants it, and `cell` is called whenever one of its cells begins.
    `place` is a folder for what runs need while they go on. `models` are the names of the runs' models, None
    for a run without: what these need, torch or the default model, the fork server has ahead. `environments`
    are those of the workers (see `devices.places`), each for one run at a time: one run more waits. Where
    forking is not safe, or a task is `plain`, each run and each kernel is a new Python.
    """

    def __init__(self, place: Path, models: Iterable[str | None], environments: list[dict[str, str]]):
        self._place, self._ahead = place, forkserver.ahead(models)
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
            limit = task["time_limit"]
            try:
                connection.settimeout(PYTHON)
                said = process_of(connection)
                process = process or said
                connection.sendall(json.dumps(task | {"place": place}).encode() + b"\n")
                return receive(connection, cell, limit and limit + GRACE)
            except TimeoutError:
                why = f"over its time limit of {limit:g} s, and did not stop" if limit else "it did not start"
                raise RunLost(why) from None
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
            self._end_server()

    def _start(self, task: dict) -> tuple[socket.socket, psutil.Process | None]:
        """A socket whose other end a new process reads its task from, and that process where it is ours."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            process = None
            if task["plain"] or not self._fork(ours, theirs, task["threads"]):
                self._check_open()
                process = _python("nokenlab.runs.one_run", theirs, task["threads"])
            self._open.add(ours)
        return ours, process

    def _check_open(self) -> None:
        if self._closed:
            raise RunLost("stopped")

    def _fork(self, ours: socket.socket, theirs: socket.socket, threads: int) -> bool:
        """Let the server fork a run that has `theirs`; False where forking is not safe."""
        problem = None
        for _ in range(2):  # a server that died, or that somebody stopped, is replaced
            self._check_open()
            if self._server is None and self._may_fork:
                problem = self._start_server(threads)
            if not self._may_fork:
                break
            if self._server and self._forked(ours, theirs):
                return True
            self._end_server()
        self._check_open()
        if problem:
            print(f"nokenlab: each run starts Python anew: {problem}", file=sys.stderr)
            self._may_fork = False
        return False

    def _forked(self, ours: socket.socket, theirs: socket.socket) -> bool:
        """Send `theirs` to the server; whether a run soon says that it has it."""
        with suppress(OSError):
            socket.send_fds(self._control, [b"."], [theirs.fileno()])
            return ours in wait([ours, self._control], FORK)
        return False

    def _start_server(self, threads: int) -> str | None:
        """Start the fork server. Returns why there is none, or None."""
        if sys.platform != "linux":
            self._may_fork = False
            return f"forking is not safe on {sys.platform}"
        self._control, theirs = socket.socketpair()
        with theirs:
            self._server = _python("nokenlab.runs.forkserver", theirs, threads, *self._ahead)
        reply = self._reply()
        if reply == forkserver.READY:
            return None
        self._end_server()
        self._may_fork = not reply
        return reply.decode() or "the fork server died"

    def _reply(self) -> bytes:
        """What a new server says; nothing where it dies, where it is stopped, or if it takes for ever."""
        end = time.monotonic() + IMPORTS
        while not wait([self._control], 1):
            if self._server.status() == psutil.STATUS_STOPPED or time.monotonic() > end:
                return b""
        return self._control.recv(1000)

    def _end_server(self) -> None:
        if self._server:
            self._control.close()
            self._server.kill()  # it holds nothing, and may be stopped
            self._server.wait()
            self._server = None

    def _end(self, connection: socket.socket, process: psutil.Process | None) -> None:
        with self._lock:
            self._open.discard(connection)
            connection.close()  # the run ends when it sees this
        if process:
            try:
                process.wait(LEAVE)
            except psutil.TimeoutExpired:
                kill(process)
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


def _python(module: str, connection: socket.socket, threads: int, *args: str) -> psutil.Popen:
    """A new Python with `connection` for its standard input, out of reach of this terminal's Ctrl-C."""
    return psutil.Popen(
        [sys.executable, "-m", module, *args],
        stdin=connection,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment(threads),
        start_new_session=True,
    )
