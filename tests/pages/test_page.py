"""A page is whole in itself: its policy lets nothing in from anywhere, and what is not HTML is escaped."""

import re

from nbformat.v4 import new_markdown_cell, new_notebook
from PIL import Image

from nokenlab.pages import page


def test_a_page_is_made_of_its_parts():
    html = page.whole(
        "<a> & b",
        "<p>body</p>",
        parts=[("index.html", "Home"), ("x.html", "<X>")],
        here="x.html",
        before=("1.html", "One"),
        made="<code>m</code>",
    )
    assert "<title>&lt;a&gt; &amp; b</title>" in html and "<p>body</p>" in html and "<code>m</code>" in html
    assert '<a href="index.html">Home</a>' in html
    assert '<a href="x.html" aria-current="page">&lt;X&gt;</a>' in html
    assert '<a rel="prev" href="1.html">← One</a>' in html and 'rel="next"' not in html
    bare = page.whole("a", "b")
    assert not re.search("<nav|<header|<footer", bare)


def test_its_policy_names_no_server():
    html = page.whole("a", "b")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    words = {word for rule in policy.split(";") for word in rule.split()[1:]}
    assert policy.startswith("default-src 'none'")
    assert words == {"'none'", "'unsafe-inline'", "blob:", "data:"}
    assert html.index("Content-Security-Policy") < html.index("<style")
    assert not re.search(r"url\(|@import", page.style())


def test_code_has_its_colours_in_light_and_in_dark():
    light, dark = page.style().split("@media (prefers-color-scheme: dark)", 1)
    assert ".highlight .k " in light and ".highlight .k " in dark


def test_links_of_markdown_are_put_right_and_those_to_nowhere_are_text(tmp_path):
    text = "[a *b*](a.ipynb) [gone](no.csv)\n\n| x |\n| --- |\n| [t](t.csv) |"
    to = {"a.ipynb": "a.html", "no.csv": None, "t.csv": "t/t.csv"}
    html = page.of_markdown(text, tmp_path, to.get)
    assert '<a href="a.html">a <em>b</em></a> gone</p>' in html and '<a href="t/t.csv">t</a>' in html
    nb = new_notebook(cells=[new_markdown_cell("[a](a.ipynb)")])
    assert '<a href="a.html">a</a>' in page.of_notebook(nb, tmp_path, to.get)
    assert '<a href="a.ipynb">a</a>' in page.of_notebook(nb, tmp_path)


def test_images_are_taken_in(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "dot.png")
    assert '<img src="data:image/png;base64,' in page.of_markdown("![dot](dot.png)", tmp_path)
