"""The pages of the lerp slider, and the slider without a kernel."""

import json
import re

import pandas as pd
import pytest
from helpers.panels import EVIL, A, B, is_escaped, lerp_slider, text_of
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nokenlab.experiments import lerp
from nokenlab.panels.lerp_slider_pages import strip, view
from nokenlab.runs.export import to_html


@pytest.fixture
def slider(tiny):
    """A lerp slider, and its two tables."""
    return lerp_slider(tiny)


def test_texts_in_the_strip_are_escaped():
    runs = lerp.plateaus(pd.DataFrame({"p": [0, 1], "way": "m", "response": EVIL}))
    assert is_escaped(strip(runs, {EVIL: "A"}))


def test_each_pages_pointer_is_below_the_plateau_of_its_answer(tiny):
    p, responses = [0, 0.1, 0.5, 0.9, 1.0], ["x", "y", "y", "x", "x"]
    sweep = pd.DataFrame({"p": p, "way": "lerp", "response": responses})
    found = view(tiny, (A, B), sweep, pd.DataFrame({"p": []}))
    blocks = re.findall(r'left:([\d.]+)%;width:([\d.]+)%;[^>]*title="(\w): ', found["strip"])
    assert [letter for *_, letter in blocks] == ["A", "B", "A"]
    for page, letter in zip(found["pages"], "ABBAA", strict=True):
        place = float(re.search(r"left:([\d.]+)%", page)[1])
        (below,) = {name for left, width, name in blocks if 0 <= place - float(left) < float(width) + 0.01}
        assert below == letter and f"answer {letter}," in page


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
