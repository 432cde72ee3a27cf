"""How the live page's files are downloaded: checked, stored, downloaded again, replaced by newer ones."""

import hashlib
import json
import os
import shutil

import pytest
from helpers import static_server

from nokenlab.pages.live import live_site

BIG = bytes(range(256)) * 4096
PAGE = """<!doctype html><link rel="icon" href="data:,"><script type="module">
import { Downloads } from "./worker/download.js";
import { isolate } from "./isolation.js";
import { word } from "./word.js";
Object.assign(window, { Downloads, word });
isolate().then(() => { window.ready = true; });
</script>"""
GET = """async (path) => {
    const progress = [], base = new URL("./", location.href);
    const downloads = new Downloads(base, (step) => progress.push(step));
    await downloads.open();
    const length = await downloads.all([path]).then((files) => files[path].length, ({ message }) => message);
    await downloads.tidy();
    const stored = (await downloads.cache.keys()).map(({ url }) => url.split("?")[0].split("/").pop());
    return { length, progress, stored };
}"""
GONE = """async (path) => {
    while (await caches.match(path)) await new Promise((done) => setTimeout(done, 20));
}"""


def served(folder, damaged: dict[str, int] | None = None):
    """A plain server. `damaged`: how many times a file is still sent with its first byte changed."""

    class Damaging(static_server.Handler):
        def copyfile(self, source, out):
            path = self.path.split("?")[0].removeprefix("/")
            if damaged and damaged.get(path):
                damaged[path] -= 1
                out.write(bytes([source.read(1)[0] ^ 1]))
            super().copyfile(source, out)

    return static_server.serve(folder, isolated=False, handler=Damaging)


@pytest.fixture
def small(tmp_path):
    """A small folder that downloads its files as the page does."""
    shutil.copytree(live_site.PAGE, tmp_path / "live")
    (tmp_path / "live" / "model").mkdir()
    publish(tmp_path / "live", "first", BIG)
    for path in (tmp_path / "live").rglob("*"):
        os.utime(path, (0, 0))  # an old file is fresh for long where the host says nothing of that
    return tmp_path / "live"


def publish(folder, word: str, big: bytes) -> None:
    """Publish a version of the page: a small file, a large one, and the list of all files."""
    (folder / "index.html").write_text(PAGE)
    (folder / "word.js").write_text(f'export const word = "{word}";')
    (folder / "model" / "big.bin").write_bytes(big)
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "files.json"]
    files = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in paths
    }
    (folder / "files.json").write_text(json.dumps({"version": word, "files": files}))


@pytest.fixture
def page(browser):
    with browser.new_context() as context:
        yield context.new_page()


def opened(page, address: str):
    page.goto(address)
    page.wait_for_function("() => window.ready")
    return page


def test_a_file_is_downloaded_once_and_stored(page, small):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    with served(small) as address:
        opened(page, address)
        first, second = (page.evaluate(GET, "model/big.bin") for _ in range(2))
        missing = page.evaluate(GET, "model/none.bin")
    assert first["length"] == second["length"] == len(BIG) and first["stored"] == ["big.bin"]
    assert first["progress"][-1]["done"] == first["progress"][-1]["total"] == len(BIG)
    assert sum(url.endswith("big.bin") for url in asked) == 1
    assert missing["length"].startswith("model/none.bin is not in the list of this page's files")


def test_a_damaged_file_is_reported_and_downloaded_again_once(page, small):
    damaged = {"model/big.bin": 1}
    with served(small, damaged) as address:
        opened(page, address)
        download = page.evaluate(GET, "model/big.bin")
        assert download["length"] == len(BIG) and download["stored"] == ["big.bin"]
        assert "model/big.bin arrived damaged, downloading it again" in [
            step["what"] for step in download["progress"]
        ]
        assert download["progress"][-1]["done"] == len(BIG)
        damaged["model/big.bin"] = 2
        publish(small, "second", BIG[::-1])
        download = page.evaluate(GET, "model/big.bin")
        assert (
            download["length"].startswith("model/big.bin arrived damaged twice") and download["stored"] == []
        )
        (small / "model" / "big.bin").write_bytes(BIG[1:])  # ends early
        assert "damaged twice" in page.evaluate(GET, "model/big.bin")["length"]
        (small / "model" / "big.bin").unlink()
        assert "the server says 404" in page.evaluate(GET, "model/big.bin")["length"]


def test_a_newer_version_replaces_what_is_stored_and_opens_without_a_network(page, small):
    with served(small) as address:
        opened(page, address)
        page.evaluate(GET, "model/big.bin")
        assert page.evaluate("async () => Boolean(await caches.match('words.js'))")
        (small / "words.js").unlink()  # a file that the newer version has no more
        publish(small, "second", BIG * 2)
        opened(page, f"{address}?again")
        assert page.evaluate("word") == "second"
        download = page.evaluate(GET, "model/big.bin")
        assert download["length"] == 2 * len(BIG) and download["stored"] == ["big.bin"]
        page.evaluate(GONE, "words.js")
    other = opened(page.context.new_page(), f"{address}index.html?x#y")
    assert other.evaluate("word") == "second" and other.evaluate("crossOriginIsolated")
    assert other.evaluate(GET, "model/big.bin")["length"] == 2 * len(BIG)
    assert other.evaluate("import('./engine.js').then(() => true)")  # was never asked for before


def test_a_page_that_cannot_be_isolated_reloads_itself_no_second_time(page, small):
    seen = []
    page.on("framenavigated", lambda frame: seen.append(frame.url))
    worker = small / "service_worker.js"
    worker.write_text(worker.read_text().replace("require-corp", "unsafe-none"))
    with served(small) as address:
        opened(page, address)
        assert not page.evaluate("crossOriginIsolated") and len(seen) == 2
        opened(page, f"{address}?again")
        assert len(seen) == 3
