"""The live page as `nokenlab site --live` writes it, served as any host would; the folder of its model."""

import shutil

import pytest
from helpers import live, static_server
from helpers.jupyterlab import SLOW
from playwright.sync_api import expect

from nokenlab.errors import BadInput
from nokenlab.pages.live import model_folder
from nokenlab.pages.live.live_site import write_live

expect.set_options(timeout=SLOW)


@pytest.fixture(scope="session")
def folder():
    """The folder `model` of the live page, as the cache has it."""
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


@pytest.fixture(scope="session")
def live_folder(tmp_path_factory):
    """The whole folder of the live page, 142 MB; tests that need it are skipped where there is no npm."""
    page = tmp_path_factory.mktemp("live") / "page"
    try:
        write_live(page)
    except BadInput as why:
        pytest.skip(str(why))
    yield page
    shutil.rmtree(page)


@pytest.fixture(scope="session")
def live_address(live_folder):
    """Where it is served, isolated, so that the model has threads."""
    with static_server.serve(live_folder) as address:
        yield address
