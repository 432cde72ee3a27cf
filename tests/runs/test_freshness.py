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
from nokenlab.runs import freshness, provenance, reached_code
from nokenlab.runs.freshness import CHOSEN
from nokenlab.runs.sweep import run_sweep
from nokenlab.runs.sweep_file import load_sweep
from nokenlab.runs.sweep_run import perform

HELPER = "from workbook.definitions import themes\n"  # a module that has a data file
CODE, DATA = "workbook/definitions/themes.py", "workbook/definitions/themes.yaml"
LOADS = "def loads():\n    from nokenlab import loading"  # so that the device counts
WORDS = PARAMETERS + 'themes: str = "default"'


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder with a sweep of three runs that are done."""
    place = Place(tmp_path_factory.mktemp("done"))
    notebook(place.folder, "small", HELPER + CELL, LOG, LOADS, parameters=WORDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWEEP_LOG", str(place.log))
        for name in CHOSEN:
            patch.delenv(name, raising=False)
        place.run()
    return place.folder


@pytest.fixture
def place(done, tmp_path, monkeypatch):
    """A copy of that sweep, and copies of the packages that its code is read from."""
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "here" / "log"))
    for name in CHOSEN:
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(done, tmp_path / "here")
    place = Place(tmp_path / "here", write=False)
    place.packages = tmp_path / "copy"
    for name, folder in reached_code.PACKAGES.items():
        shutil.copytree(folder, place.packages / name, ignore=shutil.ignore_patterns("__pycache__", "*.gguf"))
    monkeypatch.setattr(reached_code, "PACKAGES", {n: place.packages / n for n in reached_code.PACKAGES})
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


def made_by(place):
    return load_sweep(place.folder / "s.yaml").runs[0].made_by


def test_unchanged_runs_are_not_repeated(place, says):
    assert says() == ""
    place.run()
    assert len(place.ended()) == 3


def test_an_edited_module_or_data_file(place, says):
    edit(place.packages / "workbook" / "lerp" / "figures.py")  # out of the notebook's reach
    assert says() == ""
    edit(place.packages / CODE)
    assert says() == f"3 of 3 to do: changed since: {CODE}"
    edit(place.packages / DATA)
    assert says().endswith(f"changed since: {CODE}, {DATA}")
    for path in (place.packages / "nokenlab" / "models").glob("*.py"):
        edit(path)
    assert "changed since: nokenlab/models/__init__.py, " in says()


def test_another_text_cell_changes_nothing_and_another_line_of_code_does(place, says):
    path = place.folder / "small.ipynb"
    book = json.loads(path.read_text())
    book["cells"].append({"cell_type": "markdown", "id": "seen", "metadata": {}, "source": "What we saw"})
    path.write_text(json.dumps(book))
    assert says() == ""
    book["cells"].append(book["cells"][-2])  # a code cell
    path.write_text(json.dumps(book))
    assert says() == "3 of 3 to do: changed since: the notebook"


def test_a_file_that_a_parameter_names(place, says):
    path = place.folder / "own.yaml"
    path.write_text("a hole: [hole]")
    place.spec(f"parameters: {{themes: {path}}}\ngrid: {{scale: [1]}}")
    assert says() == "1 of 1 to do: 1 new"
    before = made_by(place)
    assert str(path) in before["files"]
    edit(path)
    assert freshness.difference([(before, made_by(place))]) == f"changed since: {path}"
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
    assert "device" not in made_by(place)


@pytest.mark.parametrize("chosen", [(None, None), ("cpu", None), (None, "torch.float16")])
def test_the_device_is_what_a_model_gets(place, monkeypatch, chosen):
    for name, value in zip(CHOSEN, chosen, strict=True):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    device = memory.choose_device(None)
    machine = made_by(place)
    assert (machine["device"], machine["number format"]) == (device, memory.choose_dtype(None, device))


def test_another_torch(place, says, monkeypatch):
    real = metadata.version
    was = real("torch")
    monkeypatch.setattr(provenance, "version", lambda name: "99.1" if name == "torch" else real(name))
    assert says() == f"3 of 3 to do: another torch ({was} before, 99.1 now)"
    monkeypatch.setattr(nokenlab, "__version__", "0.9")
    assert "another nokenlab (0.1.0 before, 0.9 now); another torch" in says()


def test_all_that_differs_is_said_in_one_line(place, says):
    place.spec("threads: 2\ngrid: {scale: [3, 1, 5]}")
    for name in (CODE, DATA):
        edit(place.packages / name)
    for path in (place.packages / "nokenlab" / "models").glob("*.py"):
        edit(path)
    notebook(place.folder, "small", HELPER + CELL, LOG + "# edited", LOADS, parameters=WORDS)
    line = says()
    assert line.startswith("3 of 3 to do: 2 stale, 1 new: changed since: the notebook, ") and line[-1] == "…"
    assert says("--keep-stale") == "1 of 3 to do: 1 new"
    assert says("--force").startswith("3 of 3 to do: 2 stale, 1 new")


def test_stale_rows_are_kept_on_purpose_and_marked_else_done_again(place, says):
    rows = "rows: [halves]\ntables: [halves]\n"
    place.spec(rows + "grid: {scale: [3, 1, 2]}")
    fresh = place.table()
    book = place.folder / "small.ipynb"
    book.write_text(book.read_text().replace("import os, sys", "import sys, os"))
    place.spec(rows + "grid: {scale: [3, 1, 2, 4]}")
    place.run("--keep-stale")
    table = csv.DictReader(place.table().decode().splitlines())
    stale = {row["scale"]: row["stale"] for row in table}
    assert stale == {"3.0": "True", "1.0": "True", "2.0": "True", "4.0": "False"}
    assert place.runs("status") == ["done"] * 4 and place.runs("stale") == ["True"] * 3 + ["False"]
    assert len(place.ended()) == 4 and says("--keep-stale") == ""
    assert says() == "3 of 4 to do: changed since: the notebook"
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
    digests = json.loads((place.here / "made_by.json").read_text())
    (name,) = {trace.split("/")[-1] for trace in place.runs("made_by")}
    record = json.loads((place.here / "runs" / place.runs("folder")[0] / "sweep.json").read_text())
    assert digests == {name: record["made_by"]} and name == freshness.digest(record["made_by"])
    assert {CODE, "nokenlab/loading.py", "nokenlab/runs/results.py"} <= record["made_by"]["files"].keys()
    if commit := provenance.git_state()["commit"]:
        assert all(trace.startswith(commit[:9]) for trace in place.runs("made_by"))


def test_another_machine_s_code_is_refused(place, tmp_path):
    before = made_by(place)
    task = {"made_by": before, "environment": {}, "identity": "x", "parameters": {}, "threads": 1}
    edit(place.packages / CODE)
    for folder, made, error in [
        ("code", before, f"different here: {CODE}"),
        (
            "torch",
            before | {"files": {}, "torch": "1.0"},
            f"another torch (1.0 there, {before['torch']} here)",
        ),
    ]:
        (tmp_path / folder).mkdir()
        record, files = perform(task | {"made_by": made}, tmp_path / folder, None)
        assert (record["status"], record["error"]) == ("failed", error) and not list(files.iterdir())


def test_code_that_changes_while_a_run_goes_on_makes_no_row(place):
    """The command and its runs all take the copy for nokenlab."""
    change = 'if word == "edit":\n    open(nokenlab.errors.__file__, "a").write("\\n# x\\n")'
    notebook(place.folder, "small", CELL, "import nokenlab.errors\n" + change, LOG)
    place.spec("grid: {word: [a, edit, b]}")
    env = os.environ | {"PYTHONPATH": str(place.packages)}
    words = ["sweep", str(place.folder / "s.yaml"), "--results", str(place.results)]
    command = [sys.executable, "-m", "nokenlab", *words]
    done = subprocess.run(command, cwd=place.packages, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "s: 3 of 3 to do: 3 new" in done.stdout
    assert place.runs("status") == ["done", "failed", "failed"]
    assert place.runs("error")[1:] == [
        "changed while it ran: nokenlab/errors.py",
        "different here: nokenlab/errors.py",
    ]


def test_nobody_waits_for_torch(place):
    code = "import sys; from nokenlab.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    words = ["sweep", "notebooks/sweeps/definitions.yaml", "--dry-run", "--results", str(place.results)]
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=provenance.ROOT, capture_output=True, text=True)
    gpu = sys.platform == "darwin" or any(map(os.path.exists, freshness.GPUS))
    assert done.stdout.splitlines()[-1] == str(gpu)


def test_a_thousand_runs_read_the_code_once(place, monkeypatch):
    place.spec(f"grid: {{scale: {list(range(1000))}}}")
    reached, read = freshness.reached, []
    monkeypatch.setattr(freshness, "reached", lambda path: read.append(path) or reached(path))
    sweep = load_sweep(place.folder / "s.yaml")
    files = sweep.runs[0].made_by["files"]
    assert len(read) == 1 and all(run.made_by["files"] is files for run in sweep.runs)
