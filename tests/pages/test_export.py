"""Notebooks and Markdown as HTML pages: what they show, without a kernel or the network."""

import re

import nbformat
import pytest
from helpers.small_notebooks import TABLE, names, notebook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from nokenlab.errors import BadInput, RunFailed
from nokenlab.pages import export
from nokenlab.pages.export import export_page, markdown_html, notebook_html, page_html
from nokenlab.pages.site import Page


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


def test_links_that_lead_nowhere_become_text(executed, tmp_path):
    nb = nbformat.read(executed, as_version=4)
    nb.cells.append(new_markdown_cell("[next](02-b.ipynb), [a site](https://example.org), [below](#x)"))
    nbformat.write(nb, executed)
    text = export_page(executed, tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<p>next, <a href="https://example.org">a site</a>, <a href="#x">below</a></p>' in text


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


@pytest.mark.parametrize(
    "page, message",
    [
        ("page.txt", "must end in .html"),
        ("no/page.html", "no folder"),
        ("caf\udce9.html", "not valid UTF-8"),
        ("x" * 300 + ".html", "too long"),
    ],
)
def test_a_page_that_cannot_be_written(executed, tmp_path, page, message):
    with pytest.raises(BadInput, match=message):
        export_page(executed, tmp_path / page)
    assert names(tmp_path) == ["note.ipynb"]


def test_an_output_with_a_widget_and_html_shows_the_html(tmp_path):
    widget = "application/vnd.jupyter.widget-view+json"
    view = {"model_id": "no-kernel", "version_major": 2, "version_minor": 0}
    output = new_output("display_data", {"text/html": "<p>twin</p>", widget: view})
    nb = new_notebook(cells=[new_code_cell("slider", outputs=[output])], metadata={"widgets": {widget: {}}})
    page = page_html("x", notebook_html(nb, tmp_path))
    assert "<p>twin</p>" in page and "no-kernel" not in page and widget not in page
    assert not re.search(r"""<(script|link|img)[^>]*(src|href)=|from ["']http""", page)


def test_a_page_shows_what_it_is_given():
    html = page_html(
        "<a> & b",
        "<p>body</p>",
        menu=[("index.html", "Home"), ("x.html", "<X>")],
        name="x.html",
        before=Page("1.html", "One", ""),
        run={"command": "run <1>", "model": "toy", "files": [("t.csv", "t.csv")]},
    )
    assert "<title>&lt;a&gt; &amp; b</title>" in html and "<p>body</p>" in html
    assert '<a href="index.html">Home</a>' in html and '<a href="t.csv">t.csv</a>' in html
    assert '<a href="x.html" aria-current="page">&lt;X&gt;</a>' in html
    assert '<a rel="prev" href="1.html">← One</a>' in html and 'rel="next"' not in html
    assert "<code>run &lt;1&gt;</code> with toy" in html
    assert not re.search("<nav|<header|<footer", page_html("a", "b"))


def test_its_policy_names_no_server():
    html = page_html("a", "b")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    words = {word for rule in policy.split(";") for word in rule.split()[1:]}
    assert policy.startswith("default-src 'none'")
    assert words == {"'none'", "'unsafe-inline'", "blob:", "data:"}
    assert html.index("Content-Security-Policy") < html.index("<style")
    assert not re.search(r"url\(|@import", export.style())


def test_code_has_its_colours_in_light_and_in_dark():
    light, dark = export.style().split("@media (prefers-color-scheme: dark)", 1)
    assert ".highlight .k " in light and ".highlight .k " in dark


def test_links_of_markdown_get_new_addresses_and_those_to_nowhere_become_text(tmp_path):
    text = "[a *b*](a.ipynb) [gone](no.csv)\n\n| x |\n| --- |\n| [t](t.csv) |"
    addresses = {"a.ipynb": "a.html", "no.csv": None, "t.csv": "t/t.csv"}
    html = markdown_html(text, tmp_path, addresses.get)
    assert '<a href="a.html">a <em>b</em></a> gone</p>' in html and '<a href="t/t.csv">t</a>' in html
    nb = new_notebook(cells=[new_markdown_cell("[a](a.ipynb)")])
    assert '<a href="a.html">a</a>' in notebook_html(nb, tmp_path, addresses.get)
    assert '<a href="a.ipynb">a</a>' in notebook_html(nb, tmp_path)


def test_images_are_inlined(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "dot.png")
    assert '<img src="data:image/png;base64,' in markdown_html("![dot](dot.png)", tmp_path)
