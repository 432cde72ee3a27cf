"""The page of a results folder: what lies there, and nothing of it as markup."""

import io
import json

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nokenlab.errors import BadInput
from nokenlab.pages.results_page import NOTICE, check_index, escape, write_index
from nokenlab.runs import notebooks


def run_folder(results, name, **run):
    folder = results / name
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"title": name, "command": "nokenlab run"} | run))
    return folder


def test_index_shows_what_lies_there(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path / "nowhere")
    lab = {"model": "toy", "revision": "r1", "device": "cpu", "dtype": "float32", "threads": 1}
    folder = run_folder(tmp_path, "01-one", title="One | <b>", lab=lab, command="nokenlab run 01-one")
    run_folder(tmp_path, ".02-two.1.new")
    (tmp_path / "sweeps").mkdir()
    for name in ("t t.csv", "a.png", "f.png"):
        (folder / name).write_bytes(b"")
    cover = new_code_cell('out.figure(draw(table), "f")', metadata={"tags": ["cover"]})
    text = new_markdown_cell("# One\n\n*Is <x> | y?*\n\nMore.")
    nbformat.write(new_notebook(cells=[text, cover]), folder / "01-one.ipynb")
    (tmp_path / "findings.md").write_text("# Findings\n\n## 1. Words\n\n## 2. More\n\n## Others\n")
    page = write_index(tmp_path).read_text()
    check_index(tmp_path)  # our own may be replaced
    assert page.startswith(NOTICE) and write_index(tmp_path).read_text() == page
    assert "## One | &lt;b&gt;".replace("|", r"\|") in page
    assert "```sh\nnokenlab run 01-one\n```" in page
    assert page.index("1. Words\n2. More\n\n<a id") < page.index("## One") and "[Bench]" not in page
    assert "**[Findings](findings.md)**" in page
    assert r"*Is &lt;x&gt; \| y?*" in page and "More." not in page
    assert "Notebook: [01-one.ipynb](01-one/01-one.ipynb)<br>" in page and "run.json) (toy)" in page
    assert "Tables: [t t.csv](01-one/t%20t.csv)<br>" in page
    assert page.count("<img") == 1 and '<img alt="f" src="01-one/f.png"' in page
    assert "two" not in page and "sweeps" not in page


def test_index_of_a_notebook_without_a_cover_and_of_a_damaged_run(tmp_path):
    folder = run_folder(tmp_path, "01-one")
    (folder / "z.png").write_bytes(b"")
    assert 'src="01-one/z.png"' in write_index(tmp_path).read_text()
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
