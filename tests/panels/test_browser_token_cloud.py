"""The cloud of tokens in a browser: searched, picked and joined in a real JupyterLab, and on a page alone."""

from helpers.browser import exact
from helpers.jupyterlab import write_notebook
from playwright.sync_api import expect

import nokenlab as nl

LIVE = """
import nokenlab as nl
from nokenlab.panels import lerp_slider
lab, lerp_slider.POINTS = nl.load(), 3
###
nl.TokenCloud(lab.with_nokens(mine=nl.random_nokens(lab.width, 4)[0]), max_new_tokens=6)
"""


def search(panel, word: str) -> None:
    panel.get_by_label("search", exact=True).fill(word)
    panel.get_by_label("search", exact=True).press("Enter")


def test_a_word_is_searched_its_text_read_and_joined_with_a_noken(opened, tab, root, lab):
    write_notebook(LIVE, root / "cloud.ipynb")
    panel = opened("cloud.ipynb")("TokenCloud")
    place, text = panel.locator(".nk-place"), panel.locator(".nk-text")
    vectors = {"␣dog": lab.embed(" dog")[0, 0], "mine": nl.random_nokens(lab.width, 4)[0]}
    for word, vector in vectors.items():
        search(panel, word.strip("␣"))
        expect(place).to_contain_text(f"“{word}” · norm {vector.norm():.2f}")
        expect(text).to_have_text(exact(lab.generate(nl.fill(lab, "The <noken> is a kind of", vector), 6)[0]))
        panel.get_by_role("button", name="Add to the line").click()
    panel.get_by_role("button", name="Undo").click()
    expect(place).to_contain_text("“␣dog”")
    nearest = panel.locator(".nk-bars button").first
    name = nearest.locator(".nk-token").inner_text()
    nearest.click()
    expect(place).to_contain_text(f"“{name}”")
    panel.get_by_role("button", name="Open the slider").click()
    expect(
        tab.get_by_text("lerp: from “The <dog> is a kind of” to “The <mine> is a kind of”")
    ).to_be_visible()


def test_a_page_alone_has_the_cloud_and_its_search(tiny, exported):
    page = exported({"text/html": nl.TokenCloud(tiny).twin()})
    search(page, "king")
    expect(page.locator(".nk-place")).to_have_text("“␣king”")
    canvas = page.locator("canvas")
    data = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data"
    assert canvas.evaluate(f"{data}.filter((value, i) => i % 4 == 3 && value).length") > 1000
    assert page.get_by_role("button", name="Add to the line").count() == 0  # what needs a kernel
