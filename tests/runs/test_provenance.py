"""What run.json says of a run, and files of a run that somebody changed, cut or removed later."""

import json
import shlex
import subprocess

import pytest
from helpers.small_notebooks import FIGURE, TABLE, notebook

from nokenlab.cli import main
from nokenlab.pages.results_page import write_index
from nokenlab.runs import many_runs, provenance
from nokenlab.runs.notebook_run import run_notebook
from nokenlab.runs.notebooks import numbered
from nokenlab.runs.parameters import parse, read

CHANGED = "story: changed since its run: "


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


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A results folder with one run, and the bytes of its files."""
    place = tmp_path_factory.mktemp("changed")
    folder = place / "results" / "story"
    run_notebook(notebook(place, "story", TABLE, FIGURE), {}, folder)
    return folder.parent, {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def results(ran):
    """The same, restored after each test."""
    results, files = ran
    yield results
    for name, content in files.items():
        (results / "story" / name).write_bytes(content)


def test_an_unchanged_run(results):
    assert provenance.changed_runs(results) == []
    assert "Changed since" not in write_index(results).read_text()
    files = json.loads((results / "story" / "run.json").read_text())["files"]
    assert set(files) == {path.name for path in (results / "story").iterdir()}


@pytest.mark.parametrize("name", ["words.csv", "curve.png", "story.ipynb", "run.json"])
@pytest.mark.parametrize("change", ["a bit", "the end", "all"])
def test_any_change_of_any_file_is_noticed(results, name, change):
    path = results / "story" / name
    content = path.read_bytes()
    middle = len(content) // 2
    if change == "all":
        path.unlink()
    elif change == "the end":
        path.write_bytes(content[:middle])
    else:
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    if (name, change) == ("run.json", "all"):  # no run is there
        assert provenance.changed_runs(results) == []
        return
    assert provenance.changed_runs(results) == [f"{CHANGED}{name}; run story again"]
    if name != "run.json":
        assert f"**Changed since this run: {name}**" in write_index(results).read_text()


def test_a_value_in_the_record_is_noticed(results):
    path = results / "story" / "run.json"
    path.write_text(path.read_text().replace('"scale": 1.0', '"scale": 2.0'))
    assert provenance.changed_runs(results) == [f"{CHANGED}run.json; run story again"]


def test_a_record_without_digests_is_left_alone(results):
    """Runs are older than it."""
    path = results / "story" / "run.json"
    record = json.loads(path.read_text())
    del record["files"]
    path.write_text(json.dumps(record))
    (results / "story" / "words.csv").write_text("a\n")
    assert provenance.changed_runs(results) == []


def test_the_commands_say_it(results, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(many_runs, "run_many", lambda plan, *_: iter(plan))
    (results / "story" / "words.csv").write_text("a\n")
    other = notebook(tmp_path, "other", "print(1)")
    for begin, *words in (["nokenlab", "run", str(other)], ["note", "site", str(tmp_path / "site")]):
        assert main([*words, "--results", str(results)]) == 0
        assert f"{begin}: {CHANGED}words.csv; run story again\n" in capsys.readouterr().err
