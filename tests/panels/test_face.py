"""A face, alive and in pages: the same module over the same state, and nothing in it is taken for HTML."""

import json
import re

import pytest
from helpers.panels import HELPERS, WORST

from nokenlab.panels import face


def test_the_state_of_a_page_is_complete_and_ends_no_script(probe):
    html = face.page("probe", "", text=WORST, numbers=[0.1, 1e-9], none=None)
    (data,) = re.findall(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)
    assert json.loads(data) == {"text": WORST, "numbers": [0.1, 1e-9], "none": None, "live": False}
    assert data.isascii() and "<" not in data
    assert html == face.page("probe", "", text=WORST, numbers=[0.1, 1e-9], none=None)


def test_what_json_cannot_hold_is_refused(probe):
    with pytest.raises(ValueError, match="JSON"):
        face.page("probe", "", number=float("nan"))


def test_a_module_that_would_end_its_script_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(face, "FOLDER", tmp_path)
    (tmp_path / "bad.js").write_text("export default { render() { '</script>' } }")
    with pytest.raises(ValueError, match=r"bad\.js would end the script"):
        face.page("bad", "")


def test_a_live_face_has_the_state_as_traits_that_go_to_the_browser(probe):
    widget = face.live("probe", name="one", count=0, text=WORST)
    seen = []
    widget.observe(lambda change: seen.append(change["new"]), "count")
    widget.set_state({"count": 3})  # as the browser does
    state = widget.get_state()
    assert seen == [3] and widget.count == 3
    assert {"name": "one", "count": 3, "text": WORST, "live": True}.items() <= state.items()
    assert state["_esm"] == face.ELEMENTS + (HELPERS / "probe.js").read_text()
