import os
import subprocess
import sys

import pytest

from nokenlab.runs import forkserver
from nokenlab.runs.run_host import environment


def imports(module):
    """What a server that imports `module` says of itself, in a process of its own."""
    code = "import sys, socket; from nokenlab.runs.forkserver import serve; a, b = socket.socketpair()\n"
    code += f"serve(a, [{module!r}]); print(b.recv(1000).decode())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")
def test_a_server_that_must_not_fork_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "busy.py").write_text(
        "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"
    )
    (tmp_path / "broken.py").write_text("1 / 0")
    assert imports("busy") == "the imports started 1 thread(s)"
    assert imports("broken") == "ZeroDivisionError: division by zero"
    assert imports("nowhere") == "ModuleNotFoundError: No module named 'nowhere'"


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")
def test_the_default_model_starts_no_thread_and_opens_no_gpu(lab):
    code = "import sys, nokenlab.runs.forkserver as f\nprint(f.prepare(f.ahead(['default'])))\n"
    code += "from nokenlab.models import loading\nassert len(loading._ahead) == 1\n"
    env = os.environ | environment(threads=4) | {"NOKENLAB_DEVICE": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")
def test_an_open_gpu_is_seen(monkeypatch):
    monkeypatch.setattr(forkserver.os, "listdir", lambda path: ["0"])
    monkeypatch.setattr(forkserver.os.path, "realpath", lambda path: "/dev/nvidiactl")
    assert forkserver.unsafe() == "the imports opened the GPU"
