"""Fixtures: the default model, and tiny random models of three architectures."""

import os

import pytest
import torch
from helpers.tiny_models import tiny_lab

import nokenlab as nl

if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, which would spin for each other's cores
    torch.set_num_threads(1)

CORE = ("gpt2", "llama", "phi")  # every architecture is in test_architectures


@pytest.fixture(scope="session")
def lab():
    """The model that comes with nokenlab, as every notebook has it."""
    return nl.load()


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
