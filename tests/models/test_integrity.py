"""Damage to the files of a model: bytes that flip, ends that are missing, with size and date as they were."""

import hashlib
import json
import os
import random

import pytest
from safetensors.numpy import save_file

from nokenlab.models import hub, integrity


@pytest.fixture
def folder(tmp_path):
    import numpy as np

    save_file({"rows": np.arange(1000.0)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    return tmp_path


def flip(path, position: int) -> None:
    """Flip one bit of a file, as a failing disk does: its size and date stay."""
    data, stat = bytearray(path.read_bytes()), path.stat()
    data[position] ^= 4
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_any_flipped_byte_and_any_missing_end_is_noticed(folder):
    integrity.write_manifest(folder)
    generator = random.Random(0)
    for name in ("model.safetensors", "config.json"):
        path = folder / name
        good = path.read_bytes()
        for position in [0, len(good) - 1, *(generator.randrange(len(good)) for _ in range(20))]:
            flip(path, position)
            assert not integrity.is_valid(folder)
            path.write_bytes(good[:position])
            assert not integrity.is_valid(folder)
            path.write_bytes(good)
            assert integrity.is_valid(folder) and integrity.is_valid(folder, hashes=True)
        path.unlink()
        assert not integrity.is_valid(folder)
        path.write_bytes(good)


def test_hashes_see_what_sums_do_not(folder):
    integrity.write_manifest(folder)
    path = folder / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[:80] + data[88:96] + data[80:88] + data[96:])  # two words, one for the other
    assert path.read_bytes() != data
    assert integrity.is_valid(folder) and not integrity.is_valid(folder, hashes=True)


def test_without_sums_in_the_manifest_hashes_are_compared(folder):
    integrity.write_manifest(folder)
    manifest = folder / integrity.MANIFEST
    manifest.write_text(json.dumps({"sha256": json.loads(manifest.read_text())["sha256"]}))
    assert integrity.is_valid(folder)
    flip(folder / "config.json", 3)
    assert not integrity.is_valid(folder)


@pytest.mark.parametrize("kind", ["sha256", "git"])
def test_the_hub_s_cache_is_compared_with_its_own_names(folder, tmp_path, kind):
    path = folder / "config.json"
    data = path.read_bytes()
    digest = hashlib.sha256(data) if kind == "sha256" else hashlib.sha1(b"blob %d\0" % len(data) + data)
    path.rename(folder / digest.hexdigest())
    path.symlink_to(folder / digest.hexdigest())
    assert hub.fetch(str(folder), check=True) == folder
    flip(folder / digest.hexdigest(), 3)
    with pytest.raises(ValueError, match=r"is damaged: remove .* and fetch the model again"):
        hub.fetch(str(folder), check=True)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"\xff" + data[1:]])
def test_in_a_folder_of_your_own_headers_are_read(folder, damage):
    path = folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged: "):
        hub.fetch(str(folder), check=True)
