"""One run of a sweep in a process of its own: a task comes in over a socket, its record and files go back.

The other end of the socket is held by who wants the run. When it closes, the run and its kernel end.
"""

import io
import json
import os
import shutil
import socket
import tempfile
import threading
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import psutil

from nokenlab.errors import RunFailed, first_line
from nokenlab.runs.files import to_json, write_whole
from nokenlab.runs.notebook_run import run_notebook
from nokenlab.sweeps import made_by
from nokenlab.sweeps.done import failed, hashes


def answer(connection: socket.socket, provisioner: str | None = None) -> None:
    """Take one task from `connection`, run it, send back its record and files."""
    task = json.loads(connection.makefile("rb").readline())
    threading.Thread(target=_end_with, args=(connection,), daemon=True).start()
    try:
        record, files = perform(task, provisioner)
    except Exception as error:
        record, files = failed(task, f"{type(error).__name__}: {first_line(error)}"), b""
    send(connection, record, files)


def send(connection: socket.socket, record: dict, files: bytes) -> None:
    """Send what came of a run: one line of JSON, the record and how many bytes follow, then its files."""
    connection.sendall(json.dumps([record, len(files)]).encode() + b"\n" + files)


def receive(connection: socket.socket) -> tuple[dict, bytes]:
    """The record and files of a run, as `send` sent them. Raises EOFError when not all of it comes."""
    with connection.makefile("rb") as stream:
        head = stream.readline()
        if not head.endswith(b"\n"):
            raise EOFError
        record, size = json.loads(head)
        files = stream.read(size)
    if len(files) < size:
        raise EOFError
    return record, files


def perform(task: dict, provisioner: str | None = None) -> tuple[dict, bytes]:
    """Run the notebook of a task in `task["place"]`. Returns its record, and its files as zip, if any.

    Where other code, data or versions would make it than the driver has, or these change meanwhile, it fails.
    """
    os.environ.update(task["environment"])
    if other := _difference(task, made_by.HERE):
        return failed(task, other), b""
    place, folder = Path(task["place"]), Path(task["place"]) / "run"
    os.environ["JUPYTER_RUNTIME_DIR"] = os.environ["TMPDIR"] = tempfile.tempdir = str(place)
    os.environ["OMP_NUM_THREADS"] = str(task["threads"])
    notebook = place / f"{task['notebook']}.ipynb"
    notebook.write_text(task["source"], encoding="utf-8")
    record = {"identity": task["identity"], "status": "done", "error": None}
    record |= {name: task[name] for name in ("parameters", "threads", "made_by")}
    record |= {"started": datetime.now(UTC).isoformat(timespec="seconds")}
    begin = time.perf_counter()
    try:
        run = run_notebook(notebook, task["given"], folder, task["time_limit"], provisioner)
        write_whole(folder / "run.json", to_json(run | {"command": task["command"]}))
        record["git"] = run["git"]
        if other := _difference(task, made_by.MEANWHILE):
            raise RunFailed(notebook, other, folder / notebook.name)
    except (RunFailed, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        reason = error.reason if isinstance(error, RunFailed) else f"{type(error).__name__}: {error}"
        record |= {"status": "failed", "error": reason}
        if isinstance(error, RunFailed) and error.executed.exists():
            shutil.copyfile(error.executed, folder / notebook.name)
    record["seconds"] = round(time.perf_counter() - begin, 2)
    return record | {"files": hashes(folder)}, _zip(folder)


def _difference(task: dict, words: tuple[str, str, str]) -> str:
    """What differs here and now from what makes the run, in one line; no text where nothing does."""
    made = task["made_by"]
    return made_by.line(made_by.difference([(made, made_by.here_and_now(made))], words))


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
        for child in psutil.Process().children(recursive=True):
            child.kill()
        os._exit(1)


def from_stdin() -> socket.socket:
    """The socket that this process was given for its standard input, which is empty from then on."""
    connection = socket.socket(fileno=os.dup(0))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    return connection


if __name__ == "__main__":
    answer(from_stdin())
