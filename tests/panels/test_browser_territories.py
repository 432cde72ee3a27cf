"""The map of answers in a browser: dragged in a real JupyterLab, and on a page that has no kernel."""

import pytest
from helpers.browser import drag_over, exact, type_in
from helpers.jupyterlab import write_notebook
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.answers import planes, territory_map
from nokenlab.spelling import spelled_token

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
VIEW = "dict(place=panel.face.place, counts=dict(panel.latest.counts))"


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
    after = kernel()
    assert after["counts"]["skipped"] + after["counts"].get("cancelled", 0) > 0
    assert after["counts"]["finished"] < 20
    panel.locator(".nk-terr-map").press("ArrowLeft")
    expect(here).to_be_visible()
    expect(text).to_have_text(exact(text_at(plane)))
    assert kernel()["place"] != after["place"]
    entry = panel.locator(".nk-legend button").last
    entry.click()  # goes to its territory
    expect(panel.locator(".nk-place")).to_contain_text(
        f"territory {entry.locator('.nk-patch').text_content()}"
    )
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
    page = exported(panel.outputs()[-1])
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
        expect(page.locator(".nk-bars .nk-token").first).to_have_text(spelled_token(table["next_token"][row]))
        canvas.press(key)
    expect(page.get_by_role("status")).to_contain_text(table["response"].iloc[-1].strip())
    assert page.locator(".nk-before").text_content().startswith("</script><script>document.title")
    page.locator(".nk-legend button").last.click()
    assert text.text_content() in set(table["response"])
