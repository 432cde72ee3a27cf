"""A JupyterLab of its own on 127.0.0.1, and Chromium to look at it with: for tests and times of the panels.

Needs Chromium and playwright, which comes with the `dev` extra.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from ast import literal_eval
from contextlib import contextmanager
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

SLOW = 120_000  # milliseconds to wait for what comes at once on a free machine
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KERNEL = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
}  # of a notebook
FIND = "[...window.jupyterapp.shell.widgets('main')].find(w => w.context?.path === path)"
MESSAGES = "threads => { window.jupyterapp.serviceManager.kernels.commsOverSubshells = threads }"
SHOW = """async path => {
    const kernels = window.jupyterapp.serviceManager.kernels;
    await kernels.refreshRunning();
    const [kernel] = kernels.running();
    await window.jupyterapp.commands.execute('docmanager:open', { path, kernel });
}"""


def chromium() -> str | None:
    """The browser on this machine, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def browser():
    """Chromium without a window, driven by playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
        yield browser
        browser.close()


@contextmanager
def serve(root: Path, home: Path):
    """Serve `root`, with settings and everything else the user may have in `home`; yields the `Server`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    _no_news(home)
    log = home / "lab.log"
    options = [
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",  # window.jupyterapp
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        "--KernelManager.shutdown_wait_time=0.2",  # seconds; a kernel with torch in it would take them all
    ]
    command = [sys.executable, "-m", "jupyterlab", *options]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=_env(home))
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(server, f"{address}/api/status?token={token}", log)
        yield Server(address, token)
    finally:
        _end(server, f"{address}/api/shutdown?token={token}")


class Server:
    """A running JupyterLab."""

    def __init__(self, address: str, token: str):
        self.address, self.token = address, token

    def load(self, page) -> None:
        """Load JupyterLab, a document at a time."""
        page.goto(f"{self.address}/doc?token={self.token}", wait_until="domcontentloaded")
        page.wait_for_function("() => window.jupyterapp", timeout=SLOW)
        page.evaluate("() => window.jupyterapp.restored.then(() => null)")

    def messages(self, page, subshells: str) -> None:
        """Let widgets' messages go to threads of theirs, "perCommTarget", or to the main one, "disabled"."""
        page.evaluate(MESSAGES, subshells)

    def show(self, page, notebook: str) -> None:
        """Open a notebook as it was saved, on a page that is loaded; its kernel is the one that there is."""
        page.evaluate(SHOW, notebook)
        page.locator(".jp-NotebookPanel:visible .jp-Cell").first.wait_for(timeout=SLOW)

    def open(self, page, notebook: str):
        """Open a notebook, run all its cells, which must go well, and return its part of the page."""
        self.show(page, notebook)
        outputs = page.evaluate(
            f"""async path => {{
                const panel = {FIND};
                await panel.sessionContext.ready;
                await window.jupyterapp.commands.execute('notebook:run-all-cells');
                return panel.content.model.toJSON().cells.flatMap(cell => cell.outputs ?? []);
            }}""",
            notebook,
        )
        errors = [out["evalue"] for out in outputs if out["output_type"] == "error"]
        assert outputs and not errors, errors
        return page.locator(".jp-NotebookPanel:visible")

    def value(self, page, notebook: str, expression: str):
        """What an expression is in the kernel of a notebook; plain values only."""
        found = page.evaluate(
            f"""async ([path, expression]) => {{
                const kernel = ({FIND}).sessionContext.session.kernel;
                const reply = await kernel.requestExecute(
                    {{code: '', user_expressions: {{found: expression}}}}).done;
                const found = reply.content.user_expressions.found;
                return found.data?.['text/plain'] ?? `"${{found.evalue}}"`;
            }}""",
            [notebook, expression],
        )
        return literal_eval(found)

    def restart(self, page, notebook: str) -> None:
        """Restart the kernel of a notebook."""
        page.evaluate(f"async path => {{ await ({FIND}).sessionContext.restartKernel() }}", notebook)

    def close(self, page, notebook: str) -> None:
        """End the kernel of a notebook."""
        page.evaluate(f"async path => {{ await ({FIND})?.sessionContext.shutdown() }}", notebook)


def write_notebook(source: str, path: Path) -> None:
    """A notebook of the cells in `source`, with ### between them."""
    cells = [new_code_cell(cell.strip()) for cell in source.split("###")]
    nbformat.write(new_notebook(cells=cells, metadata=KERNEL), path)


def output(notebook, code: str):
    """What the cell of an opened notebook that has `code` in it shows."""
    found = notebook.locator(".jp-CodeCell", has_text=code).locator(".jp-Cell-outputArea")
    found.scroll_into_view_if_needed()
    return found


def drag(handle, pixels: int) -> None:
    """Drag a slider's handle to the right in 30 small moves."""
    mouse, box = handle.page.mouse, handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + pixels, y, steps=30)
    mouse.up()


def _env(home: Path) -> dict:
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    return os.environ | {name: str(home / place) for name, place in places.items()}


def _no_news(home: Path) -> None:
    folder = home / "settings" / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True)
    values = {"fetchNews": "false", "checkForUpdates": False}
    (folder / "notification.jupyterlab-settings").write_text(json.dumps(values))


def _wait(server, address: str, log: Path) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(address, timeout=5)
            return
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab does not answer: {log.read_text()[-3000:]}")


def _end(server, address: str) -> None:
    """Ask the server to end, which ends its kernels too."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, b"{}", method="POST"), timeout=20)
        server.wait(30)
    except (OSError, subprocess.TimeoutExpired):
        server.terminate()
        server.wait(30)
