"""What all panels are: HTML without widgets in a run, light to import, and ended by Stop."""

import subprocess
import sys
import threading

import pytest
from helpers.panels import WAIT, A, B, P, all_widgets, lerp_slider, settled
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output

import nokenlab as nl
from nokenlab.answers import blends
from nokenlab.panels.panel import watched
from nokenlab.runs.results import OUTPUT

WIDGET = "application/vnd.jupyter.widget-view+json"


def test_stop_ends_what_runs(tiny):
    started, panel = threading.Event(), nl.TokenView(tiny)

    def endless(check):
        started.set()
        while True:
            check()

    panel.latest.ask(endless, "answer")
    assert started.wait(WAIT)
    panel.stop()
    assert settled(panel).note == {"text": "stopped", "wrong": False}
    assert panel.latest.counts["cancelled"] == 1


def test_a_watched_lab_says_the_same_and_can_be_ended_at_a_token(tiny):
    seen = []
    assert watched(tiny, seen.append).generate("Red is", 5) == tiny.generate("Red is", 5)
    assert [step.index for step in seen] == list(range(len(seen)))

    def end(step):
        seen.append(step)
        raise KeyError

    seen.clear()
    with pytest.raises(KeyError):
        blends.blend(watched(tiny, end), A, B, P)
    assert len(seen) == 1


def test_in_a_run_a_panel_is_html_and_makes_no_widget(tiny, monkeypatch):
    before = len(all_widgets())
    monkeypatch.setenv(OUTPUT, "somewhere")
    slider, *_ = lerp_slider(tiny)
    forge = nl.NokenForge(tiny, "The <noken> is", " red", steps=1)
    forge.learn()  # whose messages have no widget to be shown in
    panels = [
        nl.TokenView(tiny),
        nl.NokenExplorer(tiny, A, max_new_tokens=2),
        nl.StepSampler(tiny, A),
        nl.StateReader(tiny, "Red is"),
        forge,
        slider,
    ]
    for panel in panels:
        (output,) = panel.outputs()
        assert set(output) == {"text/plain", "text/html"}
    assert len(all_widgets()) == before
    monkeypatch.delenv(OUTPUT)
    live, twin = forge.outputs()
    assert WIDGET in live and not live["text/html"] and "nk-still" in twin["text/html"]
    assert "1 steps taken" in forge.face.note["text"] or "exactly" in forge.face.note["text"]


def test_a_notebook_executed_and_converted_elsewhere_has_the_twin(tiny, tmp_path):
    """As by `jupyter execute` and nbconvert: there a page shows the first that it can of each output."""
    panel = lerp_slider(tiny)[0]
    outputs = [new_output("display_data", data) for data in panel.outputs()]
    state = {panel.widget.model_id: {"state": {}, "model_name": "AnyModel", "model_module": "anywidget"}}
    widgets = {
        "application/vnd.jupyter.widget-state+json": {"state": state, "version_major": 2, "version_minor": 0}
    }
    nb = new_notebook(cells=[new_code_cell("0", outputs=outputs)], metadata={"widgets": widgets})
    page, _ = HTMLExporter().from_notebook_node(nb)
    assert "nk-still" in page and panel.prompts[0] in page


def test_panels_need_no_matplotlib():
    panels = "lerp_slider, noken_explorer, state_reader, step_sampler, territories, token_view"
    code = f"from nokenlab.panels import {panels}; import sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
