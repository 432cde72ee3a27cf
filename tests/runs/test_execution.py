"""The cells of a notebook in a kernel: how it ends is told as it was."""

import json
import sys

import nbformat
import pytest
from helpers.small_notebooks import names, notebook

from nokenlab.errors import RunFailed
from nokenlab.runs.notebook_run import execute


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


def test_what_a_cell_prints_is_one_text_however_it_came(tmp_path, folder):
    cell = "import time\nfor word in 'ab':\n    print(word, flush=True)\n    time.sleep(0.5)"
    execute(notebook(tmp_path, "slow", cell, parameters=None), {}, folder)
    (output,) = nbformat.read(folder / "slow.ipynb", 4).cells[-1].outputs
    assert output.text == "a\nb\n"
