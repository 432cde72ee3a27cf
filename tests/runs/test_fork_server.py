import os
import subprocess
import sys

import pytest

from nokenlab.runs import fork_server
from nokenlab.runs.fork_server import ForkServer
from nokenlab.runs.kernel_pool import environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")


def problem(module, env):
    """Why a server that loads `module` must not fork."""
    server = ForkServer([module], env)
    try:
        return server.problem(60)
    finally:
        server.kill()


def test_a_server_that_must_not_fork_says_why(tmp_path):
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    start_thread = (
        "import threading, time; threading.Thread(target=time.sleep, args=[60], daemon=True).start()"
    )
    (tmp_path / "busy.py").write_text(start_thread)
    (tmp_path / "broken.py").write_text("1 / 0")
    assert problem("busy", env) == "the imports started 1 thread(s)"
    assert problem("broken", env) == "ZeroDivisionError: division by zero"
    assert problem("nowhere", env) == "ModuleNotFoundError: No module named 'nowhere'"


def test_the_default_model_starts_no_thread_and_opens_no_gpu(lab):
    code = "import nokenlab.runs.fork_server as f\nprint(f.load(f.preload(['default'])))\n"
    code += "from nokenlab import loading\nassert len(loading._ahead) == 1\n"
    env = os.environ | environment(threads=4) | {"NOKENLAB_DEVICE": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.stdout == "None\n", done.stderr


def test_an_open_gpu_is_seen(monkeypatch):
    monkeypatch.setattr(fork_server.os, "listdir", lambda path: ["0"])
    monkeypatch.setattr(fork_server.os.path, "realpath", lambda path: "/dev/nvidiactl")
    assert fork_server.unsafe() == "the imports opened the GPU"
