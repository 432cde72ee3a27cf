"""A notebook as one HTML page that works with no Python and no network, its sliders too."""

import tempfile
from pathlib import Path

from nokenlab.errors import BadInput
from nokenlab.runs.files import write_whole
from nokenlab.runs.notebook_run import run_notebook


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
    write_whole(page, to_html(nb, notebook.stem, Path(notebook).parent).encode())
    return page


def to_html(nb, title: str, folder: Path = Path()) -> str:
    """An executed notebook as one page; images that its Markdown names are taken in from `folder`."""
    from nokenlab.runs import page  # nbconvert comes with it, and the command line wants to answer at once

    return page.whole(title, page.of_notebook(nb, folder))
