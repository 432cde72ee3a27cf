"""One tiny random model: tables are made alike with every architecture."""

import pytest
from helpers.tiny_models import tiny_lab


@pytest.fixture(scope="session")
def tiny(lab):
    return tiny_lab("llama", lab.tokenizer)
