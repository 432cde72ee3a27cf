"""The map of answers in a browser: dragged in a real JupyterLab, and on a page that has no kernel."""

import pandas as pd
import pytest
from helpers.browser import drag_over, exact, type_in
from helpers.jupyterlab import write_notebook
from helpers.sweeps import wait_for
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.answers import planes, territory_map
from nokenlab.panels import markup

TOKENS = 6
EVIL = "</script><script>document.title = 'taken over'</script> \u2028 \u202eשלום\u202c 'a' \"b\" <noken> is"
LIVE = f"""
import nokenlab as nl
from nokenlab.answers import planes, territory_map
lab, prompt = nl.load(), {EVIL!r}
plane = planes.plane_through(lab, ["dog", "king", "music"])
table = territory_map.territory_map(lab, prompt, plane, 7, {TOKENS}, progress=False)
###
panel = nl.Territories(lab, prompt, plane, table, {TOKENS})
panel
"""
VIEW = "dict(place=panel.face.place, counts=dict(panel.latest.counts), path=panel.face.path)"


@pytest.fixture(scope="module")
def plane(lab):
    return planes.plane_through(lab, ["dog", "king", "music"])


def test_dragging_with_a_kernel(opened, server, root, tab, lab, plane):
    write_notebook(LIVE, root / "map.ipynb")
    panel = opened("map.ipynb")("Territories")

    def kernel() -> dict:
        return server.value(tab, "map.ipynb", VIEW)

    def text_at(plane) -> str:
        return lab.generate(nl.fill(lab, EVIL, plane.vector(*kernel()["place"])), TOKENS)[0]

    here, text = panel.get_by_text("answered exactly here"), panel.locator(".nk-text")
    drag_over(panel, 100)
    expect(here).to_be_visible()
    expect(panel.locator(".nk-before")).to_contain_text("<script>document.title")
    expect(text).to_have_text(exact(text_at(plane)))
    wait_for(lambda: len(kernel()["path"]) > 3)  # the page sends it when it is drawn the next time
    after = kernel()
    assert after["counts"]["skipped"] + after["counts"].get("cancelled", 0) > 0
    assert after["counts"]["finished"] < 20
    panel.locator(".nk-terr-map").press("ArrowLeft")
    expect(here).to_be_visible()
    expect(text).to_have_text(exact(text_at(plane)))
    assert kernel()["place"] != after["place"]
    on_line, slider = panel.locator(".nk-place"), panel.get_by_role("slider")
    before = on_line.text_content()
    slider.press("ArrowRight")  # the slider gets the key, not JupyterLab
    expect(slider).to_have_value("1")
    expect(on_line).not_to_have_text(before)
    panel.get_by_role("button", name="Answer the line").click()
    expect(panel.get_by_text("points of the line answered")).to_be_visible()
    type_in(panel, "left", "king")
    panel.get_by_role("button", name="Answer the map").click()
    expect(panel.get_by_role("alert")).to_contain_text("are one vector")
    type_in(panel, "left", "<b>cat")
    panel.get_by_role("button", name="Answer the map").click()
    expect(panel.get_by_text("'<b>cat' is")).to_be_visible()  # several tokens
    panel.locator(".nk-terr-map").press("ArrowUp")
    expect(here).to_be_visible()
    expect(text).to_have_text(exact(text_at(planes.plane_through(lab, ["<b>cat", "king", "music"]))))


def test_dragging_on_a_page_without_kernel_or_network(lab, plane, exported):
    table = territory_map.territory_map(lab, EVIL, plane, 7, TOKENS, progress=False)
    panel = nl.Territories(lab, EVIL, plane, table, TOKENS, near=20_000)
    page = exported(panel._repr_mimebundle_())
    canvas, text = page.locator(".nk-terr-map"), page.locator(".nk-text")
    expect(page.locator(".nk-still")).to_be_hidden()
    drag_over(page.locator(".nk-terr"), 300)
    canvas.focus()
    for _ in range(20):  # to the lower left cell, wherever the noken was
        canvas.press("ArrowLeft")
        canvas.press("ArrowDown")
    step = [*range(0, 42, 7), *range(42, 49)]  # along the left side, then the upper
    for row, key in zip(step, ["ArrowUp"] * 6 + ["ArrowRight"] * 7, strict=True):
        expect(text).to_have_text(exact(table["response"][row]))
        expect(page.locator(".nk-bars .nk-token").first).to_have_text(
            markup.visible(table["next_token"][row])
        )
        canvas.press(key)
    expect(page.get_by_role("status")).to_contain_text(table["response"].iloc[-1].strip())
    assert page.locator(".nk-before").text_content().startswith("</script><script>document.title")
    page.get_by_label("Line to").select_option("dog")
    page.get_by_role("slider").press("End")
    expect(page.locator(".nk-place")).to_contain_text("100 % dog, 0 % king, 0 % music")
    page.locator("summary").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    rows = pd.read_csv(download.value.path(), keep_default_na=False)
    assert len(rows) > 20 and set(rows["response"]) <= set(table["response"])
    assert set(rows["territory"]) <= set(table["territory"]) and set(rows["answered"]) == {"cell"}
