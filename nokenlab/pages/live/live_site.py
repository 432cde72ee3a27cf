"""The live page as a folder for any web server: the page, the model, and what runs it in a browser."""

import hashlib
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

from nokenlab.errors import BadInput
from nokenlab.models import integrity
from nokenlab.pages.live import packages
from nokenlab.panels import face
from nokenlab.runs.files import to_json

PAGE = Path(__file__).parent / "page"
FACES = ("lerp_slider", "territories")  # the panels that the page shows
PACKAGES = {"ort": packages.RUNTIME, "tokenizers": packages.TOKENIZERS}  # by their folders


def write_live(new: Path) -> None:
    """Write the live page with all that it needs into the new folder `new`: 142 MB, each file below 100 MB.

    `files.json` lists the size and SHA-256 of each file, with which the page checks its downloads. BadInput
    where onnx or npm is missing; other errors as of `model_folder.folder` and `packages.folder`, after which
    the caller must remove `new`.
    """
    if find_spec("onnx") is None:
        raise BadInput("the live page needs onnx: pip install -e '.[web]'")
    from nokenlab.pages.live import model_folder  # imports onnx and torch

    sources = {name: packages.folder(package) for name, package in PACKAGES.items()}
    sources["model"] = model_folder.folder()
    shutil.copytree(PAGE, new)
    _write_faces(new / "faces")
    for name, source in sources.items():
        shutil.copytree(source, new / name, ignore=shutil.ignore_patterns(integrity.MANIFEST))
    (new / "files.json").write_bytes(to_json(_file_list(new)))


def _write_faces(new: Path) -> None:
    new.mkdir()
    (new / "panels.css").write_text(face.CSS, encoding="utf-8")
    (new / "elements.js").write_text(face.ELEMENTS, encoding="utf-8")
    for name in FACES:
        (new / f"{name}.js").write_text(face.module(name), encoding="utf-8")
        (new / f"{name}.css").write_text(face.style(name), encoding="utf-8")


def _file_list(folder: Path) -> dict:
    """Size and hash of every file of a folder, and a `version` that changes with any of them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": integrity.sha256(path)}
        for path in paths
    }
    return {"version": hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16], "files": files}
