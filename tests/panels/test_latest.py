"""What the panels share: the newest wish wins, errors, escaping, and pages without a kernel."""

import json
import re
import threading
import time

import nbformat
import pandas as pd
import pytest
from helpers.panels import EVIL, WAIT, A, B, P, all_widgets, lerp_slider, settled, text_of
from nbformat.v4 import new_code_cell, new_notebook, new_output

import nokenlab as nl
from nokenlab.cli import main
from nokenlab.experiments import lerp
from nokenlab.panels import markup
from nokenlab.panels.latest import Latest
from nokenlab.panels.panel import watched
from nokenlab.runs.export import to_html
from nokenlab.runs.results import OUTPUT


@pytest.fixture
def slider(tiny):
    """A lerp slider, and its two tables."""
    return lerp_slider(tiny)


# --- the newest wish wins


def test_of_thirty_wishes_the_newest_is_finished_and_none_runs_on():
    started, written = [threading.Event() for _ in range(30)], []
    latest = Latest(pytest.fail, pause=0)

    def job(number):
        def run(check):
            started[number].set()
            for token in range(1000 if number < 29 else 5):
                check()
                written.append((number, token))
                time.sleep(0.005 * (number < 29))

        return run

    for number in range(30):
        latest.ask(job(number))
        if number % 3 == 0:  # some come while the last one runs, some before it starts
            assert started[number].wait(WAIT)
    assert latest.join(WAIT)
    assert written[-5:] == [(29, token) for token in range(5)]
    counts = latest.counts
    assert counts["finished"] == 1 and counts["cancelled"] >= 10
    assert counts["asked"] == 30 == counts["finished"] + counts["cancelled"] + counts["skipped"]


def test_wishes_that_come_quickly_start_once():
    done = []
    latest = Latest(pytest.fail, pause=0.5)
    for number in range(10):
        latest.ask(lambda check, number=number: done.append(number))
    assert latest.join(WAIT)
    assert done == [9] and latest.counts["skipped"] == 9


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


def test_an_error_is_one_line_and_the_next_wish_is_done():
    failed, done = [], []
    latest = Latest(failed.append, pause=0)
    latest.ask(lambda check: int("x\ny"))
    assert latest.join(WAIT)
    latest.ask(lambda check: {}["key"])
    assert latest.join(WAIT)
    latest.ask(lambda check: done.append(1))
    assert latest.join(WAIT)
    assert len(failed) == 2 and "\n" not in failed[0]
    assert failed[1] == "KeyError: 'key'" and done == [1]


def test_no_thread_is_left_behind():
    before = threading.active_count()
    latest = Latest(pytest.fail, pause=0)
    latest.ask(lambda check: None)
    assert latest.join(WAIT)
    for thread in threading.enumerate()[before:]:
        thread.join(WAIT)
    assert threading.active_count() <= before


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


# --- what is shown


@pytest.mark.parametrize(
    "made",
    [
        markup.answer(EVIL, EVIL),
        markup.error(EVIL),
        markup.quiet(EVIL),
        markup.bars([EVIL], [0.5]),
        markup.chip(EVIL, EVIL),
        markup.strip(lerp.plateaus(pd.DataFrame({"p": [0, 1], "way": "m", "response": EVIL})), {EVIL: "A"}),
    ],
)
def test_all_text_is_escaped(made):
    assert "<script" not in made and "<b>" not in made
    assert "&lt;script&gt;" in made
    assert not re.search(r'="[^"]*"[^ >/]', made)  # no quote ends an attribute early


def test_an_error_is_named_as_one_and_never_long():
    made = markup.error("y" * 5000 + "\n")
    assert "Error" in made and 'role="alert"' in made and len(made) < 600


def test_bars_tell_their_numbers():
    made = markup.bars([" the", "\n"], [0.25, 1])
    assert "␣the" in made and "0.250" in made and "width:25.0%" in made and r"\n" in made


def test_equal_answers_have_one_letter():
    assert markup.letters(["x", "y", "x", "z"]) == {"x": "A", "y": "B", "z": "C"}
    assert list(markup.letters(map(str, range(28))).values())[25:] == ["Z", "A1", "B1"]


# --- without a kernel


def test_in_a_run_a_panel_is_html_and_makes_no_widget(slider, tiny, monkeypatch):
    before = len(all_widgets())
    monkeypatch.setenv(OUTPUT, "somewhere")
    panels = [
        nl.TokenView(tiny),
        nl.NokenExplorer(tiny, A, max_new_tokens=2),
        nl.StepSampler(tiny, A),
        slider[0],
    ]
    for panel in panels:
        assert set(panel._repr_mimebundle_()) == {"text/plain", "text/html"}
        assert "widget" not in vars(panel)
    assert len(all_widgets()) - before < 20
    monkeypatch.delenv(OUTPUT)
    assert "application/vnd.jupyter.widget-view+json" in slider[0]._repr_mimebundle_()


def test_the_twin_holds_the_tables_texts(slider):
    panel, sweep, _ = slider
    data = re.search(r'<script type="application/json">(.*?)</script>', panel.twin(), re.DOTALL)[1]
    views = json.loads(data)
    texts = [text_of(page) for view in views for page in view["pages"]]
    assert texts == sweep["response"].tolist()
    assert "<" not in data


def test_a_page_takes_nothing_from_the_network(slider):
    bundle = slider[0]._repr_mimebundle_()
    nb = new_notebook(cells=[new_code_cell("slider", outputs=[new_output("display_data", bundle)])])
    page = to_html(nb, "a <title>")
    assert "nk-live" in page and not re.search(r"""<(script|link|img)[^>]*(src|href)=|from ["']http""", page)


def test_export_command(tmp_path, capsys):
    source = tmp_path / "note.ipynb"
    output = new_output("display_data", {"text/html": '<p id="mine">42</p>'})
    nbformat.write(new_notebook(cells=[new_code_cell("1", outputs=[output])]), source)
    page = tmp_path / "page.html"
    assert main(["export", str(source), str(page)]) == 0
    assert '<p id="mine">42</p>' in page.read_text(encoding="utf-8") and str(page) in capsys.readouterr().out
    assert main(["export", str(source), str(tmp_path / "page.txt")]) == 2
    assert main(["export", str(source), str(tmp_path / "no" / "page.html")]) == 2
    assert capsys.readouterr().err.count("\n") == 2
