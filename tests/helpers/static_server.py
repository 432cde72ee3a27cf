"""A plain file server on 127.0.0.1, like any static host."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


class Handler(SimpleHTTPRequestHandler):
    """Sends a folder's files with the server's `headers`, and keeps no log."""

    def end_headers(self):
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *args):
        pass


@contextmanager
def serve(folder: Path, isolated: bool = True, handler: type[Handler] = Handler):
    """The address at which a folder is served, with the headers that isolate a page or without."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder))
    server.headers = ISOLATED if isolated else {}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
