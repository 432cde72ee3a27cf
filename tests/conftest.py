"""Fixtures: the default model, and tiny random models of three architectures."""

import ctypes
import gc
import os

import pytest
import torch
from helpers.tiny_models import tiny_lab

import nokenlab as nl

if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, which would spin for each other's cores
    torch.set_num_threads(1)

# These begin, for a file that waits or takes long must not be left for the end.
FIRST = (
    "tests/panels/test_browser",
    "tests/live/test_browser",
    "tests/sweeps/",
    "tests/fast/test_setup",
    "tests/runs/",
    "tests/models/",
)
CORE = ("gpt2", "llama", "phi")  # every architecture is in test_architectures


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Several processes take a file at a time; what needs a browser is two: the panels, and the live page."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):  # what xdist asks of a scheduler
            file = super()._split_scope(nodeid)
            return next((start for start in FIRST[:2] if file.startswith(start)), file)

    config.option.loadscopereorder = False  # by the number of tests, which puts the browser last
    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    """The files of `FIRST` in front, in its order; the others stay as they are."""
    place = {start: number for number, start in enumerate(FIRST)}
    items.sort(key=lambda item: next((place[s] for s in FIRST if item.nodeid.startswith(s)), len(FIRST)))


@pytest.fixture(scope="module", autouse=True)
def memory_goes_back():
    """What a file's tests had does not stay in the process: glibc keeps large freed blocks for later."""
    yield
    gc.collect()
    if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


@pytest.fixture(scope="session")
def lab():
    """The model that comes with nokenlab, as every notebook has it."""
    return nl.load()


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all. Without it a test is skipped, which is a failure where CI=true is set."""
    from nokenlab.bench import jupyterlab

    if jupyterlab.chromium() is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("there is no Chromium here")
    with jupyterlab.browser() as browser:
        yield browser


@pytest.fixture(scope="session", params=CORE)
def tiny(request, lab):
    """A tiny random model of each architecture in turn."""
    return tiny_lab(request.param, lab.tokenizer)


@pytest.fixture(scope="session", params=["default", *CORE])
def any_lab(request, lab):
    """The default model, then a tiny random one of each architecture."""
    return lab if request.param == "default" else tiny_lab(request.param, lab.tokenizer)


@pytest.fixture(scope="session")
def tiny_folder(lab, tmp_path_factory):
    """A tiny random Llama saved as a user's local folder would be."""
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    small = tiny_lab("llama", lab.tokenizer)
    small.model.save_pretrained(folder)
    small.tokenizer.save_pretrained(folder)
    return folder
