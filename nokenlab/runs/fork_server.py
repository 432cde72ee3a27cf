"""A process that has imported the heavy libraries once and forks a kernel whenever its driver asks for one.

Importing torch and transformers is most of what a short run costs. The server starts no thread and opens no
GPU, so that a fork of it is as good as a new Python; Linux only. `multiprocessing` has such a server too, but
refuses to start a process in a dask worker, which is daemonic, and waits for ever for a server that is
stopped.

They talk over a pair of connections: the server gets (command, environment) of a kernel, and sends its
process id, or None where it must not fork.
"""

import gc
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import EntryPoint
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import psutil

BASE = ("ipykernel.kernelapp", "nokenlab.runs.results", "nokenlab.runs.show", "nokenlab.runs.parameters")
MODEL = (
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
    "nokenlab.lab",
    "nokenlab.loading",
    "matplotlib.backends.backend_agg",
    "scipy.stats",
)
DEFAULT_MODEL = ("nokenlab.loading:read_ahead",)


def preload(models: Iterable[str | None]) -> tuple[str, ...]:
    """What a server loads for runs with these models, by name; None stands for a run without a model.

    Each is a module, or a function to call, as module:function.
    """
    names = {model for model in models if model is not None}
    return (*BASE, *(MODEL if names else ()), *(DEFAULT_MODEL if "default" in names else ()))


class ForkServer:
    """The driver's side: starts a server, lets it fork kernels, ends it. For one thread at a time."""

    def __init__(self, modules: Iterable[str], env: dict[str, str]):
        self._connection, theirs = Pipe()
        command = [sys.executable, "-m", "nokenlab.runs.fork_server", str(theirs.fileno()), *modules]
        with theirs:
            self._process = subprocess.Popen(
                command,
                env=env,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # out of reach of this terminal's Ctrl-C
            )

    def fork(self, command: list[str], env: dict[str, str]) -> int | None:
        """Fork a kernel, which `command` would start anew. Returns its process id, or None if that is unsafe.

        Raises OSError or EOFError if the server is dead.
        """
        self._process.send_signal(signal.SIGCONT)  # somebody may have stopped it
        self._connection.send((command, env))
        return self._connection.recv()

    def kill(self) -> None:
        """End the server; its kernels go on until `disconnect`."""
        self._process.kill()
        self._process.wait()

    def disconnect(self) -> None:
        """End the kernels that the server forked."""
        self._connection.close()


def serve(connection: Connection, modules: Iterable[str]) -> None:
    """The server's side: load the modules, then fork kernels until the driver is gone."""
    import fcntl  # absent on Windows, where this module is read for its names

    flags = fcntl.fcntl(connection, fcntl.F_GETFL)
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    # imports take seconds: if the driver dies meanwhile, SIGIO ends this process at once
    fcntl.fcntl(connection, fcntl.F_SETFL, flags | os.O_ASYNC)
    may_fork = load(modules)
    fcntl.fcntl(connection, fcntl.F_SETFL, flags)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    gc.collect()
    gc.freeze()  # the collector writes to the objects that it visits, which would copy every page
    with suppress(EOFError, OSError):  # the driver is gone
        while True:
            command, env = connection.recv()
            pid = os.fork() if may_fork else None
            if pid == 0:
                try:
                    _be_kernel(connection, command, env)
                finally:
                    os._exit(0)  # without the clean-up of the server
            connection.send(pid)
    for process in psutil.Process().children(recursive=True):  # those that are stopped cannot end themselves
        process.kill()


def load(modules: Iterable[str]) -> bool:
    """Import modules, and call functions given as module:function. Whether forks of this process are safe.

    Not if an import failed, started a thread or opened a GPU.
    """
    gc.disable()  # nearly all objects made here stay
    try:
        for name in modules:
            loaded = EntryPoint(name, name, "").load()
            if ":" in name:
                loaded()
    except Exception:  # a new Python meets it again, and its notebook shows it
        return False
    finally:
        gc.enable()
    files = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    on_gpu = any(path.startswith(("/dev/nvidia", "/dev/kfd")) for path in files)
    return len(os.listdir("/proc/self/task")) == 1 and not on_gpu


def _be_kernel(connection: Connection, command: list[str], env: dict[str, str]) -> None:
    """Be the kernel that `command`, python -m ipykernel_launcher …, would start."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    threading.Thread(target=_end_with_driver, args=[connection.fileno()], daemon=True).start()
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # to be chosen by TMPDIR anew
    if torch := sys.modules.get("torch"):  # which read its number of threads when it was imported
        torch.set_num_threads(int(env["OMP_NUM_THREADS"]))
    if numpy := sys.modules.get("numpy"):  # seeded as in a new process, not the same in every fork
        numpy.random.seed()
    # it ends with its driver, and outlives this server, its parent
    sys.argv = [*command[command.index("ipykernel_launcher") :], "--IPKernelApp.parent_handle=0"]
    import atexit

    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    try:
        app.initialize()
        app.start()
    finally:
        atexit.unregister(app.close)  # waits seconds for its threads, which end with this process
        atexit._run_exitfuncs()


def _end_with_driver(descriptor: int) -> None:
    """Wait until the driver has closed its end of the connection; then kill this kernel and its children."""
    hang_up = select.poll()
    hang_up.register(descriptor, 0)
    hang_up.poll()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])), sys.argv[2:])
