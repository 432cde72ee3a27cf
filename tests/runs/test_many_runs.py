"""Notebooks several at a time: the same bytes for any number of workers, and what may come between."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from helpers.small_notebooks import FIGURE, TABLE, names, notebook
from helpers.sweeps import processes, wait_for

from nokenlab.runs import kernels, many_runs
from nokenlab.runs.many_runs import run_many
from nokenlab.runs.notebook_run import prepare

SLOW = "import time; open({!r}, 'w').close(); time.sleep(600)"


@pytest.fixture
def plan(tmp_path):
    """Three notebooks and their parameters."""
    cells = {"one": [TABLE], "two": [TABLE, FIGURE], "three": ["import os; print(os.getcwd())"]}
    paths = [notebook(tmp_path, name, *code) for name, code in cells.items()]
    return dict(zip(paths, [{}, {"seeds": [3, 4]}, {"word": "x"}], strict=True))


def run(plan, results, workers):
    """The notebooks that ran, and what was complained of."""
    complaints = []
    for path in plan:
        prepare(results / path.stem)
    return sorted(n.stem for n in run_many(plan, results, workers, complaints.append)), complaints


def written(results):
    """The bytes of all that lies in results; of run.json what is no time, nor a digest of all of it."""
    contents = {path.relative_to(results): path.read_bytes() for path in results.glob("*/*")}
    for path in [path for path in contents if path.name == "run.json"]:
        record = json.loads(contents[path])
        contents[path] = {
            name: record[name] for name in record.keys() - {"started", "seconds", "git", "files"}
        }
    return contents


def test_the_same_bytes_for_any_number_of_workers_and_without_forks(plan, tmp_path, monkeypatch, capsys):
    for workers in (1, 4):
        assert run(plan, tmp_path / str(workers), workers) == (["one", "three", "two"], [])
    first = written(tmp_path / "1")
    assert written(tmp_path / "4") == first
    assert names(tmp_path / "1") == ["one", "three", "two"]
    assert names(tmp_path / "1" / "two") == ["curve.png", "run.json", "two.ipynb", "words.csv"]
    cells = len(json.loads((tmp_path / "1" / "two" / "two.ipynb").read_text())["cells"])
    assert cells == 5 and " 12/12 cells" in capsys.readouterr().err  # 3 + 4 + 3, and 2 of given parameters
    monkeypatch.setattr(kernels.sys, "platform", "darwin")
    richest = {path: given for path, given in plan.items() if path.stem == "two"}
    assert run(richest, tmp_path / "plain", 2) == (["two"], [])
    plain = written(tmp_path / "plain")
    assert plain == {path: first[path] for path in plain}


def test_one_that_fails_or_dies_leaves_the_others_and_its_earlier_results(plan, tmp_path, capsys):
    results = tmp_path / "results"
    run(plan, results, 2)
    before = written(results)
    cells = {"one": "raise ValueError('no')", "three": "import os; os.kill(os.getpid(), 9)"}
    for name, cell in cells.items():
        notebook(tmp_path, name, cell)
    capsys.readouterr()
    ran, complaints = run(plan, results, 2)
    assert (ran, len(complaints)) == (["two"], 2), complaints
    bars = re.findall(r"(\d+)/(\d+) cells", capsys.readouterr().err)
    assert int(bars[-1][0]) < int(bars[-1][1])
    assert written(results) == before
    failed, died = sorted(complaints, key=str)
    assert str(failed).startswith("one: ValueError: no (executed notebook: ") and failed.executed.is_file()
    assert str(died).startswith("three: the kernel died; out of memory, or a crash? (executed")
    assert names(results) == ["one", "three", "two"]


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_keeps_what_ended_and_leaves_no_process(plan, tmp_path):
    notebook(tmp_path, "two", SLOW.format(str(tmp_path / "begun")))
    notebook(tmp_path, "three", "print(1)")
    words = ["run", *map(str, plan), "--workers", "2", "--results", str(tmp_path / "results")]
    command = [sys.executable, "-m", "nokenlab", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ended = [tmp_path / "results" / name / "run.json" for name in ("one", "three")]
    wait_for(lambda: (tmp_path / "begun").exists() and all(path.exists() for path in ended))
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and "nokenlab: stopped" in error and "Traceback" not in error
    assert names(tmp_path / "results") == ["README.md", "one", "three"]
    wait_for(lambda: not processes(tmp_path))


def test_the_longest_of_the_last_time_comes_first_and_before_it_what_nobody_knows(
    plan, tmp_path, monkeypatch
):
    prepare(tmp_path / "results" / "three")
    for name, seconds in {"one": 1, "two": 5}.items():
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "run.json").write_text(json.dumps({"seconds": seconds}))
    order = [path.stem for path in run_many(plan, tmp_path / "results", 1, pytest.fail)]
    assert order == ["three", "two", "one"]
    monkeypatch.setattr(many_runs, "FIRST", 1)
    order = [path.stem for path in run_many(plan, tmp_path / "results", 1, pytest.fail)]
    assert order[0] == "one"


def test_what_is_left_is_estimated_from_the_last_time_and_the_cells_that_ended():
    seconds, count = {"one": 10, "two": 30}, {"one": 4, "two": 4}
    left = many_runs._time_left
    assert left(50, seconds, {"one": 0, "two": 2}, count) == "about 1 min left, "  # 25 of 40 s of work in 50
    assert left(490, seconds, {"one": 0, "two": 2}, count) == "about 5 min left, "
    assert (
        left(50, seconds, {"one": 1, "two": 2}, count) == left(50, seconds, {"one": 0, "two": 0}, count) == ""
    )
    assert left(50, seconds | {"two": float("inf")}, {"one": 0, "two": 2}, count) == ""
