"""Ports for a kernel that nothing else on this machine takes before it has them.

jupyter_client asks the system for free ports, gives them back, and hopes that the kernel finds them free.
With many kernels that start at once one in a thousand died at its start. Below the range that systems give
out, each process has ports of its own, by its number.
"""

import os
import socket
from contextlib import ExitStack

NAMES = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
FIRST, END = 10_000, 32_000


def kernel_ports() -> dict[str, int]:
    """A free port for each of `NAMES`. OSError where all are taken."""
    blocks = (END - FIRST) // len(NAMES)
    for block in range(os.getpid(), os.getpid() + blocks):
        first = FIRST + block % blocks * len(NAMES)
        ports = range(first, first + len(NAMES))
        if _are_free(ports):
            return dict(zip(NAMES, ports, strict=True))
    raise OSError(f"all ports from {FIRST} to {END - 1} are taken; a kernel needs {len(NAMES)}")


def _are_free(ports: range) -> bool:
    with ExitStack() as stack:
        for port in ports:
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the kernel does
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
