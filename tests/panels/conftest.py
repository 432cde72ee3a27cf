"""One JupyterLab, one page and one kernel for all panels in a browser; all of it goes after these tests."""

import nbformat
import pytest
from helpers import jupyterlab
from helpers.jupyterlab import output
from helpers.panels import HELPERS
from helpers.tiny_models import tiny_lab
from nbformat.v4 import new_code_cell, new_notebook, new_output
from playwright.sync_api import expect

from nokenlab.pages.export import export_page
from nokenlab.panels import face

expect.set_options(timeout=jupyterlab.SLOW)
VIEW = {"width": 1280, "height": 1000}
FORGET = """async () => {
    for (const one of [...window.jupyterapp.shell.widgets('main')]) {
        const code = 'import ipywidgets; ipywidgets.Widget.close_all(); get_ipython().reset()';
        await one.context?.sessionContext.session?.kernel?.requestExecute({ code }).done;
        one.dispose();
    }
}"""


@pytest.fixture(scope="session")
def tiny(lab):
    """One tiny random model: what a panel does with it is the same for every architecture."""
    return tiny_lab("llama", lab.tokenizer)


@pytest.fixture(scope="package")
def root(tmp_path_factory):
    """The folder that JupyterLab serves: tests put their notebooks there."""
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="package")
def server(browser, lab, root, tmp_path_factory):
    with jupyterlab.serve(root, tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture(scope="package")
def jupyterlab_page(browser, server):
    """The page that all notebooks are opened on: JupyterLab takes seconds to load, and a kernel more."""
    page = browser.new_page(viewport=VIEW)
    page.set_default_timeout(jupyterlab.SLOW)
    server.load(page)
    yield page
    page.close()


@pytest.fixture
def errors():
    """What went wrong on the page."""
    return []


@pytest.fixture
def page(browser, request, errors, tmp_path):
    """A browser page on which nothing may go wrong; a picture of it is kept in the test's folder."""
    page = browser.new_page(viewport=VIEW)
    page.set_default_timeout(jupyterlab.SLOW)
    try:
        yield from watched(page, request, errors, tmp_path)
    finally:
        page.close()


@pytest.fixture
def offline(page, errors):
    """The page, on which anything that is fetched is an error."""
    local = ("file:", "data:", "blob:")
    page.on("request", lambda r: r.url.startswith(local) or errors.append(f"asked for {r.url}"))
    return page


@pytest.fixture
def exported(offline, tmp_path):
    """Opens the exported page of a notebook that shows these outputs."""

    def open_(*outputs: dict):
        cells = [new_code_cell("0", outputs=[new_output("display_data", data)]) for data in outputs]
        nbformat.write(new_notebook(cells=cells), tmp_path / "shown.ipynb")
        offline.goto(export_page(tmp_path / "shown.ipynb", tmp_path / "shown.html").as_uri())
        return offline

    return open_


@pytest.fixture
def tab(jupyterlab_page, request, errors, tmp_path):
    """JupyterLab's page, on which nothing may go wrong, with no notebook of an earlier test."""
    try:
        yield from watched(jupyterlab_page, request, errors, tmp_path)
    finally:
        jupyterlab_page.evaluate(FORGET)


def watched(page, request, errors, tmp_path):
    """Yields the page once; then asserts that nothing went wrong on it."""
    assert request.path.name.startswith("test_browser"), "files of this name run in one process"

    def wrong(error) -> None:
        errors.append(str(error))

    page.on("pageerror", wrong)
    yield page
    page.screenshot(path=tmp_path / "page.png")
    drawn = page.get_by_text("Error displaying widget").count()
    page.remove_listener("pageerror", wrong)
    assert not errors and not drawn and page.title() != "taken over"


@pytest.fixture
def opened(server, tab):
    """Opens a notebook and runs it; gives a function that finds the live panel made by a name in it."""

    def open_(notebook: str, subshells: str = "perCommTarget"):
        server.messages(tab, subshells)
        nb = server.open(tab, notebook)
        return lambda name: output(nb, f"nl.{name}(").locator(".nk:has(.nk-note)")

    return open_


@pytest.fixture
def probe(monkeypatch):
    """`probe.js` as a panel's face."""
    monkeypatch.setattr(face, "FOLDER", HELPERS)
