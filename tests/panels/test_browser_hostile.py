"""Prompts and answers that are markup, in panels, exported pages and the site: they are text, and no more."""

import json

import nbformat
import pandas as pd
import pytest
from helpers.hostile import PROMPT, TEXTS, hostile_lab
from helpers.jupyterlab import output, write_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nokenlab.pages.export import export_page
from nokenlab.pages.site import write_site
from nokenlab.spelling import spelled, spelled_token

MANY = len(TEXTS)
LIVE = f"""
import nokenlab as nl
from nokenlab.answers import blends as lerp, planes
from nokenlab.answers import territory_map as experiment
lab, prompts = nl.load("hostile"), [{PROMPT + "Red"!r}, {PROMPT + "Blue"!r}]
plane = planes.plane_through(lab, {TEXTS[:3]!r})
table = experiment.territory_map(lab, prompts[0] + " <noken>", plane, 5, {MANY}, progress=False)
sweep = lerp.blend(lab, *prompts, lerp.grid(3), max_new_tokens={MANY})
fork = lerp.leading_along(lab, *prompts, lerp.grid(3))
###
nl.TokenView(lab, prompts[0])
###
nl.NokenExplorer(lab, prompts[0], max_new_tokens={MANY})
###
nl.LerpSlider(lab, *prompts, sweep, fork, {MANY})
###
nl.StepSampler(lab, prompts[0], top_k=200)
###
nl.Territories(lab, prompts[0] + " <noken>", plane, table, {MANY})
###
nl.NokenForge(lab, prompts[0] + " <noken>", {"".join(TEXTS)!r}, steps=3)
###
nl.StateReader(lab, "".join({TEXTS[:2]!r}), prompts[0] + " <noken>", {MANY})
###
nl.Results(lab).show(sweep, "sweep")
"""
PANELS = ["TokenView", "NokenExplorer", "LerpSlider", "StepSampler", "Territories", "NokenForge"]
PANELS += ["StateReader"]
TEXT = """part => {
    const seen = part.cloneNode(true);
    seen.querySelectorAll('script, style').forEach(node => node.remove());
    return seen.textContent;
}"""


@pytest.fixture(scope="module")
def hostile():
    return hostile_lab()


def lost(part) -> list[str]:
    """Which of TEXTS cannot be read in a part of a page, in any way that texts and tokens are shown."""
    seen = part.evaluate(TEXT)
    return [t for t in TEXTS if not any(shown in seen for shown in (t, spelled(t), spelled_token(t)))]


def nothing_ran(page) -> None:
    assert page.evaluate("window.ran === undefined && !document.querySelector('iframe[srcdoc], svg[onload]')")


def outputs(lab) -> list:
    """What the cells of LIVE show, and a print, an error and a table of pandas, as a run has them."""
    first, *cells = LIVE.replace('nl.load("hostile")', "lab").split("###")
    exec(first, space := {"lab": lab})
    panels = [eval(cell.strip(), space) for cell in cells]
    frame = pd.DataFrame({"text": map(spelled, TEXTS)})  # in HTML pandas takes U+2028 for a new line
    shown = [*(panel.outputs()[-1] for panel in panels[:-1]), {"text/html": panels[-1].data}]
    shown.append({"text/html": frame.to_html(), "text/plain": repr(frame)})
    stream = new_output("stream", name="stdout", text=PROMPT)
    error = new_output("error", ename="ValueError", evalue=PROMPT, traceback=[PROMPT])
    return [*(new_output("display_data", data) for data in shown), stream, error]


def test_live_panels(opened, hostile, tab, root):
    hostile.model.save_pretrained(root / "hostile")
    hostile.tokenizer.save_pretrained(root / "hostile")
    write_notebook(LIVE, root / "hostile.ipynb")
    panel = opened("hostile.ipynb")
    assert not {name: lost(panel(name)) for name in PANELS if lost(panel(name))}
    assert not lost(output(tab, "nl.Results("))
    nothing_ran(tab)


def test_exported_page_and_site(hostile, offline, tmp_path):
    page = offline
    cells = [new_code_cell(repr(PROMPT), outputs=[output]) for output in outputs(hostile)]
    run = tmp_path / "results" / "01-hostile"
    run.mkdir(parents=True)
    title = new_markdown_cell("# 01 · Hostile\n\nWhy?")
    nbformat.write(new_notebook(cells=[title, *cells]), run / "01-hostile.ipynb")
    record = {"command": f"nokenlab run 01 -p prompt {PROMPT}", "lab": {"model": "".join(TEXTS)}}
    (run / "run.json").write_text(json.dumps(record))
    (run / "hostile.csv").write_text(pd.DataFrame({"text": TEXTS}).to_csv())
    index, _ = write_site(tmp_path / "site", tmp_path / "results")
    exported = export_page(run / "01-hostile.ipynb", tmp_path / "page.html")
    pages = [exported, index, index.parent / "01-hostile.html"]
    for path in pages:
        page.goto(path.as_uri())
        nothing_ran(page)
        for part in page.locator(".jp-OutputArea, .made").all():
            assert not lost(part), (path.name, part.inner_text()[:80])
