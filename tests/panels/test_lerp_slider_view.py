"""What the lerp slider's face is given, and the slider without a kernel."""

import json
import re

import pandas as pd
import pytest
from helpers.panels import EVIL, A, B, is_escaped, lerp_slider
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nokenlab.pages.export import notebook_html
from nokenlab.panels.lerp_slider_view import still, view

NONE = pd.DataFrame({"p": [], "way": [], "after": [], "token": [], "probability": []})


@pytest.fixture
def slider(tiny):
    """A lerp slider, and its two tables."""
    return lerp_slider(tiny)


def sweep_of(p: list[float], responses: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"p": p, "way": "lerp", "response": responses})


def test_each_p_lies_in_the_plateau_of_its_answer_and_plateaus_leave_no_gap(tiny):
    p, responses = [0, 0.1, 0.5, 0.9, 1.0], ["x", "y", "y", "x", "x"]
    found = view(tiny, (A, B), sweep_of(p, responses), NONE)
    plateaus = found["plateaus"]
    assert [(run["letter"], run["from"], run["to"]) for run in plateaus] == [
        ("A", 0, 0),
        ("B", 0.1, 0.5),
        ("A", 0.9, 1),
    ]
    assert [run["left"] for run in plateaus] + [1] == [0] + [run["right"] for run in plateaus]
    for place, number, text in zip(found["p"], found["of"], responses, strict=True):
        run = plateaus[number]
        assert run["left"] <= place <= run["right"] and run["from"] <= place <= run["to"]
        assert run["response"] == text
    assert plateaus[0]["colour"] == plateaus[2]["colour"] != plateaus[1]["colour"]


def test_rows_of_a_sweep_may_come_in_any_order_and_one_alone_is_enough(tiny):
    rows = sweep_of([0, 0.5, 1], ["x", "y", "y"])
    assert view(tiny, (A, B), rows.iloc[[2, 0, 1]], NONE) == view(tiny, (A, B), rows, NONE)
    alone = view(tiny, (A, B), rows.head(1), NONE)
    assert alone["of"] == [0] and alone["leading"] is None


def test_what_both_prompts_say_is_in_view(tiny):
    found = view(tiny, (A, B), sweep_of([0, 1], ["x", "y"]), NONE)
    tokens = [tiny.tokens(prompt)["token"].tolist() for prompt in (A, B)]
    same = [one if one == other else "▢" for one, other in zip(*tokens, strict=True)]
    assert found["before"] == "".join(same) and "▢" in same


def test_without_scripts_there_is_a_table_and_its_texts_are_escaped(tiny):
    html = still({"lerp": view(tiny, (A, B), sweep_of([0, 1], [EVIL, EVIL]), NONE)})
    assert is_escaped(html) and "0 to 1" in html and A in html


def test_the_twin_holds_the_tables_texts(slider):
    panel, sweep, leading = slider
    data = re.search(r'<script type="application/json">(.*?)</script>', panel.twin(), re.DOTALL)[1]
    state = json.loads(data)
    texts = [v["plateaus"][number]["response"] for v in state["views"].values() for number in v["of"]]
    assert texts == sweep["response"].tolist()
    told = [value for v in state["views"].values() for row in v["leading"]["probability"] for value in row]
    assert told == leading["probability"].tolist()
    assert [way["name"] for way in state["ways"]] == ["lerp", "slerp"]  # no button for what cannot be blended
    assert "<" not in data and not state["live"]


def test_a_page_takes_nothing_from_the_network(slider, tmp_path):
    bundle = slider[0]._repr_mimebundle_()
    nb = new_notebook(cells=[new_code_cell("slider", outputs=[new_output("display_data", bundle)])])
    page = notebook_html(nb, tmp_path)
    assert "nk-still" in page and not re.search(r"""<(script|link|img)[^>]*(src|href)=|from ["']http""", page)
