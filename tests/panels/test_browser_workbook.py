"""The panels in a real JupyterLab: notebooks opened, run, dragged, typed into and read back."""

import re
from pathlib import Path

import nbformat
import pandas as pd
from helpers.browser import drag_over, exact, type_in
from helpers.jupyterlab import KERNEL, drag, write_notebook
from nbformat.v4 import new_code_cell, new_notebook
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.answers import blends, planes
from workbook.random_nokens import tables as random_nokens

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
SMALL = {  # notebook -> its panel, and parameters that keep its own tables short
    "01-tokens": ("TokenView", 'texts = ["Hello world :)", "Red"]'),
    "03-random-nokens": ("NokenExplorer", "seeds = [0, 1]; many = 3; max_new_tokens = 8"),
    "04-lerp": ("LerpSlider", "p = [0.0, 1.0]; fine_points = 5; max_new_tokens = 6"),
    "05-manual-sampling": ("StepSampler", "seeds = [0, 1]; max_new_tokens = 6; min_new_tokens = 3"),
}
TOGETHER = """
import nokenlab as nl
from nokenlab.answers import planes, territory_map as territories
lab, prompt = nl.load(), "The word <noken> means"
plane = planes.plane_through(lab, ["dog", "king", "music"])
table = territories.territory_map(lab, prompt, plane, 7, 6, progress=False)
###
nl.NokenExplorer(lab, "Red is a color", max_new_tokens=8)
###
drawn = nl.Territories(lab, prompt, plane, table, 6)
drawn
"""
EVIL = "<script>document.title = 'taken over'</script> & <b>bold</b> 🙂"


def cells_up_to_its_panel(name: str, panel: str, small: str) -> list:
    """The code cells of a notebook up to the one that shows its panel, with small parameters, no figures."""
    nb = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    (start,) = [i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])]
    (end,) = [i for i, cell in enumerate(cells) if f"nl.{panel}(" in cell.source]
    sources = [re.sub(r"^out\.figure\(.*", "", cell.source, flags=re.MULTILINE) for cell in cells]
    return [new_code_cell(code) for code in [*sources[: start + 1], small, *sources[start + 1 : end + 1]]]


def use_tokens(panel, lab) -> None:
    pieces = panel.locator("small")
    panel.get_by_label("text").fill(EVIL)
    expect(pieces).to_have_text([str(id) for id in lab.tokens(EVIL)["id"]])
    panel.get_by_label("text").fill("")
    expect(panel.get_by_text("Type something")).to_be_visible()
    expect(panel.get_by_role("alert")).to_have_count(0)


def move_explorer(panel, lab, prompt: str) -> None:
    """Where nokens are as the article has them: another seed, then the last token, then the first by key."""
    chips = panel.get_by_role("radio")
    type_in(panel, "seed", "123456")
    other = len(lab.ids(prompt)) - 1
    chips.nth(other).click()
    expect(chips.nth(other)).to_have_text("▢ noken")
    moved = nl.replace(lab.embed(prompt), other, nl.random_nokens(lab.width, 123456))
    expect(panel.locator(".nk-text")).to_have_text(exact(lab.generate(moved, 8)[0]))
    chips.nth(other).press("ArrowRight")  # from the last to the first
    expect(chips.first).to_have_text("▢ noken")
    expect(chips.first).to_be_focused()


def use_explorer(panel, lab, prompt: str) -> None:
    text, running = panel.locator(".nk-text"), panel.get_by_text("▌")
    table = random_nokens.replacements(lab, prompt, 0, [0, 1], 8).set_index(["scale", "seed"])["response"]
    expect(text).to_have_text(exact(table["token norm", 0]))
    expect(panel.locator(".nk-plain")).to_have_text(exact("Without a noken:" + lab.generate(prompt, 8)[0]))
    type_in(panel, "seed", "1")
    expect(text).to_have_text(exact(table["token norm", 1]))
    panel.get_by_label("in its place").select_option("random, as the article has it")
    expect(text).to_have_text(exact(table["article", 1]))
    move_explorer(panel, lab, prompt)
    type_in(panel, "prompt", "")
    expect(panel.get_by_role("alert")).to_contain_text("prompt is empty")
    type_in(panel, "prompt", EVIL)
    expect(panel.get_by_role("radio")).to_have_count(len(lab.tokens(EVIL)))
    expect(panel.get_by_role("alert")).to_have_count(0)
    expect(panel.locator(".nk-answer").first).to_contain_text("taken over")  # the new prompt is answered
    expect(text).not_to_have_text("")
    expect(running).to_be_hidden()
    pin(panel)
    seed = panel.get_by_label("seed", exact=True)
    type_in(panel, "seed", "7")
    expect(panel.get_by_text("seed 7 ·")).to_be_visible()
    undo(panel)
    expect(seed).to_have_value("123456")
    panel.get_by_role("button", name="Keep").click()
    expect(running).to_be_hidden()
    with panel.page.expect_download() as download:
        panel.get_by_text("Save as CSV").click()
    assert EVIL in Path(download.value.path()).read_text(encoding="utf-8")


def pin(panel) -> None:
    """Pin the answer; it stays where it is."""
    text = panel.locator(".nk-answer").first.locator(".nk-text").inner_text()
    panel.get_by_role("button", name="Pin").click()
    expect(panel.locator(".nk-pinned")).to_contain_text(text)


def undo(panel) -> None:
    expect(panel.get_by_role("button", name="Undo")).to_be_enabled()
    panel.get_by_role("button", name="Undo").click()


def use_slider(panel, lab, prompts, p, max_new_tokens) -> None:
    text, slider = panel.locator(".nk-text"), panel.get_by_role("slider")
    table = blends.blend(lab, *prompts, p, "lerp", max_new_tokens)["response"].tolist()
    slider.focus()
    for number, response in enumerate(table):
        expect(text).to_have_text(exact(response))
        expect(panel.get_by_text(f"p = {p[number]:g} ·")).to_be_visible()
        slider.press("ArrowRight")
    slider.press("Home")
    slider.press("ArrowUp")  # the slider gets the key, not JupyterLab
    expect(text).to_have_text(exact(table[1]))
    drag(slider, 2000)
    expect(text).to_have_text(exact(table[-1]))
    undo(panel)
    expect(text).to_have_text(exact(table[1]))
    panel.locator(".nk-strip").click(position={"x": 5, "y": 5})
    expect(text).to_have_text(exact(table[0]))
    panel.locator(".nk-legend button").last.click()
    expect(text).to_have_text(exact(table[-1]))
    panel.get_by_label("from, p = 0").fill(EVIL)
    panel.get_by_label("from, p = 0").press("Enter")
    expect(panel.get_by_role("alert")).to_contain_text("same number of tokens")
    missing = len(lab.ids(EVIL)) - len(lab.ids(prompts[1]))
    expect(panel.locator(".nk-missing")).to_have_count(missing)
    panel.get_by_role("button", name="pad with the centroid").click()
    expect(panel.get_by_text(f"lerp: from “{EVIL}” to “{prompts[1]}{'<pad>' * missing}”")).to_be_visible()
    expect(panel.locator(".nk-missing")).to_have_count(0)
    type_in(panel, "from, p = 0", "Red is the")
    type_in(panel, "to, p = 1", "Blue is the")
    panel.get_by_role("button", name="Blend").click()
    expect(panel.get_by_text(f"{len(p)} blends answered")).to_be_visible()
    last = blends.blend(lab, "Red is the", "Blue is the", p, "lerp", max_new_tokens)["response"].iloc[-1]
    slider.press("End")  # it was where the last plateau begins
    expect(text).to_have_text(exact(last))
    expect(panel.get_by_role("alert")).to_have_count(0)
    panel.get_by_role("button", name="slerp about c").click()  # blends by itself
    expect(panel.get_by_text("slerp about c: from “Red is the” to “Blue is the”")).to_be_visible()
    slider.press("ArrowLeft")
    about = blends.blend(lab, "Red is the", "Blue is the", p, "slerp about c", max_new_tokens)["response"]
    expect(text).to_have_text(exact(about.iloc[-2]))
    panel.get_by_role("button", name="lerp", exact=True).click()


def use_slider_alone(panel, lab) -> None:
    """What is left of it without a kernel: the blends that were answered."""
    table = blends.blend(lab, "Red is the", "Blue is the", blends.grid(5), "lerp", 6)["response"]
    panel.get_by_role("slider").focus()
    panel.get_by_role("slider").press("Home")
    expect(panel.locator(".nk-text")).to_have_text(exact(table.iloc[0]))
    panel.get_by_role("button", name="slerp", exact=True).click()
    expect(panel.get_by_text("press Blend")).to_be_visible()


def use_sampler(panel, lab, prompt) -> None:
    """`prompt` is the embeddings, (1, tokens, width), that stand behind the panel's prompt."""
    text, steps = panel.locator(".nk-text"), panel.locator(".nk-chips button")
    for _ in range(3):
        panel.get_by_role("button", name="Likeliest", exact=True).click()
    expect(steps).to_have_count(3)
    expect(text).to_have_text(exact(lab.generate(prompt, 3)[0]))
    steps.first.click()
    expect(steps).to_have_count(1)
    panel.get_by_role("button", name="Undo").click()
    expect(steps).to_have_count(3)
    panel.get_by_role("button", name="Restart").click()
    expect(steps).to_have_count(0)
    second = lab.logits(prompt)[0].topk(2).indices[1].item()
    panel.locator(".nk-bars button").nth(1).click()
    expect(text).to_have_text(exact(lab.token(second)))
    panel.get_by_role("button", name="Feed noken").click()
    panel.get_by_role("button", name="Draw", exact=True).click()
    expect(steps).to_have_count(3)
    expect(panel).to_contain_text("noken 0")
    panel.get_by_label("top-k").press("Home")
    expect(panel.get_by_text("ruled out")).to_have_count(9)
    type_in(panel, "prompt", "")
    expect(panel.get_by_role("alert")).to_contain_text("prompt is empty")
    type_in(panel, "prompt", EVIL)
    expect(panel.locator(".nk-before")).to_contain_text("</script>")
    expect(panel.get_by_role("alert")).to_have_count(0)


def test_panels_with_messages_on_the_main_thread(opened, server, lab, root, tab):
    """Those that are dragged most: where answers came late, or none was passed by, they would stand still."""
    write_notebook(TOGETHER, root / "together.ipynb")
    panel = opened("together.ipynb", subshells="disabled")
    explorer = panel("NokenExplorer")
    explorer.get_by_label("in its place").select_option("random, as the article has it")
    move_explorer(explorer, lab, "Red is a color")
    drag_over(map_ := panel("Territories"), 100)
    expect(map_.get_by_text("answered exactly here")).to_be_visible()
    place = server.value(tab, "together.ipynb", "drawn.face.place")
    noken = planes.plane_through(lab, ["dog", "king", "music"]).vector(*place)
    answer = lab.generate(nl.fill(lab, "The word <noken> means", noken), 6)[0]
    expect(map_.locator(".nk-text")).to_have_text(exact(answer))
    asked, finished = server.value(
        tab, "together.ipynb", "[drawn.latest.counts[kind] for kind in ('asked', 'finished')]"
    )
    assert finished < 20 and finished < asked  # most places were passed by


def test_a_page_without_python_or_network(tiny, exported):
    lab, p, prompts = tiny, blends.grid(5), ("White whippets are", "Black whippets are")
    tables = [blends.blend(lab, *prompts, p, way, 4) for way in ("lerp", "slerp")]
    leading = blends.leading_along(lab, *prompts, p)
    both = nl.LerpSlider(lab, *prompts, pd.concat(tables), leading, 4)
    page = exported(both.outputs()[-1])
    letter = blends.letters(tables[-1]["response"])[tables[-1]["response"].iloc[-1]]
    text, slider = page.locator(".nk-text"), page.get_by_role("slider")
    for table in tables:
        page.get_by_role("group", name="interpolation").get_by_role(
            "button", name=table["way"].iloc[0], exact=True
        ).click()
        slider.focus()
        slider.press("Home")
        for response in table["response"]:
            expect(text).to_have_text(exact(response))
            slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", f"p = 1, answer {letter}: {response}")
    assert page.get_by_role("button", name="Blend").count() == page.get_by_role("textbox").count() == 0


def test_the_panels_of_the_notebooks(opened, lab, tab, server, root, errors):
    """One notebook after another; at the end of all tests in a browser, for it ends their kernel."""
    cells = [cell for name, small in SMALL.items() for cell in cells_up_to_its_panel(name, *small)]
    shared = new_code_cell("import functools\nimport nokenlab as nl\nnl.load = functools.cache(nl.load)")
    cells.insert(0, shared)  # one model for all: a panel that is shown keeps its own in memory
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), root / "notebooks.ipynb")
    panel = opened("notebooks.ipynb")
    use_tokens(panel("TokenView"), lab)
    use_explorer(panel("NokenExplorer"), lab, "Red is a color that is often associated with")
    noken = nl.random_nokens(lab.width, 0)
    use_sampler(panel("StepSampler"), lab, nl.replace(lab.embed("Red is the first"), 0, noken))
    use_slider(panel("LerpSlider"), lab, ("White whippets are", "Black whippets are"), blends.grid(5), 6)
    gone = tab.locator(".nk-note").get_by_text("The kernel is gone: run the cell again")
    expect(gone).to_have_count(0)
    server.restart(tab, "notebooks.ipynb")
    expect(gone).to_have_count(len(SMALL))
    server.close(tab, "notebooks.ipynb")  # without a kernel the slider goes on
    expect(tab.get_by_text("No Kernel").first).to_be_visible()
    use_slider_alone(panel("LerpSlider"), lab)
    assert all(re.match("Cannot send|Error: Canceled future", error) for error in errors)  # says JupyterLab
    errors.clear()
