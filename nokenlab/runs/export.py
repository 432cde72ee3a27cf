"""A notebook as one HTML page that works with no Python and no network, its sliders too."""

import tempfile
from pathlib import Path

from nokenlab.errors import BadInput
from nokenlab.runs.files import write_whole
from nokenlab.runs.notebook_run import run_notebook

# nbconvert's own page, without the scripts that it takes from the network
PAGE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}"""


def export_page(notebook: Path, page: Path) -> Path:
    """Write the notebook as the HTML file `page` and return its path. One without outputs is run first.

    Raises BadInput where `page` cannot be written, and RunFailed as `run_notebook` does.
    """
    import nbformat

    page = Path(page).resolve()
    if page.suffix not in (".html", ".htm"):
        raise BadInput(f"the page {page.name!r} must end in .html")
    if not page.parent.is_dir():
        raise BadInput(f"there is no folder {page.parent} for the page")
    nb = nbformat.read(notebook, as_version=4)
    if not any(cell.get("outputs") for cell in nb.cells):
        with tempfile.TemporaryDirectory() as place:
            run_notebook(notebook, {}, Path(place) / notebook.stem)
            nb = nbformat.read(Path(place) / notebook.stem / notebook.name, as_version=4)
    write_whole(page, to_html(nb, notebook.stem).encode())
    return page


def to_html(nb, title: str) -> str:
    """An executed notebook as one page; of an output that a live widget shows too, only the static twin."""
    from nbconvert import HTMLExporter

    for cell in nb.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data.pop("application/vnd.jupyter.widget-view+json", None)
    nb.metadata.pop("widgets", None)
    exporter = HTMLExporter(raw_template=PAGE, embed_images=True)
    html, _ = exporter.from_notebook_node(nb, {"metadata": {"name": title}})
    return html
