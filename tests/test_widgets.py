"""The panels without a browser: the newest wish wins, errors, escaping, the same numbers as the tables."""

import base64
import html
import io
import json
import re
import threading
import time

import nbformat
import pandas as pd
import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook, new_output

import nokenlab as nl
from nokenlab import lerps, markup, replacements, steps
from nokenlab.cli import main
from nokenlab.export import to_html
from nokenlab.results import OUTPUT
from nokenlab.token_view import SHOWN
from nokenlab.widgets import LONGEST, Latest, watched

A, B = "White whippets are", "Black whippets are"
P = [0.0, 0.25, 0.5, 1.0]
EVIL = "<script>alert('x')</script> & <b>\"bold\"</b>"
WAIT = 60  # seconds, for what takes none


def text_of(markup_: str) -> str:
    """What a reader sees of the model's text in a panel's HTML."""
    (said,) = re.findall(r'<span class="nk-text">(.*?)</span>', markup_, re.DOTALL)
    return html.unescape(said)


@pytest.fixture
def slider(tiny):
    """A lerp slider with both methods, and its two tables."""
    sweep = pd.concat([lerps.blend(tiny, A, B, P, method, 4) for method in lerps.METHODS])
    leading = pd.concat([lerps.leading_along(tiny, A, B, P, method, walk=3) for method in lerps.METHODS])
    return nl.LerpSlider(tiny, A, B, sweep, leading, 4), sweep, leading


def settled(panel):
    """The panel once nothing runs in it."""
    assert panel.latest.join(WAIT)
    return panel


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
        lerps.blend(watched(tiny, end), A, B, P)
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
        markup.strip(
            lerps.plateaus(pd.DataFrame({"p": [0, 1], "method": "m", "response": EVIL})), {EVIL: "A"}
        ),
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


# --- the lerp slider


def test_the_slider_says_at_p_what_the_table_says_at_p(slider):
    panel, sweep, leading = slider
    assert panel.widget
    for method in lerps.METHODS:
        along = sweep[sweep["method"] == method]
        assert [text_of(page.value) for page in panel.pages[method]] == along["response"].tolist()
        for p, page in zip(P, panel.pages[method], strict=True):
            rows = leading[(leading["method"] == method) & (leading["p"] == p)]
            told = re.findall(r'nk-number">([0-9.]+)<', page.value)
            assert told == [f"{value:.3f}" for value in rows["probability"]]
            assert f"p = {p:g} ·" in page.value


def test_the_slider_needs_no_kernel(slider):
    panel, *_ = slider
    widget = panel.widget
    state = {model.model_id: model.get_state() for model in [widget, *_below(widget)]}
    links = [w for w in _all_widgets() if type(w).__name__ == "Link"]
    ends = {(link.source[0].model_id, link.source[1], link.target[1]) for link in links}
    assert (panel.slider.model_id, "index", "selected_index") in ends
    assert (panel.method.model_id, "index", "selected_index") in ends
    assert len(state) > 2 * len(P)


def test_other_prompts_are_blended_and_the_other_method_waits(slider, tiny):
    panel, *_ = slider
    assert panel.widget
    panel.a.value, panel.b.value = "Red is the", "Blue is the"
    panel.blend()
    settled(panel)
    table = lerps.blend(tiny, "Red is the", "Blue is the", P, "lerp", 4)
    assert [text_of(page.value) for page in panel.pages["lerp"]] == table["response"].tolist()
    assert all("press Blend" in page.value for page in panel.pages["slerp"])
    panel.method.value = "slerp"  # blends by itself
    settled(panel)
    table = lerps.blend(tiny, "Red is the", "Blue is the", P, "slerp", 4)
    assert [text_of(page.value) for page in panel.pages["slerp"]] == table["response"].tolist()
    assert [text_of(page.value) for page in panel.pages["lerp"]]  # still there


@pytest.mark.parametrize(
    "a, b, message",
    [
        ("", B, "prompt is empty"),
        ("Whippets are very quick dogs", B, "same number of tokens"),
        ("🙂", "a", "same number of tokens"),
        (EVIL, B, "same number of tokens"),
        ("word " * 2000, B, f"up to {LONGEST}"),
        (A, A, "nothing to blend"),
    ],
)
def test_bad_prompts_leave_the_slider_as_it_was(slider, a, b, message):
    panel, sweep, _ = slider
    assert panel.widget
    panel.a.value, panel.b.value = a, b
    panel.blend()
    settled(panel)
    assert message in html.unescape(panel.note.value) and "Error" in panel.note.value
    assert "<script" not in panel.note.value
    assert text_of(panel.pages["lerp"][1].value) == sweep["response"].iloc[1]


def test_a_very_fine_sweep_has_no_more_pages_than_a_slider_has_places(tiny):
    p = lerps.grid(403)
    sweep = pd.DataFrame({"p": p, "method": "lerp", "response": "x"})
    panel = nl.LerpSlider(tiny, A, B, sweep, pd.DataFrame({"p": [], "method": [], "after": []}))
    assert panel.p[0] == 0 and len(panel.p) == len(panel.views["lerp"]["pages"]) == 135


# --- the others


def test_the_explorer_says_what_the_table_of_the_notebook_says(tiny):
    prompt = "Red is a color"
    panel = nl.NokenExplorer(tiny, prompt, 0, 3, 5)
    assert panel.widget
    table = replacements.replacements(tiny, prompt, 0, [3, 4], 5).set_index(["scale", "seed"])
    assert text_of(panel.text.value) == table.loc[("token norm", 3), "response"]
    panel.seed.value = 4
    assert text_of(settled(panel).text.value) == table.loc[("token norm", 4), "response"]
    for scale in ("article", "real token"):
        panel.scale.value = scale
        assert text_of(settled(panel).text.value) == table.loc[(scale, 4), "response"]
        assert panel.size.disabled
    panel.scale.value = "true token"
    assert text_of(settled(panel).text.value) == tiny.generate(prompt, 5)[0]


def test_the_explorer_puts_nokens_at_a_distance_from_the_centroid(tiny):
    panel = nl.NokenExplorer(tiny, "Red is a color", -1, 3, 5)
    assert panel.widget and panel.position.value == len(tiny.ids("Red is a color")) - 1
    panel.scale.value, panel.size.value = "centroid", 0.5
    row = settled(panel).whole
    distance = 0.5 * tiny.space.distances.median().item()
    noken = nl.shell(tiny.space.centroid, 3, distance)[0]
    assert (noken - tiny.space.centroid).norm().item() == pytest.approx(distance, rel=1e-4)
    prompt = nl.replace(tiny.embed("Red is a color"), -1, noken)
    assert row["response"] == tiny.generate(prompt, 5)[0] == text_of(panel.text.value)


def test_what_a_page_rounds_is_no_move(tiny):
    panel = nl.NokenExplorer(tiny, "Red is a color", max_new_tokens=3)
    assert panel.widget
    panel.size.value = 1.0000000000000002
    assert not panel.latest.counts


def test_keeping_rows_gives_a_csv(tiny):
    panel = nl.NokenExplorer(tiny, 'Red is, "a" color', max_new_tokens=3)
    assert panel.widget
    panel._keep(None)
    panel.seed.value = 1
    settled(panel)._keep(None)
    data = re.search(r'download="kept-nokens.csv" href="data:text/csv;base64,([^"]+)"', panel.table.value)[1]
    table = pd.read_csv(io.BytesIO(base64.b64decode(data)), keep_default_na=False)
    assert table["seed"].tolist() == [0, 1] and table["prompt"].tolist() == ['Red is, "a" color'] * 2
    assert table["response"].tolist() == [row["response"] for row in panel.kept]


@pytest.mark.parametrize(
    "prompt, message", [("", "prompt is empty"), ("x " * 5000, f"up to {LONGEST}"), ("\ud83d", "Error")]
)
def test_bad_prompts_leave_the_explorer_at_work(tiny, prompt, message):
    panel = nl.NokenExplorer(tiny, "Red is a color", max_new_tokens=3)
    assert panel.widget
    panel.prompt.value = prompt
    assert message in settled(panel).note.value
    panel.prompt.value = EVIL
    settled(panel)
    assert "Error" not in panel.note.value and "<script" not in panel.text.value
    assert text_of(panel.text.value) == panel.whole["response"]


def test_the_sampler_walks_as_the_loop_does(tiny):
    noken = nl.random_nokens(tiny.width, 0)[0]
    prompt = nl.replace(tiny.embed("Red is the first"), 0, noken)
    panel = nl.StepSampler(tiny, "Red is the first", 0, noken)
    assert panel.widget
    for _ in range(4):
        panel._ask(("likeliest",))  # quicker than the model: none may be lost
    settled(panel)
    ids = [step.ids.item() for step in tiny.sample(prompt, 4)]
    assert [taken.number for taken in panel.path] == ids
    assert text_of(panel.text.value) == tiny.generate(prompt, 4)[0]
    panel._ask(("undo",))
    assert [taken.number for taken in settled(panel).path] == ids[:3]


def test_the_sampler_forces_draws_and_feeds(tiny):
    panel = nl.StepSampler(tiny, "Red is the first", top_k=3)
    assert panel.widget
    third = panel.offered[2]
    panel._force(2, None)
    panel._ask(("noken", 7))
    panel._ask(("drawn",))
    forced, noken, drawn = settled(panel).path
    assert (forced.number, noken.number) == (third, 7)
    noken = nl.random_nokens(tiny.width, 7, norm=tiny.space.median_norm)  # (1, width)
    fed = torch.cat(
        [tiny.embed("Red is the first"), tiny._embed_ids(torch.tensor([[third]])), noken[None]], 1
    )
    own = tiny.logits(fed).softmax(-1)[0, drawn.number].item()
    assert drawn.how == "drawn" and drawn.probability == pytest.approx(own, rel=1e-3)
    assert "▢" in text_of(panel.text.value) and "noken 7" in panel.text.value
    assert sum("ruled out" in bar.value for bar in panel.bars) == 7  # top-k leaves three of ten
    panel.temperature.value = 0.5
    assert len(settled(panel).path) == 3
    panel.prompt.value = ""
    assert "prompt is empty" in settled(panel).note.value
    panel.prompt.value = "Blue is"
    assert settled(panel).path == [] and "Error" not in panel.note.value


def test_candidates_are_the_models_and_the_processors(tiny):
    rules = steps.processors(tiny, 0.5, 3)
    step = next(tiny.sample("Red is", 1, processors=rules))
    table = steps.candidates(tiny, step, 5)
    assert list(table.columns) == ["rank", "token", "id", "probability", "chance"]
    assert table["probability"].tolist() == pytest.approx(step.probabilities[0].topk(5).values.tolist())
    assert table["chance"].sum() == pytest.approx(1) and (table["chance"] == 0).sum() == 2


def test_tokens_as_typed(tiny):
    panel = nl.TokenView(tiny)
    assert panel.widget
    panel.text.value = EVIL + " 🙂"
    assert "<script" not in settled(panel).tokens.value
    assert panel.tokens.value.count("<small>") == len(tiny.tokens(EVIL + " 🙂"))
    panel.text.value = ""
    assert "prompt is empty" in settled(panel).note.value and not panel.tokens.value
    panel.text.value = "word " * 2000
    settled(panel)
    assert f"the first {SHOWN} of {len(tiny.tokens('word ' * 2000)):,}" in panel.tokens.value
    assert panel.tokens.value.count("<small>") == SHOWN and not panel.note.value


# --- without a kernel


def test_in_a_run_a_panel_is_html_and_makes_no_widget(slider, tiny, monkeypatch):
    before = len(_all_widgets())
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
    assert len(_all_widgets()) - before < 20
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


def _all_widgets() -> list:
    from ipywidgets.widgets.widget import _instances

    return list(_instances.values())


def _below(widget) -> list:
    children = getattr(widget, "children", ())
    return [*children, *(below for child in children for below in _below(child))]
