"""What run.json says of where a result comes from."""

import hashlib
import shlex
import subprocess

import pytest
from helpers.small_notebooks import notebook

from nokenlab.runs import provenance
from nokenlab.runs.notebooks import numbered
from nokenlab.runs.parameters import parse, read


def test_a_record_says_what_was_run(tmp_path):
    path = notebook(tmp_path, "story")
    record = provenance.record(path, {"word": "x", "scale": 2.0}, {"scale": 2.0}, {})
    assert record["notebook"] == "story" and record["title"] == "The story of story"
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["parameters"] == {"word": "x", "scale": 2.0}
    assert record["command"] == "nokenlab run story.ipynb -p scale 2.0"


@pytest.mark.parametrize("word", ["it's {x}", "", "-p", "犬 $HOME"])
def test_the_command_gives_the_same_parameters_again(tmp_path, word):
    path, given = notebook(tmp_path, "story"), {"word": word, "seeds": [3], "scale": 1e-3}
    program, run, name, *rest = shlex.split(provenance.command(path, given))
    assert (program, run, name) == ("nokenlab", "run", "story.ipynb")
    assert rest[0::3] == ["-p"] * 3
    known = read(path)
    assert {n: parse(known[n], t) for n, t in zip(rest[1::3], rest[2::3], strict=True)} == given


def test_a_numbered_notebook_is_called_by_its_name():
    assert provenance.command(numbered()[0].resolve(), {}) == f"nokenlab run {numbered()[0].stem}"


def test_versions():
    assert {"python", "nokenlab", "torch", "transformers", "papermill"} == set(provenance.versions())


def test_git_state(tmp_path, monkeypatch):
    def git(*args):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *args], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.git_state() == {"commit": None, "dirty": None}
    git("init")
    (tmp_path / "a").write_text("")
    assert provenance.git_state() == {"commit": None, "dirty": True}
    git("add", "a")
    git("commit", "-m", "a")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "t.csv").write_text("")
    state = provenance.git_state()
    assert len(state["commit"]) == 40 and state["dirty"] is False
