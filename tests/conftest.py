"""Fixtures: the default model, and tiny random models of three architectures."""

import ctypes
import gc
import os
import sys

import pytest

# what takes seconds to import is imported by who needs it: xdist's first process reads this file too
BROWSER = "/test_browser"  # how the files begin that need one
# These begin, for a file that waits or takes long must not be left for the end.
FIRST = (
    BROWSER,
    "tests/runs/test_sweep",
    "tests/fast/test_setup",
    "tests/runs/",
    "tests/models/",
)
CORE = ("gpt2", "llama", "phi")  # every architecture is in test_architectures


def pytest_configure(config):
    """Of several processes none, and nothing that they start, has threads: they would spin for each other."""
    if config.getoption("numprocesses", None):
        os.environ["OMP_NUM_THREADS"] = "1"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Several processes take a file at a time; all that need a browser are as one: no two run at once."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):  # what xdist asks of a scheduler
            file = super()._split_scope(nodeid)
            return BROWSER if BROWSER in file else file

    config.option.loadscopereorder = False  # by the number of tests, which puts the browser last
    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    """The files of `FIRST` in front, in its order; the others stay as they are."""
    place = {part: number for number, part in enumerate(FIRST)}
    items.sort(key=lambda item: next((place[part] for part in FIRST if part in item.nodeid), len(FIRST)))


@pytest.fixture(scope="module", autouse=True)
def memory_goes_back():
    """What a file's tests had does not stay in the process: glibc keeps large freed blocks for later."""
    yield
    if widgets := sys.modules.get("ipywidgets"):  # which keeps all that were made
        widgets.Widget.close_all()
    gc.collect()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


@pytest.fixture(scope="session")
def lab():
    """The model that comes with nokenlab, on a CPU wherever tests run: what they compare it with is there."""
    import nokenlab as nl

    return nl.load(device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all. Without it a test is skipped, which is a failure where CI=true is set."""
    from helpers import jupyterlab

    if jupyterlab.chromium() is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("there is no Chromium here")
    with jupyterlab.browser() as browser:
        yield browser


@pytest.fixture(scope="session", params=CORE)
def tiny(request, lab):
    """A tiny random model of each architecture in turn."""
    from helpers.tiny_models import tiny_lab

    return tiny_lab(request.param, lab.tokenizer)


@pytest.fixture(scope="session", params=["default", *CORE])
def any_lab(request, lab):
    """The default model, then a tiny random one of each architecture."""
    from helpers.tiny_models import tiny_lab

    return lab if request.param == "default" else tiny_lab(request.param, lab.tokenizer)


@pytest.fixture(scope="session")
def tiny_folder(lab, tmp_path_factory):
    """A tiny random Llama saved as a user's local folder would be."""
    from helpers.tiny_models import tiny_lab

    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    small = tiny_lab("llama", lab.tokenizer)
    small.model.save_pretrained(folder)
    small.tokenizer.save_pretrained(folder)
    return folder
