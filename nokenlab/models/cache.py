"""Folders that are made once and kept in the user's cache: whole, signed, by one process at a time."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from nokenlab.models import integrity as whole


def cache_folder() -> Path:
    """Where what was made is kept: NOKENLAB_CACHE, or `nokenlab` in the user's cache folder."""
    if chosen := os.environ.get("NOKENLAB_CACHE"):
        return Path(chosen).expanduser().resolve()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "nokenlab"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nokenlab"


def make_once(place: Path, make: Callable[[Path], None], hashes: bool = False) -> Path:
    """The folder `place`; unless it is there whole, `make(new)` makes the folder `new`, which becomes it.

    A damaged folder is made again; `hashes` are taken if asked for, see `whole.is_whole`. What `make` puts
    beside `new` is removed. Any number of processes may ask at once: one makes it, the others wait. OSError
    where it cannot be written.
    """
    if whole.is_whole(place, hashes):
        return place
    _make_parent(place)
    with FileLock(f"{place}.lock"):
        if not whole.is_whole(place, hashes):  # another process may just have made it
            _make(place, make)
    return place


def _make_parent(target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise OSError(
            f"the model cache {target.parent} cannot be written ({error.strerror}); "
            "set NOKENLAB_CACHE to a folder that can"
        ) from None


def _make(target: Path, make: Callable[[Path], None]) -> None:
    for stale in target.parent.glob(f".{target.name}-*"):  # of a process that was killed
        shutil.rmtree(stale, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        make(work / "new")
        whole.sign(work / "new")
        shutil.rmtree(target, ignore_errors=True)
        os.replace(work / "new", target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
