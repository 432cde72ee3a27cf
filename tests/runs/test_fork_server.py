import os
import subprocess
import sys

import pytest

from nokenlab.runs import fork_server
from nokenlab.runs.kernels import environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")


def may_fork(modules, *more):
    """Whether a server that loads `modules` may fork, in a process of its own; `more` is run there too."""
    code = ["import nokenlab.runs.fork_server as f", f"print(f.load({modules!r}))", *more]
    env = os.environ | environment(threads=4) | {"NOKENLAB_DEVICE": "cpu"}
    done = subprocess.run([sys.executable, "-c", "\n".join(code)], env=env, capture_output=True, text=True)
    assert done.stdout in ("True\n", "False\n"), done.stderr
    return done.stdout == "True\n"


def test_the_default_model_starts_no_thread_and_opens_no_gpu(lab):
    read_ahead = "from nokenlab import loading\nassert len(loading._ahead) == 1"
    assert may_fork(fork_server.preload(["default"]), read_ahead)


def test_a_thread_an_open_gpu_or_an_import_that_fails_forbid_it(monkeypatch):
    assert not may_fork(["nokenlab.nowhere"])
    paths = {"/proc/self/fd": ["0"], "/proc/self/task": ["1"]}
    monkeypatch.setattr(fork_server.os, "listdir", paths.get)
    for file, threads, safe in [("/x", 1, True), ("/dev/nvidiactl", 1, False), ("/x", 2, False)]:
        monkeypatch.setattr(fork_server.os.path, "realpath", lambda path, file=file: file)
        paths["/proc/self/task"] = ["1"] * threads
        assert fork_server.load([]) == safe
