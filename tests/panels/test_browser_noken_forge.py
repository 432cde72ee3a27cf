"""The forge in a browser: seen learning in a real JupyterLab, and replayed on a page that has no kernel."""

import re

from helpers.browser import exact
from helpers.jupyterlab import write_notebook
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.panels.noken_forge import MORE

EVIL = "</script><script>document.title = 'taken over'</script> <noken> is"
TARGET = " qx7 <b>zv</b> jk &amp; wq 93 hm"  # which is not learned soon
LIVE = f"""
import nokenlab as nl
lab = nl.load()
###
forge = nl.NokenForge(lab, {EVIL!r}, {TARGET!r}, steps=1000)
forge
"""


def test_it_is_seen_learning(opened, server, root, tab, lab):
    write_notebook(LIVE, root / "forge.ipynb")
    panel = opened("forge.ipynb")("NokenForge")
    line, text = panel.locator(".nk-forge-line"), panel.locator(".nk-text")
    details = panel.locator(".nk-place")

    def press(name: str) -> None:
        panel.get_by_role("button", name=name, exact=True).click()

    def kernel(expression: str):
        return server.value(tab, "forge.ipynb", expression)

    expect(line).to_have_attribute("points", "0,0")
    expect(panel.locator(".nk-before")).to_contain_text("<script>document.title")
    first = text.text_content()
    assert first == kernel("forge.points[0]['text']")
    press("Start")
    expect(line).to_have_attribute("points", re.compile(r"^(\S+ ?){4,}$"))  # the curve grows
    expect(text).not_to_have_text(exact(first))  # and the text changes
    assert kernel("1 + 1") == 2  # the kernel is free meanwhile
    press("Stop")
    expect(panel.get_by_text("stopped after")).to_be_visible()
    points = kernel("forge.points")
    expect(details).to_contain_text(f"step {points[-1]['step']} · {points[-1]['nll']:.3f} nats per token")
    expect(text).to_have_text(exact(points[-1]["text"]))
    assert points[-1]["nll"] < points[0]["nll"] and points[-1]["step"] < 1000

    slider = panel.get_by_role("slider")
    slider.press("Home")  # is the slider's, not JupyterLab's
    expect(details).to_contain_text("step 0 ·")
    expect(text).to_have_text(exact(first))
    panel.get_by_label("name").fill("barker")
    press("Keep")
    expect(panel.get_by_role("table", name="kept nokens")).to_contain_text("barker")
    assert kernel("list(forge.nokens)") == ["barker"]
    panel.get_by_label("target").fill("")
    press("Start")
    expect(panel.get_by_role("alert")).to_contain_text("target is empty")
    panel.get_by_label("steps", exact=True).fill("1")
    press("Go on")
    expect(panel.get_by_text("Go on takes more")).to_be_visible()
    assert kernel("forge.points[-1]['step']") == points[-1]["step"] + 1


def test_it_is_replayed_on_a_page_without_kernel_or_network(tiny, exported):
    forge = nl.NokenForge(tiny, EVIL, TARGET, steps=4)
    forge.learn()
    page = exported({"text/html": forge.twin()})
    expect(page.locator(".nk-still")).to_be_hidden()
    text, slider = page.locator(".nk-text"), page.get_by_role("slider")
    assert len(forge.points) == 5 and page.get_by_role("button", name="Start").count() == 0
    expect(text).to_have_text(exact(forge.points[-1]["text"]))
    tokens = len(tiny.ids(TARGET)) + MORE
    assert forge.points[-1]["text"] == tiny.generate(nl.fill(tiny, EVIL, forge.noken), tokens)[0]
    slider.press("Home")
    for point in forge.points:
        if point["text"] is not None:
            expect(text).to_have_text(exact(point["text"]))
        expect(page.locator(".nk-place")).to_contain_text(f"step {point['step']} · {point['nll']:.3f}")
        slider.press("ArrowRight")
    expect(page.get_by_role("status")).to_contain_text(forge.points[-1]["text"].strip()[:20])
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator(".nk-place")).to_contain_text("step 1 ·")
