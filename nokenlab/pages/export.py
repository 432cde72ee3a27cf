"""Notebooks and Markdown as HTML pages that need no Python and no network; light and dark."""

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
from jinja2 import Environment, FileSystemLoader, pass_context
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

from nokenlab.errors import BadInput, cut, short
from nokenlab.runs.files import write_atomically
from nokenlab.runs.notebook_run import run_notebook
from nokenlab.runs.notebooks import cells

HERE = Path(__file__).parent
CELLS = "{% extends 'lab/base.html.j2' %}"  # nbconvert's cells, without its page, which fetches scripts
WIDGET = "application/vnd.jupyter.widget-view+json"
NewAddress = Callable[[str], str | None]  # of a link; None: only the text of the link is shown


def leads_outside(link: str) -> bool:
    """Whether a link leads to another site, or within its own page."""
    url = urlsplit(link)
    return url.scheme in ("http", "https", "mailto") or not (url.scheme or url.netloc or url.path)


def export_page(notebook: Path, page: Path) -> Path:
    """Write a notebook as the HTML file `page` and return its path. One without outputs is run first.

    Links to files become text: those who get the page do not have them. Raises BadInput where `page` cannot
    be written, and RunFailed as `run_notebook` does.
    """
    page = Path(page).resolve()
    _check_page(page)
    cells(notebook)  # BadInput unless it is a notebook
    nb = nbformat.read(notebook, as_version=4)
    if not any(cell.get("outputs") for cell in nb.cells):
        with tempfile.TemporaryDirectory() as folder:
            run_notebook(notebook, {}, Path(folder) / notebook.stem)
            nb = nbformat.read(Path(folder) / notebook.stem / notebook.name, as_version=4)
    body = notebook_html(nb, Path(notebook).parent, lambda link: link if leads_outside(link) else None)
    write_atomically(page, page_html(notebook.stem, body).encode())
    return page


def _check_page(page: Path) -> None:
    """Raise BadInput, before anything runs, where no file `page` can be written."""
    if page.suffix not in (".html", ".htm"):
        raise BadInput(f"the page {short(page.name)} must end in .html")
    if not page.parent.is_dir():
        raise BadInput(f"there is no folder {cut(str(page.parent), 120)} for the page")
    trial = page.with_name(f".{page.name}.{os.getpid()}")  # the name that write_atomically begins with
    try:
        page.name.encode()
        trial.touch()
        trial.unlink()
        reason = "it is a folder" if page.is_dir() else None
    except UnicodeEncodeError:
        reason = "its name is not valid UTF-8"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise BadInput(f"cannot write the page {short(page.name)}: {reason}")


def page_html(title: str, body: str, **values) -> str:
    """A complete page around a `body` of HTML; page.html says which `values` it shows beside the body."""
    return render("page.html", title=title, body=body, style=style(), **values)


def notebook_html(nb, folder: Path, new_address: NewAddress | None = None) -> str:
    """The cells of an executed notebook as HTML; images that its Markdown names are inlined from `folder`.

    Of an output that is both a widget and HTML the HTML is shown. The notebook `nb` is changed.
    """
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output["data"].pop(WIDGET, None)
    nb.metadata.pop("widgets", None)
    exporter = _CellsExporter(raw_template=CELLS, exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.folder, exporter.new_address = folder, new_address
    html, _ = exporter.from_notebook_node(nb)
    return html


def markdown_html(
    text: str, folder: Path, new_address: NewAddress | None = None, attachments: dict | None = None
) -> str:
    """Markdown as HTML; images that it names are inlined from `folder`."""
    renderer = _MarkdownRenderer(escape=False, embed_images=True, path=str(folder), attachments=attachments)
    renderer.new_address = new_address
    return MarkdownWithMath(renderer=renderer).render(text)


def render(template: str, **values) -> str:
    """A template of this folder with its values filled in."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True)
    return environment.get_template(template).render(**values)


@cache
def style() -> str:
    """The CSS of every page, with the colours of code in light and in dark."""
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    page = (HERE / "page.css").read_text(encoding="utf-8")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{page}"


class _MarkdownRenderer(IPythonRenderer):
    new_address: NewAddress | None

    def link(self, text: str, url: str, title: str | None = None) -> str:
        address = self.new_address(url) if self.new_address else url
        return text if address is None else super().link(text, address, title)


class _CellsExporter(HTMLExporter):
    folder: Path
    new_address: NewAddress | None

    @pass_context
    def markdown2html(self, context, source):
        attachments = context.get("cell", {}).get("attachments")
        return markdown_html(source, self.folder, self.new_address, attachments)
