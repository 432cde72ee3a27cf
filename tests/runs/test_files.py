"""Files and folders: complete or not at all, whatever fails on the way."""

import os
import subprocess
import sys

import pytest
from helpers.small_notebooks import names

from nokenlab.runs.files import remove_leftovers, replace_folder, write_atomically

FULL = OSError(28, "No space left on device")


@pytest.fixture
def pair(tmp_path):
    """A new folder and the one it is to replace, each with a file that says which it is."""
    new, folder = tmp_path / f".n.{os.getpid()}.new", tmp_path / "n"
    for place, word in ((new, "new"), (folder, "old")):
        place.mkdir()
        (place / "word").write_text(word)
    return new, folder


def fail_at(monkeypatch, count, error=FULL):
    """Let the renaming that comes after `count` others fail, and no later one."""
    real, calls = os.rename, iter(range(9))

    def rename(a, b):
        if next(calls) == count:
            raise error
        real(a, b)

    monkeypatch.setattr(os, "rename", rename)


def test_a_complete_file_replaces_the_old_one(tmp_path):
    for data in (b"one", b"two"):
        write_atomically(tmp_path / "f", data)
        assert (tmp_path / "f").read_bytes() == data and names(tmp_path) == ["f"]


@pytest.mark.parametrize("before", [None, b"old"])
def test_a_full_disk_leaves_a_file_as_it_was(tmp_path, monkeypatch, before):
    if before:
        (tmp_path / "f").write_bytes(before)

    def half(path, data):
        with open(path, "wb") as file:
            file.write(data[:1])
        raise FULL

    monkeypatch.setattr("pathlib.Path.write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "f", b"new")
    assert names(tmp_path) == (["f"] if before else [])
    assert not before or (tmp_path / "f").read_bytes() == before


def test_a_swap_puts_the_new_folder_in_place_of_the_old_one(pair, tmp_path):
    replace_folder(*pair)
    assert names(tmp_path) == ["n"] and (tmp_path / "n" / "word").read_text() == "new"


def test_a_swap_takes_a_place_that_is_free(pair, tmp_path):
    new, folder = pair
    replace_folder(new, tmp_path / "m")
    assert names(tmp_path) == ["m", "n"] and (tmp_path / "m" / "word").read_text() == "new"
    assert (folder / "word").read_text() == "old"


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()])
def test_a_failed_swap_leaves_both_folders_as_they_were(pair, tmp_path, monkeypatch, count, error):
    new, folder = pair
    fail_at(monkeypatch, count, error)
    with pytest.raises(type(error)):
        replace_folder(new, folder)
    assert names(tmp_path) == sorted([new.name, "n"])
    assert (new / "word").read_text() == "new" and (folder / "word").read_text() == "old"


def test_a_failed_swap_into_a_free_place_leaves_nothing_there(pair, tmp_path, monkeypatch):
    new, _ = pair
    fail_at(monkeypatch, 0)
    with pytest.raises(OSError, match="No space left"):
        replace_folder(new, tmp_path / "m")
    assert names(tmp_path) == sorted([new.name, "n"])


def test_what_a_killed_run_left_is_tidied(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (f".n.{dead.pid}.new", f".n.{dead.pid}.old", f".n.{os.getppid()}.new", ".n.mine"):
        (tmp_path / name).mkdir()
    (tmp_path / f".n.{dead.pid}.old" / "run.json").write_text("{}")
    remove_leftovers(tmp_path / "n")
    assert names(tmp_path / "n") == ["run.json"]  # moved away by the killed run, given back
    assert names(tmp_path) == sorted([f".n.{os.getppid()}.new", ".n.mine", "n"])


def test_tidying_knows_what_a_swap_leaves(pair, tmp_path):
    """`remove_leftovers` knows the names: of a driver killed between the two renamings of a swap, here."""
    new, folder = pair
    os.rename(folder, new.with_suffix(".old"))
    remove_leftovers(folder)
    assert names(tmp_path) == ["n"] and (folder / "word").read_text() == "old"
