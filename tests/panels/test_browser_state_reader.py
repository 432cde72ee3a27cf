"""The reader of states in a browser: clicked and dragged in a real JupyterLab, and on a page alone."""

from helpers.browser import exact
from helpers.jupyterlab import write_notebook
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.interpolation import between
from nokenlab.nokens import rescale
from nokenlab.readout.patching import READ_OUT, read_texts

PROMPT = "The old <b>box"
EVIL = "</script><script>document.title = 'taken over'</script> <noken> ->"
LIVE = f"""
import nokenlab as nl
lab = nl.load()
###
panel = nl.StateReader(lab, {PROMPT!r})
panel
"""


def cells(panel):
    return panel.locator("td button")


def test_it_reads_out_what_is_clicked_and_what_lies_between(opened, tab, root, lab):
    write_notebook(LIVE, root / "states.ipynb")
    panel, states = opened("states.ipynb")("StateReader"), lab.states(PROMPT)
    tokens = states.shape[1]
    details, text = panel.locator(".nk-place"), panel.locator(".nk-text")

    def text_of(state, layer: int | None) -> str:
        return read_texts(lab, state[None], READ_OUT, layer, 4)[0]

    def cell(layer: int, token: int):
        return cells(panel).nth(layer * tokens + token)

    def shows(state, layer: int | None) -> None:
        expect(text).to_have_text(exact(text_of(state, layer)))
        expect(panel.locator(".nk-answer")).not_to_contain_text("▌", use_inner_text=True)

    shows(states[len(states) // 2, -1], len(states) // 2)  # as it first stands
    cell(3, 1).click()
    expect(details).to_have_text("what enters layer 3 at “␣old”")
    shows(states[3, 1], 3)
    cell(3, 1).press("ArrowDown")  # the table gets the key, not JupyterLab
    tab.keyboard.press("Enter")
    expect(details).to_contain_text("layer 4 at")
    shows(states[4, 1], 4)

    cell(3, 1).drag_to(cell(20, 1))
    slider = panel.get_by_role("slider")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowRight")
    expect(details).to_contain_text("p = 0.2 from what enters layer 3 at “␣old” to what enters layer 20")
    (state,) = between(states[3, 1], states[20, 1], [0.2], "lerp", lab.space.centroid)
    shows(state, 6)
    expect(panel.locator(".nk-source")).to_contain_text(f"put into layer 6 · norm {state.norm():.1f}")
    panel.get_by_label("read out").select_option("as an embedding, at token norm")
    shows(rescale(state, lab.space.median_norm), None)

    panel.get_by_role("button", name="Undo").click()
    expect(panel.get_by_label("read out")).to_have_value("into the same layer")
    panel.get_by_label("read out").select_option("as an embedding, at token norm")
    panel.get_by_role("button", name="Slide to").click()
    cell(0, 0).press("Enter")
    expect(details).to_contain_text(
        "p = 0 from what enters layer 3 at “␣old” to what enters layer 0 at “The”"
    )
    panel.get_by_role("button", name="Play").click()
    expect(details).to_contain_text("p = 1 ")
    shows(rescale(states[0, 0], lab.space.median_norm), None)
    panel.get_by_label("sentence").fill("Red is")
    panel.get_by_label("sentence").press("Enter")
    expect(cells(panel)).to_have_count(2 * len(states))
    shows(rescale(lab.states("Red is")[len(states) // 2, -1], lab.space.median_norm), None)


def test_a_page_without_kernel_or_network_has_the_table(tiny, exported):
    panel = nl.StateReader(tiny, PROMPT, EVIL)
    page = exported({"text/html": panel.twin()})
    expect(page.locator(".nk-still")).to_be_hidden()
    assert page.locator(".nk-before").text_content().startswith("</script><script>document.title")
    assert cells(page).count() == len(panel.cells["leading"])
    for i in (0, len(panel.cells["leading"]) - 1):
        cells(page).nth(i).click()
        (token, probability), *_ = panel.cells["leading"][i]
        expect(cells(page).nth(i)).to_have_text(token)
        expect(page.locator(".nk-bars .nk-token").first).to_have_text(token)
        expect(page.locator(".nk-bars .nk-number").first).to_have_text(f"{probability:.3f}")
        expect(page.locator(".nk-source")).to_contain_text(f"norm {panel.cells['norm'][i]:.1f}")
    expect(page.locator(".nk-place")).to_contain_text("what leaves the last layer at")
    assert page.get_by_role("slider").count() == 0  # what lies between needs a kernel
