"""How quickly the live page loads and answers in Chromium: `python -m workbook.bench.live`.

Prints for one thread and for as many as the page takes: seconds of the first and of a later load, the memory
of the tab, and new tokens a second for 1 to 32 nokens at a time; beside them what nokenlab itself does here.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

import nokenlab as nl
from nokenlab.pages.live.live_site import write_live
from workbook.bench.jupyterlab import SLOW, browser, chromium
from workbook.bench.timing import seconds

PROMPT, AT, NEW = "My favourite color is red because", 3, 20
ROWS = (1, 8, 16, 32)
# the engine on a page of its own, which isolates itself first
ISOLATE = "() => { import('./isolation.js').then(({ isolate }) => isolate()) }"
LOAD = """async (threads) => {
    const { Engine } = await import("./engine.js"), begin = performance.now();
    const engine = window.engine = new Engine({ backend: "WASM", ...(threads && { threads }) });
    const seconds = () => (performance.now() - begin) / 1000;
    engine.load().then((loaded) => { window.loaded = { ...loaded, seconds: seconds() }; });
}"""
ANSWER = """async ([prompt, at, rows, tokens, norm]) => {
    const words = await engine.tokens(prompt), wish = { tokens }, begin = performance.now();
    const prompts = Array.from({ length: rows }, (_, seed) => words.with(at, { seed, norm }));
    const rest = rows === 1 ? [await engine.answer(prompts[0], wish)] : await engine.answers(prompts, wish);
    return rest.reduce((sum, { ids }) => sum + ids.length, 0) / (performance.now() - begin) * 1000;
}"""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a plain file server."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def measure(chrome, address: str, threads: int | None, norm: float) -> dict:
    """The numbers with so many threads; None: as many as the page takes."""
    with chrome.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.goto(f"{address}page.css")
        page.evaluate(ISOLATE)
        page.wait_for_function("() => crossOriginIsolated")
        first, peak = _load(page, threads)
        page.reload()
        again, _ = _load(page, threads)
        page.evaluate(ANSWER, [PROMPT, AT, 1, NEW, norm])
        rate = {rows: page.evaluate(ANSWER, [PROMPT, AT, rows, NEW, norm]) for rows in ROWS}
        found = {"threads": first["threads"], "load, s": first["seconds"], "load again, s": again["seconds"]}
        return found | {"memory at its peak, MB": peak, "memory, MB": _memory(), "tokens/s by rows": rate}


def _load(page, threads: int | None) -> tuple[dict, int]:
    """What a loaded engine says, and the most memory meanwhile."""
    page.evaluate(LOAD, threads)
    peak = 0
    while not page.evaluate("() => Boolean(window.loaded)"):
        peak = max(peak, _memory())
        time.sleep(0.05)
    return page.evaluate("window.loaded"), peak


def _memory() -> int:
    """Resident MB of the tab, the largest of Chromium's renderers."""
    children = psutil.Process().children(recursive=True)
    tabs = [child for child in children if "--type=renderer" in " ".join(child.cmdline())]
    return max(tab.memory_info().rss for tab in tabs) // 2**20


def nokenlabs_own(lab: nl.Lab) -> dict[int, float]:
    """New tokens a second of nokenlab itself, by rows."""
    rates = {}
    for rows in ROWS:
        nokens = nl.random_nokens(lab.width, range(rows), norm=lab.space.median_norm)
        prompts = nl.replace(lab.embed(PROMPT), AT, nokens)
        new = sum(len(lab.ids(text)) for text in lab.generate(prompts, NEW) if text)
        rates[rows] = new / seconds(partial(lab.generate, prompts, NEW), lab)[1]
    return rates


def _rounded(found):
    """The same with one digit behind each point."""
    if isinstance(found, dict):
        return {key: _rounded(value) for key, value in found.items()}
    return round(found, 1) if isinstance(found, float) else found


def main() -> None:
    """Print the numbers and the machine as JSON."""
    if chromium() is None:
        sys.exit("there is no Chromium here")
    lab = nl.load()
    with tempfile.TemporaryDirectory() as place:
        write_live(folder := Path(place, "live"))
        with served(folder) as address, browser() as chrome:
            for threads in (1, None):
                print(
                    json.dumps(_rounded(measure(chrome, address, threads, lab.space.median_norm))), flush=True
                )
    print(json.dumps(_rounded({"nokenlab itself, tokens/s by rows": nokenlabs_own(lab)})))
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": sys.version.split()[0]}
    print(json.dumps(machine))


if __name__ == "__main__":
    main()
