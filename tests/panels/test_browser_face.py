"""Faces in a browser: in an exported page, in a saved notebook, and with a kernel that listens."""

import nbformat
import pytest
import torch
from helpers.jupyterlab import KERNEL, output, write_notebook
from helpers.panels import HELPERS, WORST
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import expect

import nokenlab as nl
from nokenlab.panels import face
from workbook.fuzz_the_music import clip_players

LIVE = f"""
from pathlib import Path
from nokenlab.panels import face
folder, face.FOLDER = face.FOLDER, Path({str(HELPERS)!r})
###
one = face.live("probe", name="one", count=0, text="")
sent = []
one.on_msg(lambda widget, content, buffers: sent.append(content))
one
###
face.live("probe", name="two", count=5, text="")
###
face.FOLDER = folder  # other notebooks use this kernel
"""


def two_pages() -> list[dict]:
    """Two faces as a run shows them."""
    names = ("one", "two")
    return [
        {"text/html": face.page("probe", "<p>still</p>", name=name, count=0, text=WORST)} for name in names
    ]


def press_both(page) -> None:
    """Each face counts for itself, and shows the text as text."""
    for name, presses in (("one", 1), ("two", 3)):
        for count in range(presses):
            page.get_by_role("button", name=f"{name} {count}", exact=True).click()
    for text in ("one 1", "two 3"):
        expect(page.get_by_role("button", name=text, exact=True)).to_be_visible()
    assert [span.text_content() for span in page.locator(".probe-text").all()] == [WORST] * 2


def test_faces_in_an_exported_page_need_no_kernel_and_no_network(probe, exported):
    page = exported(*two_pages())
    press_both(page)
    expect(page.get_by_text("still")).to_have_count(2)
    expect(page.get_by_text("still").first).to_be_hidden()


def test_a_slider_over_clips_shows_the_player_at_p(exported):
    audio = clip_players.keep(nl.Results(), torch.rand(3, 800) - 0.5, ["a", "b", "c"], 8000)
    page = exported({"text/html": clip_players.slider(audio, [0, 0.5, 1]).data})
    for player, label in zip(audio, ["p = 0", "p = 0.5", "p = 1"], strict=True):
        expect(page.locator("audio:visible")).to_have_attribute("src", player.src_attr())
        expect(page.locator("output")).to_have_text(label)
        page.get_by_role("slider").press("ArrowRight")


def test_faces_in_a_saved_notebook_are_tables_until_it_is_trusted(probe, server, root, tab):
    cells = [new_code_cell("0", outputs=[new_output("display_data", page)]) for page in two_pages()]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), root / "faces.ipynb")
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
