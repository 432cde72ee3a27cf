"""A server that has imported the heavy libraries once, and forks a process for each run and its kernel.

Importing torch and transformers is most of what a short run costs. The server imports them, starts no
thread and touches no GPU, so that its fork is as good as a new process. Linux only.

The forkserver of `multiprocessing` was tried in place of this one. `Process.start` refuses in a dask worker
("daemonic processes are not allowed to have children"). Whether forking is safe could be asked of a fork
only, and an import that fails there is passed over in silence. A process has one such server for good, with
the environment and the imports of its start, and each child runs the driver's main module once more.
"""

import gc
import os
import signal
import socket
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint

BASE = [
    "papermill",
    "nokenlab.runs.forked_kernel",
    "nokenlab.runs.one_run",
    "ipykernel.kernelapp",
    "pandas",
]
MODEL = [
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
    "nokenlab.lab",
    "nokenlab.loading",
    "workbook.lerp.figures",
    "workbook.claims.statistics",
    "matplotlib.backends.backend_agg",
]
DEFAULT = ["nokenlab.loading:read_ahead"]
READY = b"ready"


def ahead(models: Iterable[str | None]) -> tuple[str, ...]:
    """What a server does ahead for runs with these models, by name; None is a run without one."""
    named = [model for model in models if model is not None]
    return (*BASE, *(MODEL if named else []), *(DEFAULT if "default" in named else []))


def serve(control: socket.socket, work: Iterable[str]) -> None:
    """Do the `work` ahead, say ready or why not, then fork a run for each socket `control` brings."""
    import fcntl  # not there on Windows, where this module is read for its names

    quiet = fcntl.fcntl(control, fcntl.F_GETFL)
    fcntl.fcntl(control, fcntl.F_SETOWN, os.getpid())
    # imports take seconds: where who started this server is gone meanwhile, SIGIO ends it at once
    fcntl.fcntl(control, fcntl.F_SETFL, quiet | os.O_ASYNC)
    problem = prepare(work)
    fcntl.fcntl(control, fcntl.F_SETFL, quiet)
    control.sendall(problem.encode() if problem else READY)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    gc.collect()
    gc.freeze()  # the collector writes to what it looks at, and so would copy every page
    while not problem:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:  # who started this server is gone
            return
        if os.fork() == 0:
            from nokenlab.runs.forked_kernel import leave

            control.close()
            leave(_run, descriptors[0])
        os.close(descriptors[0])


def prepare(work: Iterable[str]) -> str | None:
    """Import modules, and call functions named as module:function. Why not to fork then, or None."""
    gc.disable()  # nearly all that is made here stays
    try:
        for name in work:
            found = EntryPoint("", name, "").load()
            if ":" in name:
                found()
        return unsafe()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        gc.enable()


def unsafe() -> str | None:
    """Why this process must not fork, or None."""
    threads = len(os.listdir("/proc/self/task")) - 1
    if threads:
        return f"the imports started {threads} thread(s)"
    opened = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    on_gpu = any(path.startswith(("/dev/nvidia", "/dev/kfd")) for path in opened)
    return "the imports opened the GPU" if on_gpu else None


def _run(descriptor: int) -> None:
    from nokenlab.runs.forked_kernel import PROVISIONER, ForkedKernel
    from nokenlab.runs.one_run import answer

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    ForkedKernel(descriptor)  # first, while nothing has been started
    answer(socket.socket(fileno=descriptor), PROVISIONER)


if __name__ == "__main__":
    from nokenlab.runs.one_run import from_stdin

    serve(from_stdin(), sys.argv[1:])
