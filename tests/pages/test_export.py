"""A notebook as one page: what it shows, without a kernel or the network."""

import re

import nbformat
import pytest
from helpers.small_notebooks import TABLE, names, notebook
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nokenlab.errors import BadInput, RunFailed
from nokenlab.pages import export
from nokenlab.pages.export import export_page, to_html


@pytest.fixture
def executed(tmp_path):
    """A notebook that has its outputs: export must not run it."""
    output = new_output("display_data", {"text/html": '<p id="mine">42</p>'})
    path = tmp_path / "note.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("1 / 0", outputs=[output])]), path)
    return path


def test_outputs_are_taken_as_they_are(executed, tmp_path):
    page = tmp_path / "page.html"
    assert export_page(executed, page) == page
    text = page.read_text(encoding="utf-8")
    assert '<p id="mine">42</p>' in text and "<title>note</title>" in text


def test_a_notebook_without_outputs_is_run_first(tmp_path):
    source = notebook(tmp_path, "story", TABLE)
    before = source.read_bytes()
    text = export_page(source, tmp_path / "page.htm").read_text(encoding="utf-8")
    assert "0.333333" in text and "<script>x</script>" not in text
    assert names(tmp_path) == ["page.htm", "story.ipynb"] and source.read_bytes() == before


def test_a_run_that_fails_writes_no_page(tmp_path, monkeypatch):
    def fails(path, *_):
        raise RunFailed(path, "why", path)

    monkeypatch.setattr(export, "run_notebook", fails)
    with pytest.raises(RunFailed, match="why"):
        export_page(notebook(tmp_path, "story", TABLE), tmp_path / "page.html")
    assert names(tmp_path) == ["story.ipynb"]


@pytest.mark.parametrize("page, message", [("page.txt", "must end in .html"), ("no/page.html", "no folder")])
def test_a_page_that_cannot_be_written(executed, tmp_path, page, message):
    with pytest.raises(BadInput, match=message):
        export_page(executed, tmp_path / page)
    assert names(tmp_path) == ["note.ipynb"]


def test_of_a_widget_with_a_twin_the_twin_alone_is_there():
    live = "application/vnd.jupyter.widget-view+json"
    view = {"model_id": "no-kernel", "version_major": 2, "version_minor": 0}
    output = new_output("display_data", {"text/html": "<p>twin</p>", live: view})
    nb = new_notebook(cells=[new_code_cell("slider", outputs=[output])], metadata={"widgets": {live: {}}})
    page = to_html(nb, "a <title>")
    assert "<p>twin</p>" in page and "no-kernel" not in page and live not in page
    assert "a &lt;title&gt;" in page
    assert not re.search(r"""<(script|link|img)[^>]*(src|href)=|from ["']http""", page)
