"""What all panels are: HTML without widgets in a run, light to import, and ended by Stop."""

import subprocess
import sys
import threading

import pytest
from helpers.panels import WAIT, A, B, P, all_widgets, lerp_slider, settled

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

    panel.latest.ask(endless)
    assert started.wait(WAIT)
    panel.stop()
    assert "stopped" in settled(panel).message
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
        assert set(panel._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert len(all_widgets()) == before
    monkeypatch.delenv(OUTPUT)
    assert WIDGET in forge._repr_mimebundle_()
    assert "1 steps taken" in forge.note.value or "exactly" in forge.note.value


def test_panels_need_no_matplotlib():
    panels = "lerp_slider, noken_explorer, state_reader, step_sampler, territories, token_view"
    code = f"from nokenlab.panels import {panels}; import sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
