"""Folders that are made once and kept in the user's cache: checked, and made by one process at a time."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from nokenlab.models import integrity

FULL = "No space left"  # as systems and libraries begin it


def cache_folder() -> Path:
    """The folder of the cache: NOKENLAB_CACHE, or `nokenlab` in the user's cache folder."""
    if folder := os.environ.get("NOKENLAB_CACHE"):
        return Path(folder).expanduser().resolve()
    return user_cache_path("nokenlab", appauthor=False)


def make_once(folder: Path, make: Callable[[Path], None], hashes: bool = False) -> Path:
    """Returns `folder`; unless it is there and valid, `make(new)` makes the folder `new`, which becomes it.

    A damaged folder is made again; `hashes` as in `integrity.is_valid`. Files that `make` puts beside `new`
    are removed. Of several processes one makes it, and the others say that they wait. OSError if it cannot be
    written.
    """
    if integrity.is_valid(folder, hashes):
        return folder
    _check_writable(folder.parent)
    with _locked(folder):
        if not integrity.is_valid(folder, hashes):  # another process may just have made it
            _make(folder, make)
    return folder


def _locked(folder: Path):
    """The lock of a folder, acquired; a line says so where another process has to be waited for."""
    lock = FileLock(f"{folder}.lock")
    try:
        return lock.acquire(blocking=False)
    except Timeout:
        print(f"{folder.name}: another process is making it; waiting", file=sys.stderr, flush=True)
        return lock.acquire()


def _check_writable(parent: Path) -> None:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=parent).close()
    except OSError as error:
        raise OSError(
            f"the model cache {parent} cannot be written ({error.strerror}); set NOKENLAB_CACHE"
        ) from None


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    for leftover in folder.parent.glob(f".{folder.name}-*"):  # of a process that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        make(work / "new")
        integrity.write_manifest(work / "new")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(work / "new", folder)
    except Exception as error:  # of a library's own kind
        if FULL not in str(error):
            raise
        raise OSError(
            f"{FULL} for the model cache {folder.parent}; make room, or set NOKENLAB_CACHE"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
