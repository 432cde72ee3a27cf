"""A run is done only if what made it is the same; else the sweep says how many are to do, and why."""

import csv
import json
import os
import shutil
import subprocess
import sys
from importlib import metadata

import pytest
from helpers.small_notebooks import PARAMETERS, notebook
from helpers.sweeps import CELL, LOG, Place

import nokenlab
from nokenlab.models import memory
from nokenlab.runs import freshness as made_by
from nokenlab.runs import provenance
from nokenlab.runs import reached_code as sources
from nokenlab.runs.sweep import run_sweep
from nokenlab.runs.sweep_file import load_sweep
from nokenlab.runs.sweep_run import perform

HELPER = "from nokenlab.experiments import themes\n"  # a module that has a data file
LOADS = "from nokenlab.models import loading\n"  # so that the device counts


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder with a sweep of three runs that are done."""
    place = Place(tmp_path_factory.mktemp("done"))
    words = PARAMETERS + 'themes: str = "default"\n'
    book = [HELPER + CELL, LOG, "def loads():\n    " + LOADS]
    notebook(place.folder, "small", *book, parameters=words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWEEP_LOG", str(place.log))
        for name in made_by.CHOSEN:
            patch.delenv(name, raising=False)
        place.run()
    return place.folder


@pytest.fixture
def place(done, tmp_path, monkeypatch):
    """A copy of that sweep, and a copy of the package that its code is read from."""
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "here" / "log"))
    for name in made_by.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(done, tmp_path / "here")
    place = Place(tmp_path / "here", write=False)
    place.package = tmp_path / "copy" / "nokenlab"
    shutil.copytree(sources.PACKAGE, place.package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(sources, "PACKAGE", place.package)
    return place


@pytest.fixture
def says(place, capsys):
    """What --dry-run says of the runs to do, with options; no text for none."""

    def says(*options):
        capsys.readouterr()
        place.run("--dry-run", *options)
        lines = capsys.readouterr().out.splitlines()[1:]
        assert all(line.startswith("s: ") and len(line) < 200 for line in lines) and len(lines) < 2
        return "".join(lines).removeprefix("s: ")

    return says


def edit(path):
    path.write_text(path.read_text() + "\n# edited\n")


def test_what_is_as_it_was_is_not_done_again(place, says):
    assert says() == ""
    place.run()
    assert len(place.ended()) == 3


def test_an_edited_helper_function(place, says):
    edit(place.package / "experiments" / "themes.py")
    assert says() == "3 of 3 to do: nokenlab's code has changed since (experiments/themes.py)"
    edit(place.package / "experiments" / "definitions.py")  # out of the notebook's reach
    assert "definitions" not in says()
    for path in place.package.glob("models/*.py"):
        edit(path)
    assert "experiments/themes.py, models/__init__.py" in says() and "more)" in says()


def test_another_text_cell_changes_nothing_and_another_line_of_code_does(place, says):
    path = place.folder / "small.ipynb"
    book = json.loads(path.read_text())
    book["cells"].append({"cell_type": "markdown", "id": "seen", "metadata": {}, "source": "What we saw"})
    path.write_text(json.dumps(book))
    assert says() == ""
    book["cells"].append(book["cells"][-2])  # a code cell
    path.write_text(json.dumps(book))
    assert says() == "3 of 3 to do: the notebook has changed since"


def test_an_edited_theme_list(place, says):
    edit(place.package / "experiments" / "themes.yaml")
    assert says() == "3 of 3 to do: the data file experiments/themes.yaml has changed since"


def test_a_theme_list_of_one_s_own(place, says):
    own = place.folder / "own.yaml"
    own.write_text("a hole: [hole]")
    place.spec(f"parameters: {{themes: {own}}}\ngrid: {{scale: [1]}}")
    assert says() == "1 of 1 to do: 1 new"
    sweep = load_sweep(place.folder / "s.yaml")
    assert sweep.runs[0].made_by["files"].keys() == {str(own)}
    edit(own)
    (changed,) = load_sweep(place.folder / "s.yaml").runs
    pairs = [(sweep.runs[0].made_by, changed.made_by)]
    assert made_by.difference(pairs) == f"the file {own} has changed since"
    place.spec(f"parameters: {{word: {'x' * 5000!r}}}")  # no file name
    assert says() == "1 of 1 to do: 1 new"


def test_another_number_format_or_device(place, says, monkeypatch):
    monkeypatch.setenv("NOKENLAB_DTYPE", "float16")
    usual = "float32" if memory.devices()[0] == "cpu" else "bfloat16"
    assert says() == f"3 of 3 to do: another number format ({usual} before, float16 now)"
    monkeypatch.delenv("NOKENLAB_DTYPE")
    before = memory.devices()[0]
    kind = "mps" if before == "cuda" else "cuda"
    for device in (kind, f"{kind}:7"):  # which of its kind changes nothing
        monkeypatch.setenv("NOKENLAB_DEVICE", device)
        assert f"another device ({before} before, {kind} now)" in says()
    notebook(place.folder, "small", "x = 1")  # loads no model
    assert "device" not in load_sweep(place.folder / "s.yaml").runs[0].made_by


def test_the_device_is_what_a_model_gets(place, monkeypatch):
    def of(device, dtype):
        for name, value in zip(made_by.CHOSEN, (device, dtype), strict=True):
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
        made = load_sweep(place.folder / "s.yaml").runs[0].made_by
        there = memory.choose_device(None)
        assert (made["device"], made["dtype"]) == (there, memory.choose_dtype(None, there))

    of(None, None), of("cpu", None), of(None, "torch.float16")


def test_another_torch(place, says, monkeypatch):
    real = metadata.version
    was = real("torch")
    monkeypatch.setattr(provenance, "version", lambda name: "99.1" if name == "torch" else real(name))
    assert says() == f"3 of 3 to do: another torch ({was} before, 99.1 now)"
    monkeypatch.setattr(nokenlab, "__version__", "0.9")
    assert "another nokenlab (0.1.0 before, 0.9 now); another torch" in says()


def test_all_that_differs_is_said_in_one_line(place, says, monkeypatch):
    place.spec("threads: 2\ngrid: {scale: [3, 1, 5]}")
    edit(place.package / "experiments" / "themes.py")
    edit(place.package / "experiments" / "themes.yaml")
    notebook(
        place.folder,
        "small",
        HELPER + CELL,
        LOG + "# edited",
        parameters=PARAMETERS + 'themes: str = "default"',
    )
    said = says()
    assert (
        said.startswith("3 of 3 to do: 2 stale, 1 new: nokenlab's code has changed since (")
        and said[-1] == "…"
    )
    assert says("--keep-stale") == "1 of 3 to do: 1 new"
    assert says("--force").startswith("3 of 3 to do: 2 stale, 1 new")


def test_a_record_without_what_made_it_is_stale(place, says):
    for name in place.runs("folder")[:2]:
        path = place.here / "runs" / name / "sweep.json"
        record = json.loads(path.read_text())
        del record["made_by"], record["files"]["sweep.json"]
        path.write_text(json.dumps(record))
    assert says() == "2 of 3 to do: made before nokenlab kept what made a run"


def test_stale_rows_are_kept_on_purpose_and_marked_else_done_again(place, says, monkeypatch):
    place.spec("rows: [halves]\ntables: [halves]\ngrid: {scale: [3, 1, 2]}")
    fresh = place.table()
    book = place.folder / "small.ipynb"
    book.write_text(book.read_text().replace("import os, sys", "import sys, os"))
    place.spec("rows: [halves]\ntables: [halves]\ngrid: {scale: [3, 1, 2, 4]}")
    place.run("--keep-stale")
    rows = list(csv.DictReader(place.table().decode().splitlines()))
    assert {(row["scale"], row["stale"]) for row in rows} == {
        ("3.0", "true"), ("1.0", "true"), ("2.0", "true"), ("4.0", "false")
    }  # fmt: skip
    assert place.runs("status") == ["done"] * 4 and place.runs("stale") == ["True"] * 3 + ["False"]
    assert len(place.ended()) == 4 and says("--keep-stale") == ""
    assert says() == "3 of 4 to do: the notebook has changed since"
    place.spec("grid: {scale: [3, 1, 2]}")
    place.run()
    assert place.table() == fresh and len(place.ended()) == 7


def test_a_stale_run_that_is_not_done_again_is_in_no_table(place, monkeypatch):
    book = place.folder / "small.ipynb"
    book.write_text(book.read_text().replace("import os, sys", "import sys, os"))

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("nokenlab.runs.sweep.keep", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(load_sweep(place.folder / "s.yaml"), place.here)
    assert place.table().count(b"\n") == 1 and place.runs("status") == ["stale"] * 3


def test_a_row_is_traced_to_what_made_it(place):
    makers = json.loads((place.here / "made_by.json").read_text())
    (name,) = {trace.split("/")[-1] for trace in place.runs("made_by")}
    record = json.loads((place.here / "runs" / place.runs("folder")[0] / "sweep.json").read_text())
    assert makers == {name: record["made_by"]} and name == made_by.digest(record["made_by"])
    assert {"experiments/themes.py", "models/loading.py", "runs/results.py"} <= record["made_by"][
        "code"
    ].keys()
    if commit := provenance.git_state()["commit"]:
        assert all(trace.startswith(commit[:9]) for trace in place.runs("made_by"))


def test_another_machine_s_code_is_refused(place, tmp_path):
    made = load_sweep(place.folder / "s.yaml").runs[0].made_by
    task = {"made_by": made, "environment": {}, "identity": "x", "parameters": {}}
    edit(place.package / "experiments" / "themes.py")
    record, files = perform(task)
    assert record["error"] == "nokenlab's code is another here (experiments/themes.py)" and not files
    task["made_by"] = made | {"code": {}, "torch": "1.0"}
    assert perform(task)[0]["error"] == f"another torch (1.0 there, {made['torch']} here)"


def test_code_that_changes_while_a_run_goes_on_makes_no_row(place):
    """The command and its runs all take the copy for nokenlab."""
    change = 'if word == "edit":\n    open(nokenlab.errors.__file__, "a").write("\\n# x\\n")'
    notebook(place.folder, "small", CELL, "import nokenlab.errors\n" + change, LOG)
    place.spec("grid: {word: [a, edit, b]}")
    env = os.environ | {"PYTHONPATH": str(place.package.parent)}
    words = ["sweep", str(place.folder / "s.yaml"), "--results", str(place.results)]
    command = [sys.executable, "-m", "nokenlab", *words]
    done = subprocess.run(command, cwd=place.package.parent, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "s: 3 of 3 to do: 3 new" in done.stdout
    assert place.runs("status") == ["done", "failed", "failed"]
    assert place.runs("error")[1:] == [
        "nokenlab's code changed while it ran (errors.py)",
        "nokenlab's code is another here (errors.py)",
    ]


def test_nobody_waits_for_torch(place):
    code = (
        "import sys, time; from nokenlab.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    )
    words = ["sweep", "notebooks/sweeps/definitions.yaml", "--dry-run", "--results", str(place.results)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=provenance.ROOT, capture_output=True, text=True
    )
    gpu = sys.platform == "darwin" or any(map(os.path.exists, made_by.GPUS))
    assert done.stdout.splitlines()[-1] == str(gpu)


def test_a_thousand_runs_read_the_code_once(place, monkeypatch):
    place.spec(f"grid: {{scale: {list(range(1000))}}}")
    reached, read = sources.reached, []
    monkeypatch.setattr(sources, "reached", lambda path: read.append(path) or reached(path))
    sweep = load_sweep(place.folder / "s.yaml")
    assert len(read) == 1 and all(run.made_by["code"] is sweep.runs[0].made_by["code"] for run in sweep.runs)
