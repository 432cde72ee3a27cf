"""One run in a process of its own: it says its number, gets a task over a socket, sends a record and files.

A task is a dict that names its `work` as module:function. The other end of the socket is held by who wants
the run. When it closes, the run and its kernel end.
"""

import io
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path

import psutil

from nokenlab.errors import RunFailed, first_line
from nokenlab.runs.files import to_json, write_atomically
from nokenlab.runs.notebook_run import run_notebook
from nokenlab.runs.provenance import RUN_JSON, sealed


def answer(connection: socket.socket, provisioner: str | None = None) -> None:
    """Say over `connection` who this is, take one task, do its work, send back its record and files.

    The work is called with the task, the provisioner of its kernel, and a function that sends word at each
    cell; it returns the record, and the folder of files or None.
    """
    connection.sendall(b"%d\n" % os.getpid())
    task = json.loads(connection.makefile("rb").readline())
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    try:
        work = EntryPoint("work", task["work"], "").load()
        record, folder = work(task, provisioner, lambda: connection.sendall(CELL))
        files = _zip(folder) if folder else b""
    except Exception as error:
        record, files = failed(f"{type(error).__name__}: {first_line(error)}"), b""
    send(connection, record, files)


CELL = b"cell\n"  # the word that a cell begins


def send(connection: socket.socket, record: dict, files: bytes) -> None:
    """Send what came of a run: one line of JSON, the record and how many bytes follow, then its files."""
    connection.sendall(json.dumps([record, len(files)]).encode() + b"\n" + files)


def process_of(connection: socket.socket) -> psutil.Process:
    """The process at the other end, which says its number first. Raises EOFError when it is gone."""
    try:
        return psutil.Process(int(connection.recv(20)))
    except (ValueError, psutil.Error):
        raise EOFError from None


def receive(
    connection: socket.socket, cell: Callable[[], object] = bool, within: float | None = None
) -> tuple[dict, bytes]:
    """The record and files of a run, as `send` sent them; `cell` is called when one begins, before that.

    Raises EOFError when not all of it comes, TimeoutError when it does not come `within` so many seconds.
    """
    end = within and time.monotonic() + within
    with connection.makefile("rb") as stream:

        def line() -> bytes:
            connection.settimeout(end and max(end - time.monotonic(), 0.01))
            return stream.readline()

        while (head := line()) == CELL:
            cell()
        if not head.endswith(b"\n"):
            raise EOFError
        record, size = json.loads(head)
        files = stream.read(size)
    if len(files) < size:
        raise EOFError
    return record, files


def failed(reason: str) -> dict:
    """The record of a run of which there is nothing but the reason why."""
    return {"status": "failed", "error": reason, "seconds": None}


def perform(task: dict, provisioner: str | None = None, cell: Callable | None = None) -> tuple[dict, Path]:
    """Run the notebook of a task in `task["place"]`. Returns its record, and the folder of its files.

    A run that fails leaves its executed notebook there, if any, and nothing else. `run` of the record is what
    run.json says, None where it failed.
    """
    folder = Path(task["place"]) / "run"
    os.environ.update(task["environment"])
    os.environ["JUPYTER_RUNTIME_DIR"] = os.environ["TMPDIR"] = tempfile.tempdir = task["place"]
    os.environ["OMP_NUM_THREADS"] = str(task["threads"])
    begin, run, reason = time.perf_counter(), None, None
    try:
        notebook = Path(task["notebook"])
        run = run_notebook(notebook, task["given"], folder, task["time_limit"], provisioner, cell)
        # as it reads where the notebook's own place is known
        run = sealed(run | {"command": task["command"]}, RUN_JSON)
        write_atomically(folder / RUN_JSON, to_json(run))
    except (RunFailed, OSError) as error:
        reason = error.reason if isinstance(error, RunFailed) else f"{type(error).__name__}: {error}"
        keep_only(folder, error.executed if isinstance(error, RunFailed) else None)
    status = "failed" if reason else "done"
    seconds = round(time.perf_counter() - begin, 2)
    return {"status": status, "error": reason, "seconds": seconds, "run": run}, folder


def keep_only(folder: Path, executed: Path | None) -> None:
    """Leave nothing in the folder of a run but its executed notebook, if there is one."""
    new = folder.with_suffix(".failed")
    new.mkdir()
    if executed and executed.exists():
        shutil.copyfile(executed, new / executed.name)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(new, folder)


def unpack(files: bytes, folder: Path) -> None:
    """Write the files that came back of a run into `folder`. ValueError for what no run can have sent."""
    if not files:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(files)) as archive:
            for name in archive.namelist():
                if name in ("", ".", "..") or "/" in name or "\\" in name:
                    raise ValueError(f"a file {name!r} came back, a name with a folder in it: refused")
            archive.extractall(folder)
    except zipfile.BadZipFile as error:
        raise ValueError(f"what came back is damaged: {error}") from None


def _zip(folder: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return packed.getvalue()


def _end_with(connection: socket.socket) -> None:
    """Wait until the other end is closed; then nobody wants this run any more."""
    try:
        connection.recv(1)
    finally:
        kill(psutil.Process())


def kill(process: psutil.Process) -> None:
    """End a process and all that it started, whatever state they are in."""
    with suppress(psutil.Error):  # it may be gone
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                one.kill()


def from_stdin() -> socket.socket:
    """The socket that this process was given for its standard input, which is empty from then on."""
    connection = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    return connection


if __name__ == "__main__":
    answer(from_stdin(), *sys.argv[1:])
