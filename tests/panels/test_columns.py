"""Panels of two models in columns: one recipe, and what is chosen in one is chosen in both."""

import pytest
from helpers.panels import A, B, settled
from helpers.tiny_models import tiny_lab

import nokenlab as nl
from nokenlab.panels import lerp_slider, territories


@pytest.fixture(scope="module")
def labs(tiny):
    return [tiny, tiny_lab("gpt2", tiny.tokenizer)]


def test_a_list_of_labs_is_a_panel_for_each_of_one_recipe(labs, monkeypatch):
    monkeypatch.setattr(lerp_slider, "POINTS", 3)
    columns = nl.LerpSlider(labs, A, B, max_new_tokens=2)
    assert [panel.lab for panel in columns.panels] == labs
    assert [panel.p for panel in columns.panels] == [[0, 0.5, 1]] * 2
    assert columns.panels[0].views != columns.panels[1].views
    assert columns.widget.children and columns.twin().count('class="nk-still"') == 2
    columns._ipython_display_()
    columns.panels[0].hear({"blend": ["Red is the", "Blue is the"], "way": "slerp", "pad": ""})
    assert [settled(panel).prompts for panel in columns.panels] == [("Red is the", "Blue is the")] * 2


def test_a_choice_in_one_explorer_is_made_in_both(labs):
    columns = nl.NokenExplorer(labs, A, max_new_tokens=2)
    assert columns.widget
    columns.panels[1].hear({"choose": {"seed": 7}})
    assert [settled(panel).choice.seed for panel in columns.panels] == [7, 7]


def test_a_noken_on_one_map_moves_to_the_same_weights_on_the_other(labs, monkeypatch):
    monkeypatch.setattr(territories, "CELLS", 2)
    columns = nl.Territories(labs, "The <noken> is", ["dog", "king", "music"], max_new_tokens=2)
    assert columns.widget
    first, second = columns.panels
    x, y = first.plane.corners[2].x / 2, first.plane.corners[2].y / 2
    first.face.set_state({"place": [x, y]})  # as the browser does
    weights = [panel.plane.weights(*settled(panel).face.place)[0].tolist() for panel in (first, second)]
    assert weights[1] == pytest.approx(weights[0], abs=1e-4) and first.face.place == [x, y]
