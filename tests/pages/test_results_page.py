"""The page of a results folder: what lies there, and nothing of it as markup."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nokenlab.errors import BadInput
from nokenlab.pages.results_page import NOTICE, check_index, escape, write_index


def run_folder(results, name, **run):
    folder = results / name
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"title": name, "command": "nokenlab run"} | run))
    return folder


def test_index_shows_what_lies_there(tmp_path):
    lab = {"model": "toy", "revision": "r1", "device": "cpu", "dtype": "float32", "threads": 1}
    folder = run_folder(tmp_path, "01-one", title="One | <b>", lab=lab, command="nokenlab run 01-one")
    run_folder(tmp_path, ".02-two.1.new")
    (tmp_path / "sweeps").mkdir()
    (folder / "t t.csv").write_text("n,text\n" + "".join(f'{n},"<script>|\n`x`"\n' for n in range(20)))
    (folder / "f.png").write_bytes(b"")
    (folder / "01-one.ipynb").write_text("")
    page = write_index(tmp_path).read_text()
    check_index(tmp_path)  # our own may be replaced
    assert page.startswith(NOTICE) and write_index(tmp_path).read_text() == page
    assert "## One | &lt;b&gt;".replace("|", r"\|") in page
    assert "```sh\nnokenlab run 01-one\n```" in page
    assert "**toy** · revision r1, device cpu, dtype float32" in page
    assert "[01-one.ipynb](01-one/01-one.ipynb) · [run.json](01-one/run.json)" in page
    assert "![f.png](01-one/f.png)" in page
    assert "**[t t.csv](01-one/t%20t.csv)**, the first 8 of 20 rows\n\n| n | text |\n| --- | --- |" in page
    assert r"| 7 | &lt;script&gt;\|↵\`x\` |" in page and "| 8 |" not in page
    assert "two" not in page and "sweeps" not in page


def test_index_takes_odd_files(tmp_path):
    folder = run_folder(tmp_path, "01-one")
    (folder / "empty.csv").write_text("")
    (folder / "head.csv").write_text("a,b\n")
    (folder / "ragged.csv").write_text("a,b\n1\n2,3,4\n")
    page = write_index(tmp_path).read_text()
    assert "| a | b |\n| --- | --- |\n\n" in page and "| 2 | 3 | 4 |" in page
    (folder / "run.json").write_text("{")
    with pytest.raises(BadInput, match="run 01-one again"):
        write_index(tmp_path)


def test_index_keeps_the_readme_of_others(tmp_path):
    (tmp_path / "README.md").write_text("# mine")
    with pytest.raises(BadInput, match=r"README\.md was not written by nokenlab"):
        check_index(tmp_path)
    assert (tmp_path / "README.md").read_text() == "# mine"


@given(st.text())
def test_escaped_text_is_one_short_cell(text):
    cell = escape(text)
    assert len(cell.splitlines()) <= 1 and "<" not in cell and ">" not in cell
    assert "|" not in cell.replace(r"\|", "") and len(io.StringIO(cell).readlines()) <= 1
    assert len(escape("a" * 500)) == 80 and escape(" world ") == "␣world␣"
