import io
import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.display import Image
from matplotlib.figure import Figure

from nokenlab.errors import BadInput
from nokenlab.runs.results import OUTPUT, Results
from nokenlab.runs.results_page import MARK, check_index, escape, write_index


class Lab:
    def provenance(self):
        return {"model": "toy", "revision": "r1", "device": "cpu", "dtype": "float32", "threads": 1}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(OUTPUT, str(tmp_path))
    return tmp_path


def curve():
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 2])
    return figure


def test_by_hand_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv(OUTPUT, raising=False)
    monkeypatch.chdir(tmp_path)
    out, df = Results(Lab()), pd.DataFrame({"a": [1]})
    assert out.table(df, "t") is df and out.table(df, "t") is df
    assert isinstance(out.figure(curve(), "f"), Image)
    assert not list(tmp_path.iterdir())


def test_table_bytes(folder):
    df = pd.DataFrame({"x": [1 / 3, 2.0], "mixed": pd.array([0.1 + 0.2, 1], dtype=object)})
    assert Results().table(df.assign(text=["a\rb", "ü, |"]), "t") is not None
    assert (folder / "t.csv").read_bytes() == 'x,mixed,text\n0.333333,0.3,"a\rb"\n2,1,"ü, |"\n'.encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_any_text_can_be_read_back(folder, texts):
    (folder / "t.csv").unlink(missing_ok=True)
    Results().table(pd.DataFrame({"text": texts, "n": range(len(texts))}), "t")
    back = pd.read_csv(folder / "t.csv", keep_default_na=False, dtype={"text": str})
    assert back["text"].tolist() == texts


def test_figure_is_shown_once_and_the_same_bytes_are_written(folder):
    shown = Results().figure(curve(), "one")
    again = Results().figure(curve(), "two")
    assert shown.data == again.data == (folder / "one.png").read_bytes()
    assert b"Software" not in shown.data and shown.data == (folder / "two.png").read_bytes()
    import matplotlib.pyplot as plt

    figure, _ = plt.subplots()
    Results().figure(figure, "three")
    assert figure.number not in plt.get_fignums()  # else the inline backend shows it again


def test_names(folder):
    out, df = Results(), pd.DataFrame({"a": [1]})
    out.table(df, "a_B-2")
    for bad in ("", "a b", "../a", "a.csv", "ü", "a\n"):
        with pytest.raises(ValueError, match=r"may have letters, digits, - and _ only"):
            out.table(df, bad)
    with pytest.raises(ValueError, match=r"a_B-2\.csv is already written"):
        Results().table(df, "a_B-2")
    assert [path.name for path in folder.iterdir()] == ["a_B-2.csv"]


def test_provenance(folder):
    Results(Lab())
    said = json.loads((folder / "lab.json").read_text())
    assert said["lab"] == Lab().provenance()
    assert {"python", "nokenlab", "torch", "transformers", "papermill"} <= set(said["versions"])


def test_a_failed_write_leaves_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        Results().table(pd.DataFrame({"a": [1]}), "t")
    assert not list(folder.iterdir())


def run_folder(results, name, **run):
    folder = results / name
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"title": name, "command": "nokenlab run"} | run))
    return folder


def test_index_shows_what_lies_there(folder, tmp_path):
    lab = Lab().provenance()
    one = run_folder(tmp_path, "01-one", title="One | <b>", lab=lab, command="nokenlab run 01-one")
    run_folder(tmp_path, ".02-two.1.new")
    (tmp_path / "sweeps").mkdir()
    Results().table(pd.DataFrame({"n": range(20), "text": ["<script>|\n`x`"] * 20}), "t")
    (folder / "t.csv").rename(one / "t t.csv")
    (one / "f.png").write_bytes(b"")
    (one / "01-one.ipynb").write_text("")
    page = write_index(tmp_path).read_text()
    assert page.startswith(MARK) and write_index(tmp_path).read_text() == page
    assert "## One | &lt;b&gt;".replace("|", r"\|") in page
    assert "```sh\nnokenlab run 01-one\n```" in page
    assert "**toy** · revision r1, device cpu, dtype float32" in page
    assert "[01-one.ipynb](01-one/01-one.ipynb) · [run.json](01-one/run.json)" in page
    assert "![f](01-one/f.png)" in page
    assert "**[t t.csv](01-one/t%20t.csv)**, the first 8 of 20 rows\n\n| n | text |\n| ---: | --- |" in page
    assert r"| 7 | &lt;script&gt;\|↵\`x\` |" in page and "| 8 |" not in page
    assert "two" not in page and "sweeps" not in page


def test_index_takes_odd_files(tmp_path):
    one = run_folder(tmp_path, "01-one")
    (one / "empty.csv").write_text("")
    (one / "head.csv").write_text("a,b\n")
    (one / "ragged.csv").write_text("a,b\n1\n2,3,4\n")
    page = write_index(tmp_path).read_text()
    assert "| a | b |\n| --- | --- |\n\n" in page and "| 2 | 3 | 4 |" in page
    (one / "run.json").write_text("{")
    with pytest.raises(BadInput, match="run 01-one again"):
        write_index(tmp_path)


def test_index_keeps_the_readme_of_others(tmp_path):
    (tmp_path / "README.md").write_text("# mine")
    with pytest.raises(BadInput, match=r"README\.md was not written by nokenlab"):
        check_index(tmp_path)


@given(st.text())
def test_escaped_text_is_one_short_cell(text):
    cell = escape(text)
    assert len(cell.splitlines()) <= 1 and "<" not in cell and ">" not in cell
    assert "|" not in cell.replace(r"\|", "") and len(io.StringIO(cell).readlines()) <= 1
    assert len(escape("a" * 500)) == 80 and escape(" world ") == "␣world␣"
