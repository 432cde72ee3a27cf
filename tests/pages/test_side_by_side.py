"""The page of several models: the outputs of main cells, one column per model."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nokenlab.errors import BadInput
from nokenlab.pages.side_by_side import write_side_by_side


def executed(folder, stem, *outputs, tags=("main",)):
    """An executed notebook in `folder`, with one cell that has these outputs."""
    data = [new_output("display_data", data=output) for output in outputs]
    cells = [new_markdown_cell(f"# Title of {stem}"), new_code_cell(outputs=data, metadata={"tags": [*tags]})]
    (folder / stem).mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), folder / stem / f"{stem}.ipynb")


def test_main_cells_of_both_models_stand_beside_each_other(tmp_path):
    for model in ("one", "two"):
        table = {"text/html": f"<table><td>{model}</td></table>", "text/plain": "unseen"}
        executed(tmp_path / model, "01-a", table, {"image/png": "iVBORw0K\n", "text/plain": "unseen"})
        executed(tmp_path / model, "02-b", {"text/html": "<p>not main</p>"}, tags=())
    executed(tmp_path / "one", "03-c", {"text/html": "<p>of one model alone</p>"})
    html = write_side_by_side(tmp_path, ["one", "two"]).read_text("utf-8")
    assert html.index("<td>one</td>") < html.index("<td>two</td>") and "Title of 01-a" in html
    assert html.count('src="data:image/png;base64,iVBORw0K"') == 2
    assert "not main" not in html and "unseen" not in html and "of one model alone" not in html


def test_a_damaged_notebook_is_one_line(tmp_path):
    for model in ("one", "two"):
        executed(tmp_path / model, "01-a")
    (tmp_path / "two/01-a/01-a.ipynb").write_text("{")
    with pytest.raises(BadInput, match=r"01-a\.ipynb is not a notebook"):
        write_side_by_side(tmp_path, ["one", "two"])
