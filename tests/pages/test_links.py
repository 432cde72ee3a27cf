"""Links of a site: each leads to a page or a copied file, or is reported and shown as text."""

import pytest

from nokenlab.pages.links import Links


@pytest.fixture
def project(tmp_path):
    """A project with two notebooks, of which one became a page, results and other files."""
    for name in (
        "notebooks/01-a.ipynb",
        "notebooks/02-b.ipynb",
        "results/01-a/t 1.csv",
        "notebooks/ask/q.yaml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "key.txt").write_text("x")
    (tmp_path / "notebooks" / "image.svg").write_text("<svg/>")
    return tmp_path


@pytest.fixture
def links(project):
    pages = {project / "notebooks" / "01-a.ipynb": "01-a.html"}
    return Links(pages, project / "results", project)


@pytest.mark.parametrize(
    "link, address",
    [
        ("01-a.ipynb", "01-a.html"),
        ("01-a.ipynb#One%20text", "01-a.html#One%20text"),
        ("#here", "#here"),
        ("https://example.org/a.ipynb", "https://example.org/a.ipynb"),
        ("mailto:someone@example.org", "mailto:someone@example.org"),
        ("../results/01-a/t%201.csv", "01-a/t%201.csv"),
        ("ask", "notebooks-ask.html"),
        ("ask/q.yaml", "notebooks-ask-q.yaml.html"),
        ("image.svg", "notebooks-image.svg"),
        ("02-b.ipynb", None),
        ("no.csv", None),
        ("../.hidden/key.txt", None),
        ("../../../../etc/hosts", None),
        ("file:///etc/hosts", None),
        ("//example.org/a.csv", None),
        ("javascript:alert(1)", None),
        ("..", None),
    ],
)
def test_where_a_link_leads(links, project, link, address):
    assert links.of_page("02-b.html", project / "notebooks")(link) == address
    lost = [f"02-b.html: {link} leads to nothing in the site and is shown as text"]
    assert links.lost == ([] if address else lost)


def test_files_that_links_lead_to_are_copied_or_shown(links, project):
    new_address = links.of_page("02-b.html", project / "notebooks")
    for link in ("../results/01-a/t%201.csv", "ask", "image.svg"):
        new_address(link)
    copies = {"01-a/t 1.csv": "results/01-a/t 1.csv", "notebooks-image.svg": "notebooks/image.svg"}
    assert links.copies == {name: project / path for name, path in copies.items()}
    assert links.texts == {"notebooks-ask.html": project / "notebooks" / "ask"}
