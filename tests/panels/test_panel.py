"""What all panels are: HTML where no kernel will be, light to import, and ended by Stop."""

import subprocess
import sys
import threading

import pytest
from helpers.panels import WAIT, A, B, P, all_widgets, lerp_slider, settled

import nokenlab as nl
from nokenlab.answers import blends as lerp
from nokenlab.panels.panel import watched
from nokenlab.runs.results import OUTPUT


def test_stop_ends_what_runs(tiny):
    begun, panel = threading.Event(), nl.TokenView(tiny)

    def endless(check):
        begun.set()
        while True:
            check()

    panel.latest.ask(endless)
    assert begun.wait(WAIT)
    panel.stop()
    assert "stopped" in settled(panel).note.value
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
        lerp.blend(watched(tiny, end), A, B, P)
    assert len(seen) == 1


def test_in_a_run_a_panel_is_html_and_makes_no_widget(tiny, monkeypatch):
    slider, *_ = lerp_slider(tiny)
    before = len(all_widgets())
    monkeypatch.setenv(OUTPUT, "somewhere")
    panels = [
        nl.TokenView(tiny),
        nl.NokenExplorer(tiny, A, max_new_tokens=2),
        nl.StepSampler(tiny, A),
        slider,
    ]
    for panel in panels:
        assert set(panel._repr_mimebundle_()) == {"text/plain", "text/html"}
        assert "widget" not in vars(panel)
    assert len(all_widgets()) - before < 20
    monkeypatch.delenv(OUTPUT)
    assert "application/vnd.jupyter.widget-view+json" in slider._repr_mimebundle_()


def test_panels_need_no_matplotlib():
    panels = "lerp_slider, noken_explorer, state_reader, step_sampler, territories, token_view"
    code = f"from nokenlab.panels import {panels}; import sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
