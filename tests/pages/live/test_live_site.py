"""The folder of the live page: complete, listed, beside the site or not at all; with a tiny model."""

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

from nokenlab import cli
from nokenlab.errors import BadInput
from nokenlab.pages.live import live_site, model_folder, packages
from nokenlab.panels import face

ROOT = Path(__file__).parents[3]


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Small folders in place of packages and model."""
    for name in ("ort", "model"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.bin").write_bytes(name.encode())
        (tmp_path / name / "manifest.json").write_text("{}")
    monkeypatch.setattr(packages, "folder", lambda package: tmp_path / "ort")
    monkeypatch.setattr(model_folder, "folder", lambda: tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    """All that lies in a folder, with its bytes."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def site(*words: str) -> int:
    """`nokenlab site pages --live` where nothing was run."""
    return cli.main(["site", "pages", "--live", "--results", "none", *words])


def test_page_faces_packages_and_model_are_there_and_listed(parts):
    live_site.write_live(parts / "live")
    written = files(parts / "live")
    assert files(live_site.PAGE).items() <= written.items() and "index.html" in written
    assert written["ort/ort.bin"] == b"ort" and written["model/model.bin"] == b"model"
    assert written["faces/territories.js"].decode() == face.module("territories")
    assert {"faces/elements.js", "faces/panels.css", "faces/lerp_slider.js"} <= set(written)
    assert not [name for name in written if name.endswith("manifest.json")]
    listed = json.loads(written.pop("files.json"))
    assert listed["files"] == {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in written.items()
    }


def test_the_version_changes_with_any_file(parts):
    versions = []
    for folder, model in (("one", b"m"), ("same", b"m"), ("other", b"M")):
        (parts / "model" / "model.bin").write_bytes(model)
        live_site.write_live(parts / folder)
        versions.append(json.loads((parts / folder / "files.json").read_text())["version"])
    assert versions[0] == versions[1] != versions[2] and len(versions[0]) == 16


def test_the_command_writes_it_beside_the_pages_and_says_how_to_look(parts, capsys):
    assert site() == 0
    out = capsys.readouterr()
    index = parts / "pages" / "index.html"
    assert out.out == f"{index}\n" and "python -m http.server -d pages" in out.err.splitlines()[-1]
    assert '<a href="live/index.html">Try it in your browser</a>' in index.read_text()
    assert (parts / "pages" / "live" / "files.json").is_file()
    before = files(parts / "pages")
    assert set(json.loads(before["site.json"])["files"]) == set(before)
    assert site() == 0 and files(parts / "pages") == before


def test_a_failure_leaves_no_files(parts, monkeypatch, capsys):
    def fails():
        raise OSError("no network")

    monkeypatch.setattr(model_folder, "folder", fails)
    before = sorted(parts.iterdir())
    assert site() == 1 and "no network" in capsys.readouterr().err
    assert sorted(parts.iterdir()) == before


def test_without_onnx_it_says_what_to_install(parts, monkeypatch):
    monkeypatch.setattr(live_site, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"needs onnx: pip install -e '\.\[web\]'"):
        live_site.write_live(parts / "live")


def test_a_wheel_of_nokenlab_has_the_page():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    kept = {pattern.removeprefix("*") for pattern in settings["package-data"]["*"]}
    assert {path.suffix for path in live_site.PAGE.rglob("*") if path.is_file()} <= kept


def test_no_file_is_too_large_for_a_static_host(live_folder):
    sizes = [path.stat().st_size for path in live_folder.rglob("*")]
    assert max(sizes) < 100e6 and sum(sizes) < 150e6
