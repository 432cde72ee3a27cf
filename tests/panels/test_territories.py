"""The panel of territories without a browser: its map, exact answers, other corners, bad input."""

import json

import pytest
from helpers.panels import EVIL, page_state, settled

import nokenlab as nl
from nokenlab.answers import planes, territory_map
from nokenlab.spelling import spelled_token

PROMPT, TOKENS = "The <noken> is a kind of", 4
WORDS = ["dog", "king", "music"]


def new_panel(lab, prompt: str = PROMPT, cells: int = 5):
    plane = planes.plane_through(lab, WORDS)
    table = territory_map.territory_map(lab, prompt, plane, cells, TOKENS, progress=False)
    panel = nl.Territories(lab, prompt, plane, table, TOKENS, near=30)
    assert panel.widget
    return panel


def text_at(lab, plane, x: float, y: float) -> str:
    return lab.generate(nl.fill(lab, PROMPT, plane.vector(x, y)), TOKENS)[0]


def test_the_map_of_the_face_is_the_table(tiny):
    panel = new_panel(tiny)
    view, table = panel.view, panel.table
    coded = view["response"]
    assert [coded["text"][i] for i in coded["of"]] == table["response"].tolist()
    letters = [view["territories"][i]["letter"] for i in view["territory"]]
    assert letters == table["territory"].tolist()
    leading = view["leading"]
    best = [leading["token"][of[0]] for of in leading["of"]]
    assert best == table["next_token"].map(spelled_token).tolist()
    first = [row[0] for row in leading["probability"]]
    assert first == pytest.approx(table["probability"].tolist(), abs=1e-3)
    assert len(view["near"]["token"]) == 30


def test_the_page_without_a_kernel_has_the_same_map_and_a_table(tiny):
    panel = new_panel(tiny, f"{EVIL} <noken> \u2028 \u202eis")
    html = panel.twin()
    assert page_state(panel)["map"] == json.loads(json.dumps(panel.view))
    assert "&lt;script&gt;" in html and "<b>" not in html


def test_the_exact_answer_at_a_point_is_the_models(tiny):
    panel = new_panel(tiny)
    for place in ([0.123, -0.2], [0.7, 0.31]):
        panel.face.set_state({"place": place})  # as the browser does
        exact = settled(panel).face.exact
        assert exact["place"] == place and not exact["going"]
        assert exact["text"] == text_at(tiny, panel.plane, *place)
    row = panel.table.iloc[7]
    panel.face.place = [row["x"], row["y"]]
    exact = settled(panel).face.exact
    assert (exact["text"], exact["territory"]) == (row["response"], row["territory"])
    assert exact["leading"][0] == [
        spelled_token(row["next_token"]),
        pytest.approx(row["probability"], abs=1e-3),
    ]


def test_other_corners_make_another_map_and_bad_ones_leave_the_old(tiny):
    panel = new_panel(tiny)
    panel.face.place = [0.123, -0.2]
    settled(panel)
    old = panel.face.map
    for words, message in {
        ("dog", "dog", "cat"): "are one vector",
        ("dog", "", "cat"): "a corner is empty",
        ("dog", "king"): "three corners",
    }.items():
        panel.receive({"corners": list(words), "prompt": PROMPT, "refine": False})
        assert message in settled(panel).note["text"] and panel.face.map is old
        assert panel.face.progress == [0, 0]
    panel.receive({"corners": ["dog", "cat", "fish"], "prompt": PROMPT, "refine": False})
    plane = planes.plane_through(tiny, ["dog", "cat", "fish"])
    table = territory_map.territory_map(tiny, PROMPT, plane, 5, TOKENS, progress=False)
    new = settled(panel).face.map
    assert not panel.note["wrong"]
    assert [new["response"]["text"][i] for i in new["response"]["of"]] == table["response"].tolist()
    panel.face.place = [0.2, 0.1]
    assert settled(panel).face.exact["text"] == text_at(tiny, plane, 0.2, 0.1)


def test_another_prompt_and_a_finer_map_keep_the_plane(tiny):
    panel = new_panel(tiny)
    for prompt, message in {"The dog is": "<noken>", "word " * 300 + "<noken>": "shorten it"}.items():
        panel.receive({"corners": WORDS, "prompt": prompt, "refine": False})
        assert message in settled(panel).note["text"] and panel.face.map["prompt"] == PROMPT
    panel.receive({"corners": WORDS, "prompt": "A <noken> is", "refine": True})
    settled(panel)
    table = territory_map.territory_map(tiny, "A <noken> is", panel.plane, 9, TOKENS, progress=False)
    view = panel.face.map
    assert [view["response"]["text"][i] for i in view["response"]["of"]] == table["response"].tolist()
    assert (view["prompt"], view["side"]) == ("A <noken> is", 9)


def test_a_drag_while_a_map_is_made_is_answered_and_the_map_goes_on(tiny):
    panel, seen = new_panel(tiny), []
    drag = lambda change: change["new"][0] == 1 and panel.face.set_state({"place": [0.2, 0.1]})  # noqa: E731
    panel.face.observe(drag, "progress")
    panel.face.observe(lambda change: change["new"] and seen.append(change["name"]), ["exact", "map"])
    panel.receive({"corners": ["dog", "cat", "fish"], "prompt": PROMPT, "refine": False})
    settled(panel)
    assert seen.index("exact") < seen.index("map")
    assert panel.latest.counts["cancelled"] == 0 and panel.plane.corners[2].label == "fish"


def test_a_map_that_is_made_is_ended_by_stop(tiny):
    panel = new_panel(tiny)
    old = panel.face.map
    panel.face.observe(lambda change: change["new"][0] == 1 and panel.receive({"stop": True}), "progress")
    panel.receive({"corners": ["dog", "cat", "fish"], "prompt": PROMPT, "refine": False})
    assert "stopped" in settled(panel).note["text"] and panel.face.map is old
    assert panel.latest.counts["cancelled"] == 1 and panel.face.progress == [0, 0]


def test_bad_input_is_said_before_any_run(tiny):
    panel = new_panel(tiny)
    other = planes.plane_through(tiny, ["dog", "cat", "fish"])
    for prompt, plane, table, message in [
        ("The dog is", panel.plane, panel.table, "<noken>"),
        (PROMPT, other, panel.table, "another plane"),
        (PROMPT, panel.plane, panel.table.head(7), "got 7 rows"),
        ("word " * 300 + "<noken>", panel.plane, panel.table, "shorten it"),
    ]:
        with pytest.raises(ValueError, match=message):
            nl.Territories(tiny, prompt, plane, table)
