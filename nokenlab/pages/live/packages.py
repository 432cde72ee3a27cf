"""The npm packages that the live page needs: fetched by npm, checked, and kept in the cache."""

import base64
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nokenlab.errors import BadInput, first_line
from nokenlab.models import cache as kept

SECONDS = 600  # for npm, at most


@dataclass(frozen=True)
class Package:
    """A version of a package, with npm's `integrity` of its tarball, and the files of it that are needed."""

    name: str
    version: str
    integrity: str
    files: tuple[str, ...]


RUNTIME = Package(
    "onnxruntime-web",
    "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
    (
        "dist/ort.wasm.min.mjs",
        "dist/ort.webgpu.min.mjs",
        "dist/ort-wasm-simd-threaded.mjs",
        "dist/ort-wasm-simd-threaded.wasm",
        "dist/ort-wasm-simd-threaded.asyncify.mjs",
        "dist/ort-wasm-simd-threaded.asyncify.wasm",
    ),
)
TOKENIZERS = Package(
    "@huggingface/tokenizers",
    "0.2.0",
    "sha512-LidMHe1FpcSYH4vcSjXooda34pC0M8m1gmDOv7SQi6Iv+ib1zX7J3sHBCC9/3FPCkn2k1b55FneVqMRxrr99pg==",
    ("dist/tokenizers.min.mjs", "LICENSE"),
)


def folder(package: Package) -> Path:
    """The folder of a package's files, from the cache, where it is fetched into once.

    BadInput without npm, OSError where it cannot be fetched, ValueError for another tarball than the pinned.
    """
    name = f"{package.name.replace('/', '-')}-{package.version}"
    key = hashlib.sha256(repr(package).encode()).hexdigest()[:12]
    return kept.make_once(kept.cache_folder() / "npm" / f"{name}-{key}", partial(_make, package))


def _make(package: Package, new: Path) -> None:
    tarball = _fetch(package, new.parent)
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package.integrity:
        named = f"{package.name} {package.version}"
        raise ValueError(f"npm brought another {named} than the pinned one; it is not used")
    new.mkdir()
    with tarfile.open(tarball) as archive:
        for name in package.files:
            with archive.extractfile(f"package/{name}") as source, (new / Path(name).name).open("wb") as file:
                shutil.copyfileobj(source, file)


def _fetch(package: Package, place: Path) -> Path:
    """The tarball, by name through npm, in the folder `place`."""
    if not (npm := shutil.which("npm")):
        raise BadInput(
            f"the live page needs npm, once, to fetch {package.name}; install Node.js, which has it"
        )
    named = f"{package.name}@{package.version}"
    print(f"{named} is fetched by npm, once", file=sys.stderr, flush=True)
    command = [npm, "pack", named, "--pack-destination", ".", "--fetch-retries", "1", "--loglevel", "error"]
    try:
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise OSError(f"npm could not fetch {named} within {SECONDS} s") from None
    tarballs = list(place.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        code = re.search(r"npm (?:error|ERR!) code (\S+)", done.stderr)
        why = code[1] if code else first_line(done.stderr, 80)
        raise OSError(f"npm could not fetch {named} ({why}); it is needed once, with a network")
    return tarballs[0]
