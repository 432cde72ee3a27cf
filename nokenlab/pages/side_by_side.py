"""One page for several models: what the main cells of each notebook show, one column per model."""

from pathlib import Path

from nokenlab.pages.export import page_html, render
from nokenlab.runs import notebooks
from nokenlab.runs.files import write_atomically

MAIN = "main"  # the tag of a cell that shows a notebook's main table or figure
PAGE = "side-by-side.html"


def write_side_by_side(results: Path, models: list[str]) -> Path:
    """Write `results`/side-by-side.html about the runs in the folders `results`/model; returns its path.

    Shown are the outputs of cells tagged "main", of the notebooks that every model has. Raises BadInput for a
    damaged notebook.
    """
    results = Path(results)
    runs = [{path.stem: path for path in sorted((results / model).glob("*/*.ipynb"))} for model in models]
    sections = []
    for stem, path in runs[0].items():
        columns = [_shown(run[stem]) for run in runs if stem in run]
        if len(columns) == len(runs) and any(columns):
            sections.append({"title": notebooks.title(path), "columns": columns})
    body = render("side_by_side.html", models=models, sections=sections)
    page = results / PAGE
    write_atomically(page, page_html("Side by side", body).encode())
    return page


def _shown(notebook: Path) -> list[str]:
    """The HTML of the outputs of a notebook's main cells."""
    cells = [cell for cell in notebooks.cells(notebook) if MAIN in cell["metadata"].get("tags", [])]
    outputs = [output.get("data", {}) for cell in cells for output in cell["outputs"]]
    return [html for data in outputs if (html := _html(data))]


def _html(data: dict) -> str:
    """One output as HTML; "" for text."""
    if "image/png" in data:
        png = "".join(data["image/png"]).replace("\n", "")
        return f'<img alt="a figure; its numbers are in the tables" src="data:image/png;base64,{png}">'
    return "".join(data.get("text/html", ""))
