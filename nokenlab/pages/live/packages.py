"""The npm packages that the live page needs: downloaded by npm, checked, and stored in the cache."""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nokenlab.errors import BadInput, first_line
from nokenlab.models import cache

TIMEOUT = 600  # seconds for npm


@dataclass(frozen=True)
class Package:
    """A version of a package, npm's `integrity` of its tarball, and the files in it that are needed."""

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
    """The folder of a package's files in the cache; the package is downloaded once.

    BadInput without npm, OSError if it cannot be downloaded, ValueError for another tarball than the pinned.
    """
    name = f"{package.name.replace('/', '-')}-{package.version}"
    key = hashlib.sha256(repr(package).encode()).hexdigest()[:12]
    return cache.make_once(cache.cache_folder() / "npm" / f"{name}-{key}", partial(_make, package))


def _make(package: Package, new: Path) -> None:
    tarball = _download(package, new.parent)
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package.integrity:
        raise ValueError(
            f"npm sent another {package.name} {package.version} than the pinned one; it is not used"
        )
    new.mkdir()
    with tarfile.open(tarball) as archive:
        for name in package.files:
            (new / Path(name).name).write_bytes(archive.extractfile(f"package/{name}").read())


def _download(package: Package, target: Path) -> Path:
    """The tarball, downloaded by npm into the folder `target`."""
    npm = shutil.which("npm")
    if not npm:
        raise BadInput(
            f"the live page needs npm, once, to download {package.name}; install Node.js, which has it"
        )
    version = f"{package.name}@{package.version}"
    print(f"npm downloads {version}, once", file=sys.stderr, flush=True)
    command = [npm, "pack", version, "--pack-destination", ".", "--fetch-retries", "1", "--loglevel", "error"]
    try:
        done = subprocess.run(command, cwd=target, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise OSError(f"npm could not download {version} within {TIMEOUT} s") from None
    tarballs = list(target.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        reason = first_line(done.stderr, 80)
        raise OSError(f"npm could not download {version} ({reason}); it is needed once, with a network")
    return tarballs[0]
