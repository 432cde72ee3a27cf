"""What a notebook leaves: its tables, figures and sounds, shown and written."""

import json

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from IPython.display import HTML, Audio, Image
from matplotlib.figure import Figure

from nokenlab.runs import show
from nokenlab.runs.results import OUTPUT, Results


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
    assert isinstance(out.show(df, "t"), HTML)
    assert isinstance(out.figure(curve(), "f"), Image)
    assert isinstance(out.audio(b"RIFF", "a"), Audio)
    assert not list(tmp_path.iterdir())


def test_table_bytes(folder):
    df = pd.DataFrame({"x": [1 / 3, 2.0], "mixed": pd.array([0.1 + 0.2, 1], dtype=object)})
    assert Results().table(df.assign(text=["a\rb", "ü, |"]), "t") is not None
    assert (folder / "t.csv").read_bytes() == 'x,mixed,text\n0.333333,0.3,"a\rb"\n2,1,"ü, |"\n'.encode()


@pytest.mark.parametrize("rows, shown", [(None, 3), (2, 2), (9, 3)])
def test_a_table_is_written_completely_and_shown_in_part(folder, rows, shown):
    df = pd.DataFrame({"x": [1 / 3, 2.0, 0.5], "text": ["a", "b", " c"]})
    out = Results()
    assert out.show(df, "shown", rows).data == show.table(df.iloc[:shown]).data
    out.table(df, "same")
    assert (folder / "shown.csv").read_bytes() == (folder / "same.csv").read_bytes()


def test_a_sound_is_the_same_bytes(folder):
    assert Results().audio(b"RIFF....WAVE", "a").data == (folder / "a.wav").read_bytes() == b"RIFF....WAVE"


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
    provenance = json.loads((folder / "lab.json").read_text())
    assert provenance["lab"] == Lab().provenance()
    assert {"python", "nokenlab", "torch", "transformers", "papermill"} <= set(provenance["versions"])


def test_a_failed_write_leaves_nothing(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        Results().table(pd.DataFrame({"a": [1]}), "t")
    assert not list(folder.iterdir())
