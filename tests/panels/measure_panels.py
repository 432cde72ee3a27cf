"""How quickly the panels answer in a browser: `python tests/measure_panels.py`.

Not a test, for a time depends on the machine. Prints for both threads that JupyterLab may send the widgets'
messages to: key to changed text on the lerp slider, key to the first token in the noken explorer, and what
became of the runs of a drag of 30 moves.
"""

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

from helpers.browser import FIND, OPTIONS, chromium, jupyterlab
from playwright.sync_api import sync_playwright
from test_browser import TOGETHER, drag, handle, write_notebook

import nokenlab as nl

# from a key to the first frame in which the text is another one
WATCH = """(panel, kind) => new Promise(done => {
    const said = () => panel.querySelector(kind)?.textContent;
    let before = said(), start = null;
    panel.addEventListener('keydown', () => { before = said(); start = performance.now() },
                           { capture: true, once: true });
    const watcher = new MutationObserver(() => {
        if (start === null || said() === undefined || said() === before) return;
        watcher.disconnect();
        requestAnimationFrame(() => done(performance.now() - start));
    });
    watcher.observe(panel, { childList: true, subtree: true, characterData: true });
})"""
COUNTS = "dict(next(o for o in Out.values() if type(o).__name__ == 'NokenExplorer').latest.counts)"
ASK = f"""async ([path, code]) => {{
    const kernel = ({FIND}).sessionContext.session.kernel;
    const reply = await kernel.requestExecute({{code: '', user_expressions: {{found: code}}}}).done;
    return reply.content.user_expressions.found.data['text/plain'];
}}"""


def times(page, panel, control, keys: list[str], kind: str, settle) -> list[float]:
    """Milliseconds from each key to the first frame with another text."""
    found = []
    for key in keys:
        control.focus()
        panel.evaluate(f"panel => {{ window.took = ({WATCH})(panel, '{kind}'); return null }}")
        control.press(key)
        found.append(page.evaluate("() => window.took"))
        settle()
    return found


def measure(server, browser, subshells: str) -> dict:
    """The numbers for one of JupyterLab's settings."""
    server.settings(subshells)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    nb = server.open(page, "together.ipynb")
    slider, explorer = (
        nb.locator(".jp-CodeCell", has_text=f"nl.{name}(").locator(".jp-Cell-outputArea")
        for name in ("LerpSlider", "NokenExplorer")
    )
    slider.scroll_into_view_if_needed()
    keys = (["ArrowRight"] * 4 + ["ArrowLeft"] * 4) * 3
    lerp = times(page, slider, handle(slider, "p"), keys[:20], ".nk-place", lambda: None)
    explorer.scroll_into_view_if_needed()
    whole = explorer.get_by_text("the text is whole")
    seed = handle(explorer, "seed")
    first = times(
        page, explorer, seed, ["ArrowRight"] * 20, ".nk-text", lambda: whole.wait_for(timeout=60_000)
    )
    before = eval(page.evaluate(ASK, ["together.ipynb", COUNTS]))
    drag(seed, 200)
    page.wait_for_timeout(500)
    whole.wait_for(timeout=60_000)
    after = eval(page.evaluate(ASK, ["together.ipynb", COUNTS]))
    server.close(page, "together.ipynb")
    page.close()
    return {
        "commsOverSubshells": subshells,
        "lerp slider, key to text, ms": spread(lerp),
        "explorer, key to first token, ms": spread(first),
        "explorer, a drag of 30 moves": {k: after[k] - before.get(k, 0) for k in after},
    }


def spread(values: list[float]) -> dict:
    """Median and range of some numbers."""
    return {"n": len(values), "median": round(statistics.median(values), 1)} | {
        name: round(pick(values), 1) for name, pick in (("least", min), ("most", max))
    }


def main() -> None:
    nl.load()  # fetched before anything is timed
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        root, home = Path(place, "root"), Path(place, "home")
        root.mkdir()
        home.mkdir()
        write_notebook(TOGETHER, root / "together.ipynb")
        browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS)
        with jupyterlab(root, home) as server:
            for subshells in ("perCommTarget", "disabled"):
                print(json.dumps(measure(server, browser, subshells), indent=1), flush=True)
        print(
            json.dumps(
                {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": sys.version.split()[0]}
            )
        )
        browser.close()


if __name__ == "__main__":
    main()
