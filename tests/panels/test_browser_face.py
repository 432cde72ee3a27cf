"""Faces in a browser: in an exported page, in a saved notebook, and beside a kernel that hears them."""

from pathlib import Path

import nbformat
import pytest
from helpers.jupyterlab import KERNEL, output, write_notebook
from helpers.panels import HELPERS, WORST
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import expect

from nokenlab.pages.export import export_page
from nokenlab.panels import face

LIVE = f"""
from pathlib import Path
from nokenlab.panels import face
own, face.FOLDER = face.FOLDER, Path({str(HELPERS)!r})
###
one = face.live("probe", name="one", count=0, text="")
sent = []
one.on_msg(lambda widget, content, buffers: sent.append(content))
one
###
face.live("probe", name="two", count=5, text="")
###
face.FOLDER = own  # the kernel goes on
"""


def two_faces(folder: Path) -> Path:
    """A notebook that was run somewhere: two faces that stand in one page."""
    pages = [face.page("probe", "<p>still</p>", name=name, count=0, text=WORST) for name in ("one", "two")]
    cells = [new_code_cell("0", outputs=[new_output("display_data", {"text/html": html})]) for html in pages]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), folder / "faces.ipynb")
    return folder / "faces.ipynb"


def press_both(page) -> None:
    """Each face counts for itself, and shows the text as text."""
    for name, presses in (("one", 1), ("two", 3)):
        for count in range(presses):
            page.get_by_role("button", name=f"{name} {count}", exact=True).click()
    for text in ("one 1", "two 3"):
        expect(page.get_by_role("button", name=text, exact=True)).to_be_visible()
    assert [span.text_content() for span in page.locator(".probe-text").all()] == [WORST] * 2


def test_faces_in_an_exported_page_need_no_kernel_and_no_network(probe, page, tmp_path):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(export_page(two_faces(tmp_path), tmp_path / "page.html").as_uri())
    press_both(page)
    expect(page.get_by_text("still")).to_have_count(2)
    expect(page.get_by_text("still").first).to_be_hidden()
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def test_faces_in_a_saved_notebook_are_tables_until_it_is_trusted(probe, server, root, tab):
    two_faces(root)
    server.show(tab, "faces.ipynb")
    expect(tab.get_by_text("still")).to_have_count(2)
    expect(tab.get_by_text("still").first).to_be_visible()
    tab.evaluate("() => { window.jupyterapp.commands.execute('notebook:trust') }")
    tab.get_by_role("button", name="Confirm Trusting this notebook").click()
    press_both(tab)
    expect(tab.get_by_text("still").first).to_be_hidden()


@pytest.mark.parametrize("subshells", ["perCommTarget", "disabled"])
def test_live_faces_and_the_kernel_hear_each_other(server, root, tab, subshells):
    write_notebook(LIVE, root / "live.ipynb")
    server.messages(tab, subshells)
    nb = server.open(tab, "live.ipynb")
    for cell, first in (("one = face", "one 0"), ("two", "two 5")):
        output(nb, cell).get_by_role("button", name=first, exact=True).click()
    expect(nb.get_by_role("button", name="one 1", exact=True)).to_be_visible()
    expect(nb.get_by_role("button", name="two 6", exact=True)).to_be_visible()
    assert server.value(tab, "live.ipynb", "(one.count, sent)") == (1, [{"pressed": 1}])
    server.value(tab, "live.ipynb", "setattr(one, 'count', 41)")
    expect(nb.get_by_role("button", name="one 41", exact=True)).to_be_visible()
