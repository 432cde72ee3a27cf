"""A plain file server for the live page, and a page that has its engine and nothing else."""

import functools
import http.server
import json
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

# begins to load the engine with the options behind the #, again if the page reloads itself
BARE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
import { Engine, Ended } from "./engine.js";
const said = [], engine = new Engine(JSON.parse(decodeURIComponent(location.hash.slice(1))));
Object.assign(window, { engine, Ended, said });
engine.load((progress) => said.push(progress)).then(
  (loaded) => { window.loaded = loaded; }, ({ message }) => { window.failed = message; });
</script>"""


@contextmanager
def serve(folder: Path, damaged: dict[str, int] | None = None):
    """Serve a folder as `python -m http.server` does; yields its address.

    `damaged`: how many times a file is still sent with its first byte changed.
    """

    class Handler(http.server.SimpleHTTPRequestHandler):
        def copyfile(self, source, out):
            path = self.path.split("?")[0].removeprefix("/")
            if damaged and damaged.get(path):
                damaged[path] -= 1
                out.write(bytes([source.read(1)[0] ^ 1]))
            super().copyfile(source, out)

        def log_message(self, *args):
            pass

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def open_engine(page, address: str, **options) -> dict:
    """Open `bare.html`, which is BARE, and wait until its engine is loaded; returns what that says."""
    page.goto(f"{address}bare.html#{quote(json.dumps(options))}")
    page.wait_for_function("() => window.loaded || window.failed")
    assert page.evaluate("window.failed") is None
    return page.evaluate("window.loaded")
