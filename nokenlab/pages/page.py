"""HTML pages, whole in themselves, of notebooks and of Markdown: light and dark, with nothing fetched."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import Environment, pass_context
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

HERE = Path(__file__).parent
# scripts stand in the page; a panel's module is a blob of it. Nothing else may be loaded, from nowhere, and
# no tag has a script in an attribute, so that text which became a tag would still not run
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; script-src-attr 'none'; "
    "style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
CELLS = (
    "{% extends 'lab/base.html.j2' %}"  # nbconvert's cells, without its page and the scripts that it fetches
)
LIVE = "application/vnd.jupyter.widget-view+json"
Link = Callable[[str], str | None]  # the address that a link gets; None: it leads nowhere, and is plain text


def whole(title: str, body: str, **around) -> str:
    """The page of a `body` of HTML, and what is `around` it where given.

    parts: a row of links above, each an address and a name; that of `here` is marked. made: HTML, how the
    page came to be. before, after: address and name of the neighbours.
    """
    template = Environment(autoescape=True, trim_blocks=True).from_string(_read("page.html"))
    around["made"] = Markup(around.get("made", ""))
    look = {"policy": Markup(POLICY), "style": Markup(style())}
    return template.render(title=title, body=Markup(body), **look, **around)


def of_notebook(nb, folder: Path, link: Link | None = None) -> str:
    """An executed notebook's cells as HTML; of an output that a live widget shows too, only the static twin.

    Images that its Markdown names are taken in from `folder`. The notebook `nb` is changed.
    """
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data.pop(LIVE, None)
    nb.metadata.pop("widgets", None)
    exporter = _Cells(raw_template=CELLS, exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.folder, exporter.link = folder, link
    html, _ = exporter.from_notebook_node(nb)
    return html


def of_markdown(text: str, folder: Path, link: Link | None = None, attachments: dict | None = None) -> str:
    """Markdown as HTML; images that it names are taken in from `folder`."""
    renderer = _Renderer(escape=False, embed_images=True, path=str(folder), attachments=attachments)
    renderer.address = link or (lambda address: address)
    return MarkdownWithMath(renderer=renderer).render(text)


@cache
def style() -> str:
    """The CSS of every page, with the colours of code in light and in dark."""
    light, dark = (
        HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("default", "github-dark")
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{_read('page.css')}"


class _Renderer(IPythonRenderer):
    address: Link

    def link(self, text: str, url: str, title: str | None = None) -> str:
        address = self.address(url)
        return text if address is None else super().link(text, address, title)


class _Cells(HTMLExporter):
    folder: Path
    link: Link | None

    @pass_context
    def markdown2html(self, context, source):
        attachments = context.get("cell", {}).get("attachments")
        return of_markdown(source, self.folder, self.link, attachments)


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
