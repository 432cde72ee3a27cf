"""A Jupyter kernel that is a fork of this process instead of a new Python, which would import all again."""

import json
import os
import signal
import sys
import time
from importlib.metadata import EntryPoint

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

PROVISIONER = "nokenlab-fork"


class ForkedKernel:
    """A child forked at once, while this process is still clean; it waits for the order to be a kernel.

    To jupyter_client it is what subprocess.Popen is. `closed` are file descriptors the child must not keep.
    """

    stdin = stdout = stderr = None
    waiting: "ForkedKernel | None" = None

    def __init__(self, *closed: int):
        order, self._order = os.pipe()
        self._code = None
        self.pid = os.fork()
        if self.pid == 0:
            for descriptor in (self._order, *closed):
                os.close(descriptor)
            leave(_be_kernel, order)
        os.close(order)
        KernelProvisionerFactory.provisioners[PROVISIONER] = EntryPoint(
            PROVISIONER, f"{__name__}:Provisioner", KernelProvisionerFactory.GROUP_NAME
        )
        ForkedKernel.waiting = self

    def start(self, command: list[str], env: dict[str, str]) -> None:
        """Let the child be the kernel that `command` (python -m ipykernel_launcher …) would start."""
        with os.fdopen(self._order, "w") as order:
            json.dump([command, env], order)

    def poll(self) -> int | None:
        """The exit code, as of `subprocess.Popen`; None while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self) -> int:
        """The exit code, waited for."""
        while self.poll() is None:
            time.sleep(0.01)
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class Provisioner(LocalProvisioner):
    """Gives jupyter_client the waiting child where LocalProvisioner starts a process."""

    async def launch_kernel(self, cmd, **kwargs):
        self.process = ForkedKernel.waiting
        self.process.start(cmd, kwargs["env"])
        self.pid = self.pgid = self.process.pid
        return self.connection_info


def leave(work, *args) -> None:
    """Do `work` as the last thing of this process: nothing of the process it was forked from goes on."""
    code = 1
    try:
        work(*args)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        os._exit(code)


def _be_kernel(order: int) -> None:
    with os.fdopen(order) as pipe:
        text = pipe.read()
    if not text:  # no kernel was wanted
        return
    command, env = json.loads(text)
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    if torch := sys.modules.get("torch"):  # read its number of threads when it was imported
        torch.set_num_threads(int(env["OMP_NUM_THREADS"]))
    if numpy := sys.modules.get("numpy"):  # as a new process has it, not the same in every fork
        numpy.random.seed()
    sys.argv = command[command.index("ipykernel_launcher") :]
    # the poller that ends a kernel with its parent was told of the parent when ipykernel was imported
    sys.argv.append(f"--IPKernelApp.parent_handle={os.getppid()}")
    import atexit

    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    try:
        app.initialize()
        app.start()
    finally:
        atexit.unregister(app.close)  # waits seconds for its threads, which end with this process
        atexit._run_exitfuncs()
