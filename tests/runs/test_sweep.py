"""Sweeps run to their end, and what may come between: deaths, full disks, damage, a second driver."""

import csv
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from helpers.small_notebooks import names, notebook
from helpers.sweeps import CELL, LOG, Place, processes, wait_for

from nokenlab.errors import BadInput
from nokenlab.runs import kernels
from nokenlab.runs.sweep import only_driver, run_sweep
from nokenlab.runs.sweep_file import load_sweep


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return Place(tmp_path)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A sweep of three runs that are done."""
    return Place(tmp_path_factory.mktemp("three")).run_for_copies()


@pytest.fixture
def done(three, place):
    """A copy of that sweep."""
    return three.copy(place.folder)


def test_only_the_tables_that_are_named_are_in_table_csv_and_nothing_is_run_again(done):
    place = done
    every, ended = place.table(), place.ended()
    place.spec("tables: [halves]\ngrid: {scale: [3, 1, 2]}")
    place.run()
    assert place.table() == every
    place.spec("tables: [others]\ngrid: {scale: [3, 1, 2]}")
    place.run()
    assert place.table().count(b"\n") == 1 and place.ended() == ended


def test_a_sweep_its_table_and_its_resumption(place, capsys):
    place.run("--dry-run")
    assert "s: 3 runs of small, 3 to do; duration unknown" in capsys.readouterr().out
    assert not place.results.exists()
    place.run("--workers", "2")
    assert "s: 3 of 3 runs are done; look at" in capsys.readouterr().out
    assert sorted(place.ended()) == ["1.0", "2.0", "3.0"]
    with open(place.here / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["run"], row["scale"], row["half"]) for row in rows[::2]] == [
        ("1", "3.0", "1.5"),
        ("2", "1.0", "0.5"),
        ("3", "2.0", "1"),
    ]
    assert rows[0]["table"] == "halves" and rows[0]["seeds"] == "[1, 2]" and rows[0]["word"] == "a | b"
    assert rows[0]["halves.word"] == "x" and rows[0]["text"] == "a, b\n\r"
    assert place.runs("status") == ["done"] * 3 and place.runs("error") == [""] * 3
    assert names(place.here) == [".lock", "figure.png", "made_by.json", "runs", "runs.csv", "table.csv"]
    run = place.here / "runs" / place.runs("folder")[0]
    assert names(run) == ["halves.csv", "run.json", "small.ipynb", "sweep.json"]
    assert json.loads((run / "sweep.json").read_text())["threads"] == 1
    assert json.loads((run / "run.json").read_text())["command"] == "nokenlab run small.ipynb -p scale 3.0"

    first = place.table()
    place.run()  # nothing is done again
    assert len(place.ended()) == 3 and place.table() == first
    place.spec("grid: {scale: [2, 4, 1]}")  # only what is new is done
    place.run()
    assert place.ended()[3:] == ["4.0"]
    place.run("--dry-run")
    assert "3 runs of small, 0 to do; about 0.0 min" in capsys.readouterr().out
    place.spec("grid: {scale: [4]}")
    place.run("--force")
    assert place.ended()[4:] == ["4.0"]
    notebook(place.folder, "small", CELL, LOG + "# changed")
    place.run("--dry-run")
    assert "1 to do" in capsys.readouterr().out


def test_a_run_that_fails_does_not_stop_the_others(place, capsys):
    place.spec("zip: {word: [raise, fine]}")
    place.run(check=1)
    assert place.runs("error") == ["ValueError: no such word", ""]
    assert place.runs("status") == ["failed", "done"]
    error = capsys.readouterr().err
    assert "failed: nokenlab run small.ipynb -p word raise: ValueError: no such word" in error
    assert nbformat.read(place.here / "runs" / place.runs("folder")[0] / "small.ipynb", 4).cells
    assert {row["word"] for row in csv.DictReader(place.table().decode().splitlines())} == {"fine"}
    assert place.ended() == ["1.0"]
    wait_for(lambda: not processes(place.folder))


def test_what_was_done_is_read_once_a_command(done, monkeypatch):
    place = done
    read, read_bytes = Counter(), Path.read_bytes

    def counted(path):
        read.update([path.name] if place.here / "runs" in path.parents else [])
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    for option in ("--workers=1", "--dry-run"):
        read.clear()
        place.run(option)
        assert read == {"halves.csv": 3, "run.json": 3, "small.ipynb": 3}


def test_a_damaged_run_folder_is_noticed_and_done_again(done):
    place = done
    complete = place.table()
    folders = [place.here / "runs" / name for name in place.runs("folder")]
    for path in (folders[0] / "halves.csv", folders[1] / "sweep.json"):
        path.write_bytes(path.read_bytes()[:40])
    (folders[2] / "run.json").unlink()
    (place.here / "table.csv").unlink()
    place.run()
    assert place.table() == complete and len(place.ended()) == 6


def test_a_second_driver_is_refused_and_the_lock_of_a_dead_one_is_free(place, capsys):
    sweep = load_sweep(place.folder / "s.yaml")
    held = "from nokenlab.runs.sweep import only_driver; import sys, pathlib\n"
    held += "with only_driver(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", held, str(place.here)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    place.run(check=2)
    assert f"is locked by process {other.pid} on " in capsys.readouterr().err
    with pytest.raises(BadInput, match="locked by"):
        run_sweep(sweep, place.here)
    other.kill()
    other.wait()
    with only_driver(place.here):
        pass
    assert not place.ended()


def test_ctrl_c_ends_cleanly_and_the_sweep_goes_on(place):
    place.spec("grid: {scale: [3, 1]}\nlist: [{word: fine}, {word: slow}]")
    driver = place.start("--workers", "2")
    wait_for(lambda: len(place.ended()) == 2)
    wait_for(lambda: place.left() == 2)
    driver.send_signal(signal.SIGINT)
    error = driver.communicate(timeout=60)[1]
    assert driver.returncode == 130 and "Traceback" not in error
    assert "the same command continues from there" in error
    assert place.runs("status") == ["done", "done", "not run", "not run"]
    assert names(place.here) == [".lock", "figure.png", "made_by.json", "runs", "runs.csv", "table.csv"]
    wait_for(lambda: not processes(place.folder))


def test_where_forking_is_not_safe_python_starts_anew(place, monkeypatch):
    monkeypatch.setattr(kernels.sys, "platform", "darwin")
    place.spec("parameters: {word: how}\ngrid: {scale: [1]}")
    place.run()
    assert sorted(place.ended()) == ["1.0", "ipykernel_launcher"]


def test_a_fork_loads_the_model_as_a_new_process_does(place, lab):
    cell = """
import pandas as pd, nokenlab as nl
lab = nl.load(model)
nokens = nl.random_nokens(lab.width, [0, 1])
prompts = nl.replace(lab.embed("Red is a color"), 0, nokens)
table = pd.DataFrame({"response": lab.generate(prompts, 8)})
table["entropy"] = nl.entropy(lab.logits(prompts)).tolist()
_ = nl.Results(lab).table(table.assign(threads=lab.provenance()["threads"]), "said")
"""
    notebook(place.folder, "small", cell, parameters='model: str = "default"')
    place.spec("threads: 1")
    place.run()
    forked = place.table()
    place.run("--force", "--plain")
    assert place.table() == forked
    assert [row["threads"] for row in csv.DictReader(forked.decode().splitlines())] == ["1", "1"]


@pytest.mark.parametrize("words, message", [("--workers 0", "above 0, got '0'"), ("--bogus", "unrecognized")])
def test_bad_usage(place, capsys, words, message):
    with pytest.raises(SystemExit, match="2"):
        place.run(*words.split())
    assert message in capsys.readouterr().err and not place.results.exists()
