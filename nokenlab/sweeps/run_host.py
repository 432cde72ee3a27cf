"""Where runs happen on one machine: each task in a process of its own, cheap where forking is safe."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from nokenlab.errors import RunLost
from nokenlab.sweeps.forkserver import BASE, MODEL, READY

GRACE = 60  # seconds beyond its limit after which a run that does not answer is given up


class RunHost:
    """Call it with a task, from any number of threads, to get a run folder as zip, or else RunLost.

    `place` is a folder for what runs need while they go on. `model` says that runs load a model; then
    torch is imported ahead. `plain` starts a new Python for each run and one for its kernel.
    `why_plain` says why that is done when it was not asked for.
    """

    def __init__(self, place: Path, model: bool, plain: bool = False):
        self.place, self.model, self.plain, self.why_plain = place, model, plain, None
        self._lock, self._open = threading.Lock(), set()
        self._server = self._control = None
        self._closed = False

    def __call__(self, task: dict) -> bytes:
        with tempfile.TemporaryDirectory(dir=self.place, ignore_cleanup_errors=True) as place:
            connection, process = self._start(task["threads"])
            try:
                connection.sendall(json.dumps(task | {"place": place}).encode() + b"\n")
                connection.settimeout(task["time_limit"] + GRACE)
                reply = b"".join(iter(lambda: connection.recv(1 << 20), b""))
            except TimeoutError:
                reply = f"over its time limit of {task['time_limit']:g} s, and did not stop".encode()
            except OSError as error:
                reply = f"the process of the run died ({error.strerror})".encode()
            finally:
                self._end(connection, process)
        if not reply.startswith(b"PK"):
            raise RunLost(reply.decode() or "the process of the run died")
        return reply

    def close(self) -> None:
        """End the runs that go on, and the server."""
        with self._lock:
            self._closed = True
            for connection in self._open:
                with suppress(OSError):  # it may just have ended
                    connection.shutdown(socket.SHUT_RDWR)
            if self._server:
                self._control.close()
                self._server.wait()

    def _start(self, threads: int):
        """A socket whose other end a new process reads its task from, and that process where it is ours."""
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._closed:
                raise RunLost("stopped")
            process = None
            if self.plain or not self._fork(theirs, threads):
                process = _python("nokenlab.sweeps.one_run", theirs, threads)
            self._open.add(ours)
        return ours, process

    def _fork(self, theirs: socket.socket, threads: int) -> bool:
        for _ in range(2):
            if self._server is None:
                self.why_plain = self._start_server(threads)
                if self.why_plain:
                    self.plain = True
                    print(f"nokenlab: each run starts Python anew: {self.why_plain}", file=sys.stderr)
                    return False
            try:
                socket.send_fds(self._control, [b"."], [theirs.fileno()])
                return True
            except OSError:  # the server died; another is soon there
                self._control.close()
                self._server.wait()
                self._server = None
        return False

    def _start_server(self, threads: int) -> str | None:
        if sys.platform != "linux":
            return f"forking is not safe on {sys.platform}"
        self._control, theirs = socket.socketpair()
        with theirs:
            modules = BASE + (MODEL if self.model else [])
            self._server = _python("nokenlab.sweeps.forkserver", theirs, threads, *modules)
        reply = self._control.recv(1000)
        if reply == READY:
            return None
        self._control.close()
        self._server.wait()
        return reply.decode() or "the fork server died"

    def _end(self, connection: socket.socket, process: subprocess.Popen | None) -> None:
        with self._lock:
            self._open.discard(connection)
            connection.close()  # the run ends when it sees this
        if process:
            process.wait()


def _python(module: str, connection: socket.socket, threads: int, *args: str) -> subprocess.Popen:
    """A new Python with `connection` for its standard input, out of reach of this terminal's Ctrl-C."""
    fixed = {
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": "1",  # it starts its threads when it is imported
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # so that asking for a GPU does not open it
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # as kernels have it
    }
    return subprocess.Popen(
        [sys.executable, "-m", module, *args],
        stdin=connection,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | fixed,
        start_new_session=True,
    )
