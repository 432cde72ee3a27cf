import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from helpers.small_notebooks import PARAMETERS, TABLE, names, notebook
from nbformat.v4 import new_code_cell, new_notebook, new_output

import nokenlab
from nokenlab.cli import main
from nokenlab.runs import many_runs, notebooks
from nokenlab.runs.provenance import executed_copy


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with two notebooks in notebooks/, and none beside the package."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "notebooks"
    folder.mkdir()
    notebook(folder, "01-one", TABLE)
    notebook(folder, "02-two", "print(model)", parameters='model: str = "default"  # hub id')
    return tmp_path


@pytest.fixture
def runs(monkeypatch):
    """The runs that would be made, as (notebook, parameters)."""
    made = []

    def run_many(plan, results, workers, complain):
        made.extend((notebook.stem, parameters) for notebook, parameters in plan.items())
        results.mkdir(parents=True, exist_ok=True)
        return list(plan)

    monkeypatch.setattr(many_runs, "run_many", run_many)
    return made


def exit_code(*words):
    """Of a command; argparse ends by SystemExit where it finds a fault."""
    try:
        return main(words)
    except SystemExit as end:
        return end.code


def test_list(place, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines()[:4] == [
        "01-one  The story of 01-one",
        "    word: str = 'a | b'  # any text",
        "    seeds: list[int] = [1, 2]  # whole numbers",
        "    scale: float = 1.0  # above 0",
    ]


def test_list_imports_nothing_heavy():
    code = "import sys; from nokenlab.cli import main; main(['list']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert not {"torch", "papermill", "pandas", "nbformat", "IPython", "matplotlib"} & set(loaded)


def test_version_and_module():
    words = [sys.executable, "-m", "nokenlab", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"nokenlab {nokenlab.__version__}\n"


def test_all_notebooks_if_none_is_named(place, runs):
    assert main(["run"]) == main(["run", "1", "01"]) == 0
    assert [name for name, _ in runs] == ["01-one", "02-two", "01-one"]


def test_each_of_several_models_has_a_folder_and_one_page_shows_them(place, runs, capsys):
    assert main(["run", "02", "--model", "default", "--model", "some/other"]) == 0
    assert [parameters["model"] for _, parameters in runs] == ["default", "some/other"]
    assert sorted(path.name for path in (place / "results" / "mine").iterdir()) == [
        "default",
        "other",
        "side-by-side.html",
    ]
    assert exit_code("run", "02", "--model", "a/x", "--model", "b/x") == 2
    assert "two of the models have one name" in capsys.readouterr().err


def test_parameters_go_to_those_that_have_them(place, runs):
    words = ["run", "-p", "word", "5", "-p", "seeds", "[3, 4]", "-p", "scale", "-1e-3", "--model", "m=1"]
    assert main(words) == 0
    assert runs == [
        ("01-one", {"word": "5", "seeds": [3, 4], "scale": -0.001}),
        ("02-two", {"model": "m=1"}),
    ]


@pytest.mark.parametrize("text", ["-hello", "--results", "a=b", "", "it's\n"])
def test_any_text_can_be_a_value(place, runs, text):
    assert main(["run", "01", "-p", "word", text]) == 0
    assert runs == [("01-one", {"word": text})]


@pytest.mark.parametrize(
    "words, message",
    [
        ("03-one", "no notebook '03-one'; did you mean '01-one'? there are: 01-one, 02-two"),
        ("none.ipynb", "no notebook 'none.ipynb'"),
        ("file.ipynb", "file.ipynb is not a notebook"),
        ("-p wrd x", "none of the notebooks has a parameter 'wrd'; did you mean"),
        ("01 -p wrd x", "01-one has no parameter 'wrd'; did you mean 'word'? there are: word, s"),
        ("01 --model x", "01-one has no parameter 'model'"),
        ("-p seeds 3", "seeds must be list[int], got 3"),
        ("-p seeds [a]", "seeds must be list[int], got ['a']"),
        ("-p seeds [1,", "seeds must be list[int], got '[1,'"),
        ("-p scale .nan", "scale must be float (finite), got nan"),
        ("-p scale NaN", "scale must be float (finite), got nan"),
        ("-p word a -p word b", "parameter 'word' is given twice"),
        ("-p model a --model b", "parameter 'model' is given twice"),
        ("01 -p word", "-p requires a name and a value"),
        ("01 -p", "-p requires a name and a value"),
        ("01 --workers 0", "argument --workers: must be a whole number above 0, got '0'"),
        ("01 other/01-one.ipynb", "two of the notebooks have one name"),
        ("01 --results file.ipynb", "cannot write results to"),
        ("01 --results other", "other/README.md was not written by nokenlab"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(place, runs, capsys, words, message):
    (place / "file.ipynb").write_text("no")
    (place / "other").mkdir()
    (place / "other" / "README.md").write_text("mine")
    notebook(place / "other", "01-one", "1")
    assert exit_code("run", *words.split()) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"nokenlab: {message}") and error.count("\n") == 1
    assert not runs and names(place) == ["file.ipynb", "notebooks", "other"]
    assert names(place / "other") == ["01-one.ipynb", "README.md"]


def test_no_notebooks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["run"]) == 2
    assert "no notebooks here" in capsys.readouterr().err


def test_an_unknown_command_has_a_hint_and_long_lists_are_not_cut(place, capsys):
    assert main(["exprot", "01", "x.html"]) == 2
    assert "no command 'exprot'; did you mean 'export'? there are: list, run" in capsys.readouterr().err
    for number in range(3, 18):
        notebook(place / "notebooks", f"{number:02}-notebook", "1")
    assert main(["export", "99", "x.html"]) == 2
    assert capsys.readouterr().err == "nokenlab: no notebook '99'; `nokenlab list` shows all 17\n"


def test_what_can_be_read_is_told_while_the_rest_runs(place, runs, monkeypatch, capsys):
    monkeypatch.setattr(many_runs, "FIRST", 1)
    assert main(["run"]) == 0
    page = Path("results", "mine", "README.md")
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"the first 1 ran; look at {page} meanwhile",
        f"2 of 2 notebooks ran; look at {page}",
    ]
    assert page.is_file()


def test_bad_usage_exits_with_2():
    for words in (["bogus"], [], ["run", "--bogus"], ["run", "--results", ""]):
        assert exit_code(*words) == 2


def test_one_failing_notebook_does_not_stop_the_others(place, capsys):
    notebook(place / "notebooks", "00-bad", "raise KeyError('x')", parameters=PARAMETERS)
    assert main(["run", "00", "01", "--results", "out"]) == 1
    output = capsys.readouterr()
    assert "nokenlab: 00-bad: KeyError: 'x' (executed notebook: " in output.err
    assert "papermill" not in output.err and "Traceback" not in output.err
    begin, end = output.out.splitlines()
    assert begin.startswith("notebooks: 2, at a time: ") and "threads of each: " in begin
    assert end == "1 of 2 notebooks ran; look at out/README.md"
    assert names(place / "out") == ["01-one", "README.md"]
    assert "nokenlab run 01-one\n" in (place / "out" / "README.md").read_text()


def test_traceback_is_for_developers(place, capsys, monkeypatch):
    def broken(*_):
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr("nokenlab.cli.title", broken)
    assert main(["list"]) == 1
    assert capsys.readouterr().err == "nokenlab: RuntimeError: first\n"
    with pytest.raises(RuntimeError):
        main(["list", "--traceback"])


def test_fetch(monkeypatch, capsys):
    monkeypatch.setattr("nokenlab.models.hub.fetch", lambda model, check, accept: f"place of {model}")
    assert main(["fetch"]) == main(["fetch", "a/b"]) == main(["fetch", "--check"]) == 0
    out = capsys.readouterr().out
    assert out == "place of None\nplace of a/b\nplace of None: every file is valid\n"


def test_a_reader_that_has_seen_enough_is_no_error():
    """As head is, in `nokenlab list | head`."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "nokenlab", "list"]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.stderr == "" and done.returncode == 1


def test_export(tmp_path, capsys):
    source = tmp_path / "note.ipynb"
    output = new_output("display_data", {"text/html": '<p id="mine">42</p>'})
    nbformat.write(new_notebook(cells=[new_code_cell("1", outputs=[output])]), source)
    page = tmp_path / "page.html"
    assert main(["export", str(source), str(page)]) == 0
    assert '<p id="mine">42</p>' in page.read_text(encoding="utf-8") and str(page) in capsys.readouterr().out
    assert main(["export", str(source), str(tmp_path / "page.txt")]) == 2
    assert main(["export", str(source), str(tmp_path / "no" / "page.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_export_takes_what_ran_while_it_is_of_the_same_notebook(place, capsys, monkeypatch):
    assert main(["run", "01"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr("nokenlab.pages.export.run_notebook", lambda *_: pytest.fail("it ran again"))
        assert main(["export", "01", "page.html"]) == 0
    assert "0.333333" in Path("page.html").read_text()
    assert "note: as it ran into results/mine/01-one; `nokenlab run 01-one` runs" in capsys.readouterr().err
    source = notebook(place / "notebooks", "01-one", "print(6 * 7)")
    assert executed_copy(source, Path("results", "mine")) is None
