"""npm packages: downloaded once and checked; failures are one line. `npm` here is a script."""

import base64
import hashlib
import io
import os
import stat
import tarfile
from dataclasses import replace

import pytest

from nokenlab.errors import BadInput
from nokenlab.pages.live import packages
from nokenlab.pages.live.packages import Package


def tarball(**files: bytes) -> bytes:
    """A package as npm has it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"package/dist/{name}.mjs")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """An empty cache, and a function that makes `npm` a script of these lines; without it there is none."""
    monkeypatch.setenv("NOKENLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def script(lines: str) -> None:
        path = tmp_path / "bin" / "npm"
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\necho $* >> {tmp_path}/calls\n{lines}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return script


@pytest.fixture
def package(tmp_path):
    """A package with two files of which one is needed, in small.tgz."""
    data = tarball(one=b"one", two=b"two")
    (tmp_path / "small.tgz").write_bytes(data)
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    return Package("@some/small", "1.0.0", f"sha512-{digest}", ("dist/one.mjs",))


def left(home) -> list[str]:
    """What lies in the cache, but for locks."""
    return [name for _, _, names in os.walk(home / "cache") for name in names if not name.endswith(".lock")]


def test_it_is_fetched_once_and_what_is_needed_is_kept(npm, package, tmp_path):
    npm(f"cp {tmp_path}/small.tgz .")
    folder = packages.folder(package)
    assert (folder / "one.mjs").read_bytes() == b"one" and not (folder / "two.mjs").exists()
    assert packages.folder(package) == folder
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call.startswith("pack @some/small@1.0.0 ")
    assert sorted(left(tmp_path)) == ["manifest.json", "one.mjs"]
    more = packages.folder(replace(package, files=("dist/one.mjs", "dist/two.mjs")))
    assert (more / "two.mjs").read_bytes() == b"two"


def test_a_damaged_file_in_the_cache_is_fetched_anew(npm, package, tmp_path):
    npm(f"cp {tmp_path}/small.tgz .")
    (packages.folder(package) / "one.mjs").write_bytes(b"0ne")
    assert (packages.folder(package) / "one.mjs").read_bytes() == b"one"


def test_without_npm_it_says_what_to_install(npm, package, tmp_path):
    with pytest.raises(BadInput, match=r"needs npm, once, to download @some/small; install Node\.js"):
        packages.folder(package)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "lines, kind, message",
    [
        (
            "echo 'npm error code E404\nnpm error 404 no such thing' >&2; exit 1",
            OSError,
            "(npm error code E404)",
        ),
        ("echo some words >&2; exit 3", OSError, "(some words)"),
        ("exit 0", OSError, "(no message)"),
        ("exec sleep 60", OSError, "could not download @some/small@1.0.0 within 0.5 s"),
        ("echo evil > other.tgz", ValueError, "npm sent another @some/small 1.0.0 than the pinned one"),
    ],
)
def test_a_failed_download_is_one_line_and_leaves_nothing(
    npm, package, monkeypatch, tmp_path, lines, kind, message
):
    npm(lines)
    monkeypatch.setattr(packages, "TIMEOUT", 0.5 if "sleep" in lines else 60)
    with pytest.raises(kind) as caught:
        packages.folder(package)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert left(tmp_path) == []


def test_the_pinned_digests_are_complete():
    for package in (packages.RUNTIME, packages.TOKENIZERS):
        assert len(base64.b64decode(package.integrity.removeprefix("sha512-"))) == 64
        assert package.version.count(".") == 2 and package.files
