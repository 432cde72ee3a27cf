"""The explorer on a page that has no kernel: two controls choose among its answers."""

import nbformat
from helpers.browser import exact
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.pages.export import export_page
from nokenlab.panels.noken_explorer_grid import SIZES, grid

PROMPT = "Red is a color"


def test_two_sliders_choose_an_answer_on_a_page(lab, page, tmp_path):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    output = new_output("display_data", {"text/html": nl.NokenExplorer(lab, PROMPT, 0, 2, 6).twin()})
    nbformat.write(new_notebook(cells=[new_code_cell("0", outputs=[output])]), tmp_path / "note.ipynb")
    page.goto(export_page(tmp_path / "note.ipynb", tmp_path / "page.html").as_uri())
    said, found = page.locator(".nk-text"), grid(lab, PROMPT, 0, 2, 6)
    noken, size = page.get_by_label("noken"), page.get_by_label("size ×")
    expect(said).to_have_text(exact(found["response"][0][SIZES.index(1)]))
    for row, texts in enumerate(found["response"]):
        size.press("Home")
        for number, text in enumerate(texts):
            expect(said).to_have_text(exact(text))
            expect(page.locator(".nk-place")).to_contain_text(f"norm {found['norms'][row][number]:.2f}")
            expect(noken).to_have_attribute("aria-valuetext", f"{found['names'][row]}: {text}")
            size.press("ArrowRight")
        noken.press("ArrowRight")
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
