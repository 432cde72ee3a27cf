"""One JupyterLab for all tests of panels in a browser."""

import pytest
from helpers.panels import HELPERS
from playwright.sync_api import expect

from nokenlab.bench import jupyterlab
from nokenlab.bench.jupyterlab import output
from nokenlab.panels import face

expect.set_options(timeout=jupyterlab.SLOW)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """The folder that JupyterLab serves: tests put their notebooks there."""
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="session")
def server(browser, lab, root, tmp_path_factory):
    with jupyterlab.serve(root, tmp_path_factory.mktemp("home")) as server:
        yield server


@pytest.fixture
def errors():
    """What went wrong on the page."""
    return []


@pytest.fixture
def page(browser, errors, tmp_path, request):
    """A browser page on which nothing may go wrong; a picture of it is kept in the test's folder."""
    assert request.path.name.startswith("test_browser"), "files of this name run in one process"
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.set_default_timeout(jupyterlab.SLOW)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.screenshot(path=tmp_path / "page.png")
    drawn = page.get_by_text("Error displaying widget").count()
    title = page.title()
    page.close()
    assert not errors and not drawn and title != "taken over"


@pytest.fixture
def opened(server, page):
    """Opens a notebook and runs it; gives a function that finds the panel made by a name in it."""
    names = []

    def open_(notebook: str, subshells: str = "perCommTarget"):
        server.settings(subshells)
        names.append(notebook)
        nb = server.open(page, notebook)
        return lambda name: output(nb, f"nl.{name}(")

    yield open_
    for name in names:
        server.close(page, name)


@pytest.fixture
def probe(monkeypatch):
    """`probe.js` as a panel's face."""
    monkeypatch.setattr(face, "FOLDER", HELPERS)
