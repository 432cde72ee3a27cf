"""The cloud of tokens without a browser: where points lie, picks, what is opened, its page, bad input."""

import base64

import numpy as np
import pytest
import torch
from helpers.panels import EVIL, page_state, settled

import nokenlab as nl
from nokenlab.spelling import spelled_token

PROMPT = "The <noken> is"


@pytest.fixture
def known(tiny):
    return tiny.with_nokens(blorp=nl.random_nokens(tiny.width, 4)[0])


@pytest.fixture
def panel(known):
    panel = nl.TokenCloud(known, PROMPT, 3)
    assert panel.widget.children[0] is panel.face
    return panel


def row_of(lab, word: str) -> int:
    return lab.space.rows(lab.ids(word)[-1:]).item()


def test_points_are_the_projection_on_the_two_widest_directions(panel, known):
    state, space = panel.state(), known.space
    points = np.frombuffer(base64.b64decode(state["points"]), "<i2").reshape(-1, 2)
    names = state["names"].split("\n")
    assert len(points) == len(names) == state["count"] + 1 == len(space) + 1
    assert names[row_of(known, " dog")] == "␣dog" and names[-1] == "blorp"
    vectors = torch.cat([space.vectors.float(), known.nokens["blorp"][None]])
    expected = (vectors - space.centroid) @ space.principal[1][:2].T
    expected = (expected / expected.abs().max() * 32767).numpy()
    assert np.abs(points - expected).max() < 2 and np.abs(points).max() >= 32766


def test_a_picked_point_has_its_neighbours_and_its_text(panel, known):
    for point, vector in (
        (row_of(known, " dog"), known.embed(" dog")[0, 0]),
        (len(known.space), known.nokens["blorp"]),
    ):
        panel.hear({"pick": point})
        picked = settled(panel).face.picked
        near = known.space.nearest(vector, 9)
        expected = [spelled_token(token) for token in near["token"] if token != " dog"][:8]
        assert [panel.names[row] for row, _ in picked["near"]] == expected
        assert (
            picked["text"] == known.generate(nl.fill(known, PROMPT, vector), 3)[0]
            and picked["point"] == point
        )
    panel.hear({"prompt": "A <noken> has"})
    assert settled(panel).face.picked["text"] == known.generate(nl.fill(known, "A <noken> has", vector), 3)[0]
    panel.hear({"prompt": "The dog"})
    assert "<noken>" in settled(panel).note["text"] and panel.face.prompt == "A <noken> has"


def test_two_points_open_a_slider_and_three_a_map(panel, known, monkeypatch):
    monkeypatch.setattr("nokenlab.panels.lerp_slider.POINTS", 3)
    monkeypatch.setattr("nokenlab.panels.territories.CELLS", 3)
    rows = [row_of(known, " dog"), len(known.space), row_of(known, " cat")]
    panel.hear({"open": rows[:2]})
    view = settled(panel).opened.children[0].views["lerp"]
    assert view["prompts"] == ["The <dog> is", "The <blorp> is"]
    ends = [known.generate(nl.fill(known, PROMPT, panel.vector(row)), 20)[0] for row in rows[:2]]
    assert [view["response"][0], view["response"][-1]] == ends
    panel.hear({"open": rows})
    corners = settled(panel).opened.children[0].map["corners"]
    assert [corner["label"] for corner in corners] == ["<dog>", "<blorp>", "<cat>"]


def test_the_page_has_all_points_and_without_scripts_a_picture(tiny):
    panel = nl.TokenCloud(tiny, f"<noken> {EVIL}")
    assert page_state(panel)["points"] == panel.state()["points"]
    assert 'src="data:image/png;base64' in panel.still()


@pytest.mark.parametrize("prompt", ["The dog is", "<noken> and <noken>", "word " * 300 + "<noken>"])
def test_a_bad_prompt_is_said_at_once(tiny, prompt):
    with pytest.raises(ValueError, match=r"<noken>|shorten"):
        nl.TokenCloud(tiny, prompt)
