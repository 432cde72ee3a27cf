"""The live page as a folder for any web server: the page, the model, and what runs it in a browser."""

import hashlib
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

from nokenlab.errors import BadInput
from nokenlab.models import integrity as whole
from nokenlab.pages.live import packages
from nokenlab.panels import face, markup
from nokenlab.runs.files import to_json

PAGE = Path(__file__).parent / "page"
FACES = ("lerp_slider", "territories")  # panels whose modules the page shows
PACKAGES = {"ort": packages.RUNTIME, "tokenizers": packages.TOKENIZERS}  # by their folders in the page's


def write_live(new: Path) -> None:
    """Make the folder `new`, the live page with all that it needs, 142 MB; each file is below 100 MB.

    `files.json` has the size and SHA-256 of each file, which the page compares what it loads with. BadInput
    where onnx or npm is missing, and more as in `model_folder.folder` and `packages.folder`. A folder that is
    there half is the caller's to remove.
    """
    if find_spec("onnx") is None:
        raise BadInput("the live page is made with onnx: pip install 'nokenlab[web]'")
    from nokenlab.pages.live import model_folder  # onnx and torch come with it

    sources = {place: packages.folder(package) for place, package in PACKAGES.items()}
    sources["model"] = model_folder.folder()
    shutil.copytree(PAGE, new)
    _write_faces(new / "faces")
    for place, source in sources.items():
        shutil.copytree(source, new / place, ignore=shutil.ignore_patterns(whole.MANIFEST))
    (new / "files.json").write_bytes(to_json(_listed(new)))


def _write_faces(new: Path) -> None:
    new.mkdir()
    (new / "panels.css").write_text(markup.CSS, encoding="utf-8")
    (new / "elements.js").write_text(face.ELEMENTS, encoding="utf-8")
    for name in FACES:
        (new / f"{name}.js").write_text(face.module(name), encoding="utf-8")
        (new / f"{name}.css").write_text(face.style(name), encoding="utf-8")


def _listed(folder: Path) -> dict:
    """Size and hash of every file of a folder, and one `version` for all."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": whole.sha256(path)}
        for path in paths
    }
    return {"version": hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16], "files": files}
