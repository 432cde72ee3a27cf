"""The folder of the live page's model, as the cache has it, with the weights unpacked beside it."""

import pytest
from helpers import live

from nokenlab.live import model_folder


@pytest.fixture(scope="session")
def folder():
    """The folder `model` of the live page."""
    return model_folder.folder()


@pytest.fixture(scope="module")
def unpacked(folder, tmp_path_factory):
    """The same, with weights.f32."""
    place = tmp_path_factory.mktemp("unpacked")
    for path in folder.iterdir():
        (place / path.name).symlink_to(path)
    live.unpack(folder, place / "weights.f32")
    yield place
    (place / "weights.f32").unlink()  # 540 MB
