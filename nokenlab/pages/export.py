"""A notebook as one HTML page that works with no Python and no network, its sliders too."""

import errno
import os
import tempfile
from pathlib import Path

from nokenlab.errors import BadInput, cut, short
from nokenlab.runs.files import write_whole
from nokenlab.runs.notebook_run import run_notebook
from nokenlab.runs.notebooks import cells


def export_page(notebook: Path, page: Path) -> Path:
    """Write the notebook as the HTML file `page` and return its path. One without outputs is run first.

    Raises BadInput where `page` cannot be written, and RunFailed as `run_notebook` does.
    """
    from nokenlab.runs.quick_nbformat import nbformat

    page = Path(page).resolve()
    if page.suffix not in (".html", ".htm"):
        raise BadInput(f"the page {short(page.name)} must end in .html")
    if not page.parent.is_dir():
        raise BadInput(f"there is no folder {cut(str(page.parent), 120)} for the page")
    _check_place(page)
    cells(notebook)  # says it in one line if this is no notebook
    nb = nbformat.read(notebook, as_version=4)
    if not any(cell.get("outputs") for cell in nb.cells):
        with tempfile.TemporaryDirectory() as place:
            run_notebook(notebook, {}, Path(place) / notebook.stem)
            nb = nbformat.read(Path(place) / notebook.stem / notebook.name, as_version=4)
    write_whole(page, to_html(nb, notebook.stem, Path(notebook).parent).encode())
    return page


def _check_place(page: Path) -> None:
    """BadInput where no file `page` can be written, before anything runs."""
    half = page.with_name(f".{page.name}.{os.getpid()}")  # as of write_whole
    try:
        str(page).encode()
        if page.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        half.touch()
        half.unlink()
    except UnicodeEncodeError:
        raise BadInput(f"the name of the page is no valid UTF-8: {short(page.name)}") from None
    except OSError as error:
        raise BadInput(f"cannot write the page {short(page.name)}: {error.strerror}") from None


def to_html(nb, title: str, folder: Path = Path()) -> str:
    """An executed notebook as one page; images that its Markdown names are taken in from `folder`."""
    from nokenlab.pages import page  # nbconvert comes with it, and the command line wants to answer at once

    return page.whole(title, page.of_notebook(nb, folder))
