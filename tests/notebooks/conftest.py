"""What the tests of several experiments share."""

import pytest
from helpers.tiny_models import save_tiny

import nokenlab as nl


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A tiny random Llama whose tokenizer has about 400 tokens, so that all logits are quickly read."""
    return nl.load(save_tiny("llama", tmp_path_factory.mktemp("llama")))
