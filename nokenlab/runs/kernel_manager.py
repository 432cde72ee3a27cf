"""The kernel of one run, for papermill: this very Python, whatever kernelspecs the user has."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import LocalProvisioner

from nokenlab.runs.kernel_pool import KernelPool

LONGEST = 90  # bytes of the path of a Unix socket: 103 on macOS, without what jupyter_client appends


def manager_class(folder: Path, environment: dict[str, str], pool: KernelPool | None) -> type:
    """A class of kernel managers for papermill: one kernel with the variables of `environment`.

    Its files lie in `folder`. With a `pool` it is forked where that is safe.
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
            self.provisioner = Provisioner(kernel_spec=spec, parent=self)
            self.provisioner.environment, self.provisioner.pool = environment, pool

        @property
        def kernel_spec(self):
            return spec

    return Manager


class Provisioner(LocalProvisioner):
    """Starts a kernel by fork, if its pool has a fork server, else as a new Python."""

    environment: dict[str, str] = {}  # noqa: RUF012  set for each kernel
    pool: KernelPool | None = None

    async def launch_kernel(self, cmd, **kwargs):
        kwargs["env"] |= self.environment
        pid = self.pool.fork(cmd, kwargs["env"]) if self.pool else None
        if pid is None:
            await super().launch_kernel(cmd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)
        else:
            self.process = ForkedKernel(pid)
            self.pid = self.pgid = pid
        if self.pool:
            self.pool.add(self.process)
        return self.connection_info


class ForkedKernel(psutil.Process):
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
