"""The explorer on a page without a kernel: two controls choose among its answers."""

from helpers.browser import exact
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.panels.noken_explorer import SIZES
from nokenlab.runs.results import OUTPUT


def test_two_sliders_choose_an_answer_on_a_page(tiny, exported, monkeypatch):
    monkeypatch.setenv(OUTPUT, "a run")
    panel = nl.NokenExplorer(tiny, "Red is a color", 0, 2, 6)
    page, grid = exported({"text/html": panel.twin()}), panel.grid
    text, noken, size = page.locator(".nk-text"), page.get_by_label("noken"), page.get_by_label("size ×")
    expect(text).to_have_text(exact(grid["response"][0][SIZES.index(1)]))
    for name, norms, responses in zip(grid["names"], grid["norms"], grid["response"], strict=True):
        size.press("Home")
        for norm, response in zip(norms, responses, strict=True):
            expect(text).to_have_text(exact(response))
            expect(page.locator(".nk-place")).to_contain_text(f"norm {norm:.2f}")
            expect(noken).to_have_attribute("aria-valuetext", f"{name}: {response}")
            size.press("ArrowRight")
        noken.press("ArrowRight")
