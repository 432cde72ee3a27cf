"""A page that has the live page's engine and nothing else."""

import json
from urllib.parse import quote

# starts to load the engine with the options behind the #, again if the page reloads itself
BARE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
import { Engine, Cancelled } from "./engine.js";
const progress = [], engine = new Engine(JSON.parse(decodeURIComponent(location.hash.slice(1))));
Object.assign(window, { engine, Cancelled, progress });
engine.load((step) => progress.push(step)).then(
  (loaded) => { window.loaded = loaded; }, ({ message }) => { window.failed = message; });
</script>"""


def open_engine(page, address: str, **options) -> dict:
    """Open `bare.html`, which is BARE, and wait until its engine is loaded; returns what that says."""
    page.goto(f"{address}bare.html#{quote(json.dumps(options))}")
    page.wait_for_function("() => window.loaded || window.failed")
    assert page.evaluate("window.failed") is None
    return page.evaluate("window.loaded")
