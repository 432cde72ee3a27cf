"""What the tests of several experiments share."""

import pytest
from helpers.tiny_models import save_tiny

import nokenlab as nl


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The folder of a tiny random Llama whose tokenizer has about 400 tokens: all logits are quickly read."""
    return save_tiny("llama", tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def small(folder):
    return nl.load(folder)
