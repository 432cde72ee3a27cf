"""The site: pages of what was run, linked, written as one or not at all, and never over other files."""

import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from nokenlab import cli
from nokenlab.errors import BadInput
from nokenlab.pages.results_page import write_index
from nokenlab.pages.site import write_site
from nokenlab.runs import files as files_module
from nokenlab.runs import notebooks

FINDINGS = """# Findings

<a id="one"></a>

## [01-a](01-a/01-a.ipynb)

[up](#one), [all](findings.csv), [full](findings/01-a.md#one)
"""


def written(path, *paragraphs, outputs=()):
    """An executed notebook."""
    cells = [new_markdown_cell("\n\n".join(paragraphs)), new_code_cell("1", outputs=list(outputs))]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Notebooks 01 to 03, of which 01 and 02 have run; findings and bench."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    for name in ("01-a", "02-b", "03-c"):
        written(tmp_path / "notebooks" / f"{name}.ipynb", f"# {name}")
    results = tmp_path / "results"
    panel = new_output("display_data", {"text/html": "<p id=panel>twin</p>"})
    links = "Next: [b](02-b.ipynb), [c](03-c.ipynb), [found](../results/findings.md#one)"
    written(results / "01-a" / "01-a.ipynb", "# 01 · <A>", "*What is\n< a?*", links, outputs=[panel])
    written(results / "02-b" / "02-b.ipynb", "# 02 · B", "*And b?*", "[texts](ask), [code](../tool.py)")
    (tmp_path / "notebooks" / "ask").mkdir()
    (tmp_path / "notebooks" / "ask" / "q.yaml").write_text("why: ~\n")
    (tmp_path / "tool.py").write_text("def tool(): ...\n")
    (results / "01-a" / "run.json").write_text('{"command": "run <1>", "lab": {"model": "toy"}}')
    (results / "01-a" / "some.csv").write_text("a,b\n1,2\n")
    Image.new("RGB", (900, 100), "red").save(results / "01-a" / "a.png")
    Image.new("RGB", (900, 600), "blue").save(results / "01-a" / "b.png")
    (results / "findings.md").write_text(FINDINGS)
    (results / "findings.csv").write_text("x\n")
    (results / "findings").mkdir()
    (results / "findings" / "01-a.md").write_text("# Answers\n\n[back](../findings.md)\n")
    (results / "bench").mkdir()
    (results / "bench" / "README.md").write_text("# How fast\n\n![bench](bench.png)")
    Image.new("RGB", (4, 4)).save(results / "bench" / "bench.png")
    return tmp_path


@pytest.fixture
def made(project):
    """The site of the project: a function from a page's name to its text, and the reported lines."""
    index, lines = write_site(project / "site", project / "results")
    assert index == project / "site" / "index.html"
    return (lambda name: (project / "site" / name).read_text(encoding="utf-8")), lines


def files(folder):
    """All that lies in a folder, with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_index_has_a_picture_and_the_question_of_each_run(made):
    page, _ = made
    (first, second) = re.findall("<li>.*?</li>", page("index.html"), re.DOTALL)
    assert '<a href="01-a.html">01 · &lt;A&gt;</a>' in first and "<p>What is &lt; a?</p>" in first
    assert 'alt="figure: a" src="data:image/png' in first
    assert "02 · B" in second and "<p>And b?</p>" in second and "<img" not in second


def test_pages_lead_to_each_other(made):
    page, _ = made
    first = page("01-a.html")
    assert '<a rel="prev" href="index.html">' in first and '<a rel="next" href="02-b.html">02 · B →' in first
    assert 'rel="next"' not in page("02-b.html")
    assert '<a href="02-b.html">b</a>, c, <a href="findings.html#one">found</a>' in first
    assert '<a href="01-a.html">01-a</a>' in page("findings.html")
    assert '<a href="answers-01-a.html#one">full</a>' in page("findings.html")
    assert '<a href="findings.html">back</a>' in page("answers-01-a.html")
    for name in ("index.html", "01-a.html", "02-b.html", "findings.html", "bench.html"):
        assert all(f'href="{to}"' in page(name) for to in ("index.html", "findings.html", "bench.html"))


def test_panels_tables_and_how_a_page_was_made_are_there(made):
    page, _ = made
    first = page("01-a.html")
    assert '<p id="panel">twin</p>' in first and "<code>run &lt;1&gt;</code> with toy" in first
    assert '<a href="01-a/some.csv">' in first and page("01-a/some.csv") == "a,b\n1,2\n"
    assert page("findings.csv") == "x\n" and 'src="data:image/png' in page("bench.html")


def test_text_files_that_are_linked_become_pages(made):
    page, _ = made
    assert '<a href="notebooks-ask.html">texts</a>, <a href="tool.py.html">code</a>' in page("02-b.html")
    assert "q.yaml" in page("notebooks-ask.html") and ">why<" in page("notebooks-ask.html")
    assert "<h1" in page("tool.py.html") and ">def<" in page("tool.py.html")


def test_what_is_missing_and_leads_nowhere_is_said(made, project):
    nowhere = "01-a.html: 03-c.ipynb leads to nothing in the site and is shown as text"
    conformance = "no Conformance page yet: `nokenlab conform` writes it"
    assert made[1] == ["not run yet, so without a page: 03-c", conformance, nowhere]
    for path in ("findings.md", "bench/README.md"):
        (project / "results" / path).unlink()
    lines = "\n".join(write_site(project / "site", project / "results")[1])
    assert "no Findings page yet: `nokenlab findings`" in lines and "no Bench page yet: `make bench`" in lines
    assert "findings.md#one leads to nothing" in lines
    assert not (project / "site" / "findings.html").exists()
    assert "Findings" not in (project / "site" / "index.html").read_text()


def test_a_site_is_written_anew_and_always_the_same(made, project):
    before = files(project / "site")
    write_site(project / "site", project / "results")
    assert files(project / "site") == before
    (project / "deep" / "pages").mkdir(parents=True)  # an empty folder may be used
    write_site(project / "deep" / "pages", project / "results")
    assert files(project / "deep" / "pages") == before
    assert set(json.loads(before["site.json"])["files"]) == set(before)


@pytest.mark.parametrize("name", ["CNAME", ".git/config", "01-a/own.csv"])
def test_other_files_are_left_alone(made, project, name):
    (project / "site" / name).parent.mkdir(exist_ok=True)
    (project / "site" / name).write_text("mine")
    before = files(project / "site")
    with pytest.raises(BadInput, match=f"site contains {re.escape(name)}, which is not part of the site"):
        write_site(project / "site", project / "results")
    assert files(project / "site") == before


@pytest.mark.parametrize("name", ["results", "notebooks", "results/findings.md"])
def test_a_path_that_is_not_a_site_is_refused(project, name):
    before = files(project)
    with pytest.raises(BadInput, match="already exists and is not a site"):
        write_site(project / name, project / "results")
    assert files(project) == before


def test_an_error_half_way_leaves_the_old_site(made, project, monkeypatch):
    before = files(project / "site")

    def fails(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(files_module, "replace_folder", fails)
    with pytest.raises(OSError, match="disk is full"):
        write_site(project / "site", project / "results")
    assert files(project / "site") == before and not list(project.glob(".site*"))


def test_the_command_reports_the_index_or_what_to_do(project, capsys):
    folder = str(project / "site")
    assert cli.main(["site", folder, "--results", str(project / "none")]) == 2
    error = capsys.readouterr().err
    assert "no executed notebooks in" in error and "`make run` first" in error
    assert not (project / "site").exists()
    assert cli.main(["site", folder, "--results", str(project / "results")]) == 0
    out = capsys.readouterr()
    assert out.out == f"{project / 'site' / 'index.html'}\n"
    assert out.err.splitlines()[0] == "note: not run yet, so without a page: 03-c"


@pytest.mark.parametrize("name", ["01-one.ipynb", "run.json", "dot.png"])
def test_a_damaged_file_of_a_run_is_named(tmp_path, name):
    run = tmp_path / "results" / "01-one"
    written(run / "01-one.ipynb", "# One")
    (run / "run.json").write_text("{}")
    Image.effect_noise((40, 40), 50).save(run / "dot.png")

    def pages():
        write_index(run.parent)
        write_site(tmp_path / "site", run.parent)

    pages()
    data = (run / name).read_bytes()
    (run / name).write_bytes(b"\xff" + data[1 : len(data) // 2])
    with pytest.raises(BadInput, match=f"{name} is "):
        pages()
