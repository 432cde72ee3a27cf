"""How fast the live page loads and answers in Chromium: `python -m workbook.bench.live`.

Prints for one thread and for as many as the page uses: seconds of the first and of a later load, the memory
of the tab, and new tokens a second for 1 to 32 nokens at a time; then the same of nokenlab itself.
"""

import json
import os
import shutil
import sys
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

import nokenlab as nl
from nokenlab.pages.live.live_site import write_live
from workbook.bench.harness import seconds

PROMPT, POSITION, NEW_TOKENS = "My favourite color is red because", 3, 20
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


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and prints nothing."""

    def log_message(self, *args):
        """Ignore the message."""


def measure(page, address: str, threads: int | None, norm: float) -> dict:
    """The numbers of a new page with so many threads; None for as many as the page uses."""
    page.set_default_timeout(120_000)
    page.goto(f"{address}page.css")
    page.evaluate(ISOLATE)
    page.wait_for_function("() => crossOriginIsolated")
    first, peak = _load(page, threads)
    page.reload()
    again, _ = _load(page, threads)
    page.evaluate(ANSWER, [PROMPT, POSITION, 1, NEW_TOKENS, norm])  # warms up
    return {
        "threads": first["threads"],
        "load, s": round(first["seconds"], 1),
        "load again, s": round(again["seconds"], 1),
        "memory at its peak, MB": peak,
        "memory, MB": _tab_memory(),
        "tokens/s by rows": {
            rows: round(page.evaluate(ANSWER, [PROMPT, POSITION, rows, NEW_TOKENS, norm]), 1) for rows in ROWS
        },
    }


def _load(page, threads: int | None) -> tuple[dict, int]:
    """What a loaded engine reports, and the tab's peak memory until then, MB."""
    page.evaluate(LOAD, threads)
    peak = 0
    while not page.evaluate("() => Boolean(window.loaded)"):
        peak = max(peak, _tab_memory())
        time.sleep(0.05)
    return page.evaluate("window.loaded"), peak


def _tab_memory() -> int:
    """Resident MB of the tab, the largest of Chromium's renderers."""
    children = psutil.Process().children(recursive=True)
    tabs = [child for child in children if "--type=renderer" in " ".join(child.cmdline())]
    return max(tab.memory_info().rss for tab in tabs) // 2**20


def nokenlab_rates(lab: nl.Lab) -> dict[int, float]:
    """New tokens a second of nokenlab itself, by rows."""
    rates = {}
    for rows in ROWS:
        nokens = nl.random_nokens(lab.width, range(rows), norm=lab.space.median_norm)
        prompts = nl.replace(lab.embed(PROMPT), POSITION, nokens)
        new_tokens = sum(len(lab.ids(text)) for text in lab.generate(prompts, NEW_TOKENS) if text)
        rates[rows] = round(new_tokens / seconds(partial(lab.generate, prompts, NEW_TOKENS), lab)[1], 1)
    return rates


def main() -> None:
    """Print the numbers and the machine as JSON."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("this needs Chromium")
    lab = nl.load()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "live")
        write_live(folder)
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for threads in (1, None):
                numbers = measure(browser.new_context().new_page(), address, threads, lab.space.median_norm)
                print(json.dumps(numbers), flush=True)
            browser.close()
        server.shutdown()
    print(json.dumps({"nokenlab itself, tokens/s by rows": nokenlab_rates(lab)}))
    print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": sys.version.split()[0]}))


if __name__ == "__main__":
    main()
