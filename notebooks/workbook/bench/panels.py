"""How quickly the panels answer in a browser: `python -m workbook.bench.panels`.

Prints for both threads that JupyterLab may send the widgets' messages to: key to changed text on the lerp
slider, key to the first token in the noken explorer and on the map of territories, the frames of a drag over
that map, with 20,000 tokens on it, and what became of the runs of a drag.
"""

import json
import os
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

import nokenlab as nl
from workbook.bench.jupyterlab import browser, chromium, drag, handle, output, serve, write_notebook

NOTEBOOK = """
import nokenlab as nl
from nokenlab.answers import blends as lerp
from nokenlab.answers import territory_map as experiment
from nokenlab.answers.planes import plane_through
lab, p = nl.load(), lerp.grid(5)
sweep = lerp.blend(lab, "White whippets are", "Black whippets are", p, max_new_tokens=4)
fork = lerp.leading_along(lab, "White whippets are", "Black whippets are", p)
###
explorer = nl.NokenExplorer(lab, "Red is a color", max_new_tokens=8)
explorer
###
nl.LerpSlider(lab, "White whippets are", "Black whippets are", sweep, fork, 4)
###
prompt, plane = "The <noken> is a kind of", plane_through(lab, ["dog", "king", "music"])
table = experiment.territory_map(lab, prompt, plane, 11, 12, progress=False)
map = nl.Territories(lab, prompt, plane, table, near=20_000)
map
"""
# from a key to the first frame in which the text is another one, and has `wanted` in it
WATCH = """(panel, kind, wanted) => new Promise(done => {
    const said = () => panel.querySelector(kind)?.textContent;
    let before = said(), start = null;
    panel.addEventListener('keydown', () => { before = said(); start = performance.now() },
                           { capture: true, once: true });
    const watcher = new MutationObserver(() => {
        if (start === null || said() === undefined || said() === before) return;
        if (!said().includes(wanted)) return;
        watcher.disconnect();
        requestAnimationFrame(() => done(performance.now() - start));
    });
    watcher.observe(panel, { childList: true, subtree: true, characterData: true });
})"""
# milliseconds from frame to frame while the noken is dragged over the map, a move a frame
DRAG = """async (panel, moves) => {
    const canvas = panel.querySelector('.nk-terr-map'), box = canvas.getBoundingClientRect(), took = [];
    canvas.setPointerCapture = () => {};  // of a pointer that is no mouse
    const fire = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
        clientX: box.left + box.width * x, clientY: box.top + box.height * y }));
    const frame = () => new Promise(done => requestAnimationFrame(done));
    fire('pointerdown', 0.1, 0.5);
    let last = await frame();
    for (let i = 1; i <= moves; i++) {
        fire('pointermove', 0.1 + 0.8 * i / moves, 0.5 + 0.3 * Math.sin(i / 20));
        const now = await frame();
        took.push(now - last);
        last = now;
    }
    fire('pointerup', 0.9, 0.5);
    return took;
}"""
COUNTS = "dict({}.latest.counts)"


def measure(server, chrome, subshells: str) -> dict:
    """The numbers for one of JupyterLab's settings."""
    page = chrome.new_page(viewport={"width": 1280, "height": 1000})
    server.load(page)
    server.messages(page, subshells)
    nb = server.open(page, "panels.ipynb")
    found = (
        {"commsOverSubshells": subshells} | _slider(nb) | _explorer(server, page, nb) | _map(server, page, nb)
    )
    server.close(page, "panels.ipynb")
    page.close()
    return found


def _slider(nb) -> dict:
    panel = output(nb, "nl.LerpSlider(")
    keys = (["ArrowRight"] * 4 + ["ArrowLeft"] * 4) * 3
    took = _times(panel, panel.get_by_role("slider"), keys[:20], ".nk-place", lambda: None)
    return {"lerp slider, key to text, ms": _spread(took)}


def _explorer(server, page, nb) -> dict:
    panel = output(nb, "nl.NokenExplorer(")
    seed, whole = handle(panel, "seed"), panel.get_by_text("the text is whole")
    took = _times(panel, seed, ["ArrowRight"] * 20, ".nk-text", whole.wait_for)
    before = server.value(page, "panels.ipynb", COUNTS.format("explorer"))
    drag(seed, 200)
    page.wait_for_timeout(500)
    whole.wait_for()
    after = server.value(page, "panels.ipynb", COUNTS.format("explorer"))
    return {
        "explorer, key to first token, ms": _spread(took),
        "explorer, a drag of 30 moves": {k: after[k] - before.get(k, 0) for k in after},
    }


def _map(server, page, nb) -> dict:
    panel = output(nb, "nl.Territories(")
    canvas, whole = panel.locator(".nk-terr-map"), panel.get_by_text("answered exactly here")
    canvas.press("ArrowRight")
    whole.wait_for()
    keys = (["ArrowRight"] * 3 + ["ArrowUp"] * 2 + ["ArrowLeft"] * 3 + ["ArrowDown"] * 2) * 2
    settle = partial(page.wait_for_timeout, 1000)
    took = _times(panel, canvas, keys, ".nk-terr-right", settle, "answered exactly here")
    before = server.value(page, "panels.ipynb", COUNTS.format("map"))
    frames = panel.evaluate(DRAG, 300)
    whole.wait_for()
    page.wait_for_timeout(1000)
    after = server.value(page, "panels.ipynb", COUNTS.format("map"))
    return {
        "map, key to first exact token, ms": _spread(took),
        "map, frames of a drag of 300 moves, ms": _spread(frames),
        "map, the runs of that drag": {k: after[k] - before.get(k, 0) for k in after},
    }


def _times(panel, control, keys: list[str], kind: str, settle, wanted: str = "") -> list[float]:
    """Milliseconds from each key to the first frame with another text, which has `wanted` in it."""
    found = []
    for key in keys:
        control.focus()
        panel.evaluate(f"panel => {{ window.took = ({WATCH})(panel, '{kind}', '{wanted}'); return null }}")
        control.press(key)
        found.append(panel.page.evaluate("() => window.took"))
        settle()
    return found


def _spread(values: list[float]) -> dict:
    numbers = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {"n": len(values)} | {name: round(value, 1) for name, value in numbers.items()}


def main() -> None:
    """Print the numbers of both settings, and of the machine, as JSON."""
    if chromium() is None:
        sys.exit("there is no Chromium here")
    nl.load()  # fetched before anything is timed
    with tempfile.TemporaryDirectory() as place, browser() as chrome:
        root, home = Path(place, "root"), Path(place, "home")
        root.mkdir()
        home.mkdir()
        write_notebook(NOTEBOOK, root / "panels.ipynb")
        with serve(root, home) as server:
            for subshells in ("perCommTarget", "disabled"):
                print(json.dumps(measure(server, chrome, subshells), indent=1), flush=True)
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": sys.version.split()[0]}
    print(json.dumps(machine))


if __name__ == "__main__":
    main()
