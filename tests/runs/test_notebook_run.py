"""A run from its parameters to its folder, and how its cells end in a kernel."""

import hashlib
import json
import sys

import nbformat
import pytest
from helpers.small_notebooks import FIGURE, TABLE, names, notebook
from nbformat.v4 import new_output

from nokenlab.errors import BadInput, RunFailed
from nokenlab.runs import notebook_run
from nokenlab.runs.notebook_run import execute, run_notebook


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A good run, done twice: (notebook, folder, run, bytes of the first time)."""
    place = tmp_path_factory.mktemp("odd {place} $HOME [1]")
    path = notebook(place, "story", TABLE, FIGURE)
    folder = place / "results" / "story"
    run_notebook(path, {"word": "it's {x}", "scale": 2}, folder)
    first = {p.name: p.read_bytes() for p in folder.iterdir()}
    run = run_notebook(path, {"word": "it's {x}", "scale": 2}, folder)
    return path, folder, run, first


def test_the_same_run_writes_the_same_bytes(ran):
    _, folder, _, first = ran
    assert names(folder) == ["curve.png", "run.json", "story.ipynb", "words.csv"] == sorted(first)
    assert names(folder.parent) == ["story"]
    for name in {*first} - {"run.json"}:
        assert (folder / name).read_bytes() == first[name], name
    assert first["words.csv"].startswith(b"seed,word,third,response\n1,it's {x},0.666667,")


def test_run_json(ran):
    path, folder, run, _ = ran
    assert run == json.loads((folder / "run.json").read_text())
    assert run["notebook"] == "story" and run["title"] == "The story of story"
    assert run["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert run["parameters"] == {"word": "it's {x}", "seeds": [1, 2], "scale": 2.0}
    assert run["command"] == """nokenlab run story.ipynb -p word 'it'"'"'s {x}' -p scale 2.0"""
    assert run["lab"]["model"] == "toy" and run["versions"]["python"] == sys.version.split()[0]
    assert set(run["git"]) == {"commit", "dirty"}
    assert run["started"].endswith("+00:00") and run["seconds"] > 0


def test_executed_notebook_shows_each_result_once_and_no_path(ran):
    _, folder, _, _ = ran
    text = (folder / "story.ipynb").read_text()
    assert str(folder.parent.parent) not in text and "duration" not in text
    cells = [cell for cell in nbformat.reads(text, 4).cells if cell.cell_type == "code"]
    kinds = [[sorted(out.data) for out in cell.outputs] for cell in cells]
    assert kinds == [[], [], [["text/html", "text/plain"]], [["image/png", "text/plain"]]]


def test_a_failed_run_keeps_the_old_results(ran, tmp_path, monkeypatch):
    path, folder, _, _ = ran
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    source = path.read_bytes()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    try:
        notebook(path.parent, "story", TABLE, "raise ValueError('\\x1b[31mposition 9\\x1b[0m\\nmore')")
        with pytest.raises(RunFailed) as caught:
            run_notebook(path, {}, folder)
    finally:
        path.write_bytes(source)
    assert str(caught.value) == f"story: ValueError: position 9 (executed notebook: {caught.value.executed})"
    assert nbformat.read(caught.value.executed, 4).cells
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert names(folder.parent) == ["story"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_first_run_that_fails_leaves_nothing(tmp_path, monkeypatch, error):
    def execute(notebook, given, folder, *_):
        (folder / "half.csv").write_text("a")
        raise error

    monkeypatch.setattr(notebook_run, "execute", execute)
    with pytest.raises(type(error)):
        run_notebook(notebook(tmp_path, "n"), {}, tmp_path / "results" / "n")
    assert names(tmp_path / "results") == []


@pytest.fixture
def no_kernel(monkeypatch):
    def execute(*_):
        raise AssertionError("a kernel was started")

    monkeypatch.setattr(notebook_run, "execute", execute)


@pytest.mark.parametrize("bad", [{"wrd": "x"}, {"seeds": ["x"]}, {"scale": float("nan")}])
def test_bad_parameters_write_nothing(tmp_path, no_kernel, bad):
    with pytest.raises(BadInput):
        run_notebook(notebook(tmp_path, "n"), bad, tmp_path / "results" / "n")
    assert names(tmp_path) == ["n.ipynb"]


def test_refuses_a_place_it_cannot_or_must_not_write(tmp_path, no_kernel):
    path = notebook(tmp_path, "n")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write results to"):
        run_notebook(path, {}, tmp_path / "file" / "n")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(BadInput, match="already exists and was not created by nokenlab"):
        run_notebook(path, {}, tmp_path / "mine")
    assert names(tmp_path / "mine") == ["thesis.tex"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a run; temporary files are beside it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.mark.parametrize(
    "cell, reason",
    [
        ("import os; os._exit(0)", "the kernel died; out of memory, or a crash?"),
        ("import sys; sys.exit()", "SystemExit: a cell called sys.exit"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("assert False", "AssertionError: no message"),
        ("import time; time.sleep(60)", "over its time limit of 1 s"),
    ],
)
def test_a_failure_has_its_reason_and_an_executed_copy(tmp_path, folder, cell, reason):
    path = notebook(tmp_path, "bad", cell, "x = 1")
    with pytest.raises(RunFailed) as caught:
        execute(path, {}, folder, 1 if "sleep" in cell else None)
    assert caught.value.reason == reason and "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"bad: {reason} (executed notebook: ")
    assert caught.value.executed.parent.parent == tmp_path  # not in the folder, which goes
    assert cell in [c.source for c in nbformat.read(caught.value.executed, 4).cells]


def test_the_kernel_is_this_python_whatever_kernelspecs_there_are(tmp_path, folder, monkeypatch):
    spec = tmp_path / "data" / "kernels" / "python3"
    spec.mkdir(parents=True)
    other = {"argv": ["/none/python"], "display_name": "x", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(other))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "data"))
    cell = f"import sys\nassert sys.executable == {sys.executable!r}"
    path = notebook(tmp_path, "which", cell, parameters=None)
    nb = nbformat.read(path, 4)
    nb.metadata.clear()
    nbformat.write(nb, path)
    execute(path, {}, folder)
    assert names(folder) == ["which.ipynb"]


def test_prints_are_joined_line_by_line():
    texts = ["10%\r20%", "\r\n", *["x" * 100_000 + "\n"] * 100]  # minutes, if the time were quadratic
    outputs = [new_output("stream", name="stdout", text=text) for text in texts]
    figure, warning = new_output("display_data", {}), new_output("stream", name="stderr", text="w")
    first, second, last = notebook_run.joined([warning, *outputs, figure])
    assert (first.name, second.text, last) == ("stdout", "w", figure)
    assert first.text == "20%\n" + ("x" * 100_000 + "\n") * 100


def test_what_a_cell_prints_is_one_text_however_it_came(tmp_path, folder):
    cell = "import time\nfor word in 'ab':\n    print(word, flush=True)\n    time.sleep(0.5)"
    execute(notebook(tmp_path, "slow", cell, parameters=None), {}, folder)
    (output,) = nbformat.read(folder / "slow.ipynb", 4).cells[-1].outputs
    assert output.text == "a\nb\n"
