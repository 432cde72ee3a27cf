"""Widgets of an executed notebook: the same bytes each time, and still the widgets that are shown."""

import nbformat
from helpers.small_notebooks import notebook

from nokenlab.runs.execution import execute
from nokenlab.runs.widget_ids import STATE

CELL = """
import ipywidgets
unseen = ipywidgets.IntText(5)
box = ipywidgets.HBox([ipywidgets.IntSlider(value=3), ipywidgets.HTML("said")])
display(box); display(ipywidgets.HTML("last"))
"""


def test_widgets_are_numbered_and_whole(tmp_path):
    path, written = notebook(tmp_path, "boxes", CELL), []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        execute(path, {}, tmp_path / name)
        written.append((tmp_path / name / "boxes.ipynb").read_bytes())
    assert written[0] == written[1]
    nb = nbformat.reads(written[0].decode(), 4)
    state = nb.metadata.widgets[STATE]["state"]
    outputs = [out for cell in nb.cells for out in cell.get("outputs", [])]
    shown = [out.data["application/vnd.jupyter.widget-view+json"]["model_id"] for out in outputs]
    assert sorted(state) == [f"{number:032x}" for number in range(len(state))] and shown[0] == f"{0:032x}"
    box, last = (state[id]["state"] for id in shown)
    slider, said = (state[child.removeprefix("IPY_MODEL_")]["state"] for child in box["children"])
    assert (slider["value"], said["value"], last["value"]) == (3, "said", "last")
    assert "IntTextModel" not in {widget["model_name"] for widget in state.values()}
    named = {
        id for widget in state.values() for id in map(str, widget["state"].values()) if "IPY_MODEL_" in id
    }
    assert named and all(id.removeprefix("IPY_MODEL_") in state for id in named if id.startswith("IPY"))
