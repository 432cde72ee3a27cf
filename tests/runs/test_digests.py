"""Files of a run that somebody changed, cut or removed."""

import json

import pytest
from helpers.small_notebooks import FIGURE, TABLE, notebook

from nokenlab.cli import main
from nokenlab.pages.results_page import write_index
from nokenlab.runs import many_runs, provenance

STORY = "story: changed after its run: "


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A results folder with one run, and the bytes of its files."""
    place = tmp_path_factory.mktemp("changed")
    notebook(place, "story", TABLE, FIGURE)
    assert main(["run", str(place / "story.ipynb"), "--results", str(place / "results")]) == 0
    return place / "results", {path.name: path.read_bytes() for path in (place / "results/story").iterdir()}


@pytest.fixture
def results(ran):
    """The same, whole again after each test."""
    results, files = ran
    yield results
    for name, data in files.items():
        (results / "story" / name).write_bytes(data)


def test_what_a_run_wrote_is_as_it_was(results):
    assert provenance.changed_runs(results) == []
    assert "Not as" not in write_index(results).read_text()
    files = json.loads((results / "story" / "run.json").read_text())["files"]
    assert set(files) == {path.name for path in (results / "story").iterdir()}


@pytest.mark.parametrize("name", ["words.csv", "curve.png", "story.ipynb", "run.json"])
@pytest.mark.parametrize("change", ["a bit", "the end", "all"])
def test_any_change_of_any_file_is_told(results, name, change):
    path = results / "story" / name
    data = path.read_bytes()
    middle = len(data) // 2
    if change == "all":
        path.unlink()
    else:
        flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        path.write_bytes(data[:middle] if change == "the end" else flipped)
    if (name, change) == ("run.json", "all"):
        return  # no run is there
    assert provenance.changed_runs(results) == [f"{STORY}{name}; run story again"]
    if name != "run.json":
        page = write_index(results).read_text()
        assert f"**Not as its run wrote it: {name}**; the command above makes it again." in page


def test_a_value_in_the_record_is_told(results):
    path = results / "story" / "run.json"
    path.write_text(path.read_text().replace('"scale": 1.0', '"scale": 2.0'))
    assert provenance.changed_runs(results) == [f"{STORY}run.json; run story again"]


def test_a_run_of_before_there_were_digests_is_left_alone(results):
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
    assert main(["run", str(other), "--results", str(results)]) == 0
    assert f"nokenlab: {STORY}words.csv; run story again\n" in capsys.readouterr().err
    assert main(["site", str(tmp_path / "site"), "--results", str(results)]) == 0
    assert f"nokenlab: {STORY}words.csv; run story again\n" in capsys.readouterr().err
