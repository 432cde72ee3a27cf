"""What is no model for nokenlab, by its name or by its files: which format it is, and what to do."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from nokenlab.errors import short

HUB = r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<id>[\w.-]+/[\w.-]+)"
NAMES = (  # how people name a model, and what to write instead
    (rf"{HUB}/(tree|blob|resolve)/(?P<at>[^/?#]+).*", "an address on the hub; write {id!r}, revision={at!r}"),
    (rf"{HUB}/?([?#].*)?", "an address on the hub; write {id!r}"),
    (r"hf://(models/)?(?P<id>[\w.-]+/[\w.-]+)/?", "an address on the hub; write {id!r}"),
    (r"\w+://.*", "an address; write a folder, or an id of the model hub such as 'microsoft/phi-2'"),
    (r"(?P<id>[\w./-]+)@(?P<at>[\w./-]+)", "an id with its revision; write {id!r}, revision={at!r}"),
    (r"models--(?P<org>[\w.-]+?)--(?P<id>[\w.-]+)", "a name of the hub's cache; write '{org}/{id}'"),
    (r"[A-Za-z]:[\\/].*|.*\\.*", "a path of Windows, and no folder on this machine"),
    (
        r"[\w./-]+:[\w.-]+",
        "a name as ollama has it; write an id of the model hub, or the path of a GGUF file",
    ),
)
FORMATS = (  # how the name of a file ends, and what it says of a folder that has no model for transformers
    ("model_index.json", "it makes images (diffusers); nokens need a model that goes on with a text"),
    (
        "params.json",
        "it is in Meta's or Mistral's own format; take the one for transformers, often named …-hf",
    ),
    (".gguf", "its weights are GGUF; download one of its files and load that: nl.load('….gguf')"),
    (".onnx", "it is an ONNX export; load the model that it was made from"),
    (".safetensors.index.json", "its weights are missing; copy or fetch the complete folder"),
)
POINTER = b"version https://git-lfs"


def check_name(model: str) -> None:
    """ValueError, with what to write instead, for a name that is no id of the model hub."""
    for pattern, advice in NAMES:
        if match := re.fullmatch(pattern, model):
            raise ValueError("it is " + advice.format(**match.groupdict()))
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", model):
        raise ValueError("it is neither a folder nor a name the hub can have")


def check_files(names: Iterable[str], base: str = "its base model") -> None:
    """ValueError for a folder or repository, by its file names, without a model that can be read safely.

    base: of which model an adapter in it is.
    """
    names = list(names)
    if "adapter_config.json" in names:
        join = "join them (peft: merge_and_unload, save_pretrained) and load that"
        raise ValueError(f"it has an adapter (LoRA) of {base}, which would be left out; {join}")
    weights = any(name.endswith(".safetensors") for name in names)
    if "config.json" in names and weights:
        return
    for end, reason in FORMATS:
        if any(name.endswith(end) for name in names):
            raise ValueError(reason)
    if "config.json" not in names:
        raise ValueError("it has no config.json, so it is no model for transformers")
    raise ValueError("it has no safetensors weights; other kinds can run code and are not read")


def check_folder(folder: Path) -> None:
    """As `check_files`; and ValueError where the model is in a folder inside, or weights are missing."""
    names = {path.name for path in folder.iterdir()}
    if "config.json" not in names and (inside := _models_inside(folder)):
        raise ValueError(
            f"it has no config.json; the model is in its folder {inside[-1].relative_to(folder)}"
        )
    check_files(names, _base(folder))
    for index in folder.glob("*.safetensors.index.json"):
        shards = set(json.loads(index.read_text())["weight_map"].values())
        if missing := sorted(name for name in shards if not (folder / name).is_file()):
            raise ValueError(
                f"{len(missing)} of its {len(shards)} files of weights are missing: {missing[0]}"
            )
    for path in folder.glob("*.safetensors"):
        with open(path, "rb") as file:
            if file.read(len(POINTER)) == POINTER:
                raise ValueError(f"{path.name} is a pointer of Git LFS, not the weights; run `git lfs pull`")


def _models_inside(folder: Path) -> list[Path]:
    """The folders of models that a folder of the hub's cache, or of a training's checkpoints, has."""
    return sorted(path.parent for part in ("*", "snapshots/*") for path in folder.glob(f"{part}/config.json"))


def _base(folder: Path) -> str:
    """Of which model the adapter in a folder is."""
    try:
        return short(json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"], 40)
    except (OSError, ValueError, KeyError, TypeError):
        return "its base model"
