"""The folders of runs: complete, damaged, or received from a worker."""

import hashlib
import json
import random
from concurrent.futures import Future

import pytest
from helpers.small_notebooks import names
from helpers.sweeps import Place

from nokenlab.runs.sweep import keep
from nokenlab.runs.sweep_file import load_sweep
from nokenlab.runs.sweep_records import RECORD, Records

FILES = {"halves.csv": b"half,word\n0.5,x\n", "run.json": b"{}\n", "small.ipynb": b'{"cells": []}'}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def came(place, run, files: dict[str, bytes], tells: dict[str, str]) -> dict:
    """Keep a run as if it had come back with `files`, of which its record `tells`. Returns what is kept."""
    future = Future()
    place.here.mkdir(parents=True, exist_ok=True)
    work = place.here / "work"
    work.mkdir(exist_ok=True)
    task = {"identity": run.identity, "parameters": run.parameters, "made_by": run.made_by}
    record = task | {"status": "done", "error": None, "seconds": 1.5, "files": tells}
    future.set_result((record, files))
    return keep(task, future, place.here, work)


def test_any_flipped_bit_and_any_missing_end_of_any_file_is_noticed(place):
    sweep = load_sweep(place.folder / "s.yaml")
    run, dice = sweep.runs[0], random.Random(0)
    folder = place.here / "runs" / run.identity
    files = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    came(place, run, FILES, tells=files)
    assert Records(sweep, place.here).of(run)["files"] == files
    assert names(folder) == sorted([*FILES, RECORD])
    for path in folder.iterdir():
        good = path.read_bytes()
        for spot in [0, len(good) - 1, *(dice.randrange(len(good)) for _ in range(60))]:
            flipped = bytes([good[spot] ^ 1 << dice.randrange(8)])
            for bad in (good[:spot], good[:spot] + flipped + good[spot + 1 :]):
                path.write_bytes(bad)
                same = path.name == RECORD and parsed(bad) == parsed(good)  # without its last line end
                assert bool(Records(sweep, place.here).of(run)) == same, (path.name, spot, bad)
        path.unlink()
        assert not Records(sweep, place.here).of(run)
        path.write_bytes(good)
    assert Records(sweep, place.here).is_done(run)


def parsed(data: bytes):
    try:
        return json.loads(data)
    except ValueError:
        return None


@pytest.mark.parametrize("name", ["../evil.csv", "/tmp/evil.csv", "a/b.csv", "..", "a\\b.csv"])
def test_a_file_that_would_lie_elsewhere_is_refused(place, name):
    sweep = load_sweep(place.folder / "s.yaml")
    record = came(place, sweep.runs[0], FILES | {name: b"x"}, {})
    assert record["status"] == "failed"
    assert record["error"] == f"a file {name!r} came back, a name with a folder in it: refused"
    assert names(place.here / "runs" / sweep.runs[0].identity) == [RECORD]
    assert not Records(sweep, place.here).is_done(sweep.runs[0])
    assert not list(place.folder.parent.rglob("evil.csv"))
