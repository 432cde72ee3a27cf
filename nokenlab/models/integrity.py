"""Whether the files of a model are as they were: by sums each time it is loaded, by hashes on demand."""

import hashlib
import json
import re
from pathlib import Path

MANIFEST = "manifest.json"
OLD_BUFFERS = re.compile(  # of earlier versions of transformers: computed, not learned
    r"(inv_freq|masked_bias|causal_mask|attn\.bias|attention\.bias|position_ids|embed_positions\.weights)$"
)


def write_manifest(folder: Path) -> None:
    """Write the hash and the sum of each file of a folder into its manifest."""
    hashes = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    sums = {name: _sum(folder / name) for name in hashes}
    (folder / MANIFEST).write_text(json.dumps({"sha256": hashes, "sums": sums}))


def is_valid(folder: Path, hashes: bool = False) -> bool:
    """Whether every file is as its manifest says: by sums, or with `hashes` or without sums by hashes."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if not hashes and "sums" in manifest:
            return all(_sum(folder / name) == expected for name, expected in manifest["sums"].items())
        return all(sha256(folder / name) == expected for name, expected in manifest["sha256"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def check(folder: Path) -> None:
    """ValueError, naming it, for a damaged file of a model.

    The cache of the model hub names each file by its hash. In other folders there is nothing to compare with,
    and only the headers of weights are read, which have their size.
    """
    for path in sorted(filter(Path.is_file, folder.iterdir())):
        name = path.resolve().name
        if re.fullmatch(r"[0-9a-f]{64}", name):
            damaged = sha256(path) != name
        elif re.fullmatch(r"[0-9a-f]{40}", name):
            damaged = _git_hash(path) != name
        else:
            damaged = False
        if damaged:
            raise ValueError(f"{path} is damaged: remove {path.resolve()} and fetch the model again")
        if path.suffix == ".safetensors":
            _check_header(path)


def read_complete(auto, where: Path | str, **options):
    """`auto.from_pretrained`; ValueError for missing weights, which transformers would draw at random, and
    for those of a part of the network that it would leave out."""
    network, report = auto.from_pretrained(where, output_loading_info=True, **options)
    if missing := sorted(report["missing_keys"]):
        raise ValueError(f"{len(missing)} of its weights are not in its files, such as {missing[0]}")
    parts = {name for module in (network, network.base_model) for name, _ in module.named_children()}
    extra = sorted(key for key in report["unexpected_keys"] if key.split(".")[0] in parts)
    if extra := [key for key in extra if not OLD_BUFFERS.search(key)]:
        raise ValueError(f"its config.json has no place for {len(extra)} of its weights, such as {extra[0]}")
    return network


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_header(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        safe_open(path, "numpy")
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _git_hash(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _sum(path: Path) -> list[int]:
    """The size of a file in bytes, and the sum of its 64-bit words: ten times as fast as a hash."""
    import numpy as np

    size = total = 0
    words = np.zeros(1 << 17, np.uint64)
    with open(path, "rb") as file:
        while count := file.readinto(words):
            words.view(np.uint8)[count:] = 0  # behind the last
            size, total = size + count, (total + int(words.sum())) % 2**64
    return [size, total]
