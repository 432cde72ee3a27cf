"""Folders that are no model, or a damaged or hostile one: refused when loaded, and their code never run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from helpers.tiny_models import save_tiny
from safetensors.torch import load_file, save_file

import nokenlab as nl
from hunt.judge import Case

RAN = "ran"  # what code of a model would leave behind
CODE = f"""
from pathlib import Path
Path({{place!r}}).joinpath({RAN!r}).touch()
class Mine: pass
"""


def damage(whole: Path, place: Path, name: str) -> Path:
    """A copy of the folder `whole` in `place` with a damage of `DAMAGES` done to it."""
    folder = shutil.copytree(whole, place / name.replace(" ", "-"))
    DAMAGES[name][0](folder)
    return folder


def _config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _weights(folder: Path, change: Callable[[dict], dict]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _cut(folder: Path, share: float) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])


def _pickles(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _code(folder: Path, **auto_map) -> None:
    (folder / "mine.py").write_text(CODE.format(place=str(folder)))
    _config(folder, auto_map=auto_map, model_type="mine")


def _tokenizer_code(folder: Path) -> None:
    (folder / "mine.py").write_text(CODE.format(place=str(folder)))
    path = folder / "tokenizer_config.json"
    about = json.loads(path.read_text()) | {
        "tokenizer_class": "Mine",
        "auto_map": {"AutoTokenizer": ["mine.Mine", None]},
    }
    path.write_text(json.dumps(about))
    (folder / "tokenizer.json").unlink()


def _no_tokenizer(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()


def _index(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"model.embed_tokens.weight": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": shards}))


def _cache(folder: Path) -> None:
    snapshot = folder / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(snapshot / path.name)


def _checkpoints(folder: Path) -> None:
    (folder / "checkpoint-500").mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
        path.rename(folder / "checkpoint-500" / path.name)


def _only(folder: Path, name: str, content: str = "{}") -> None:
    _empty(folder)
    (folder / name).write_text(content)


def _add(folder: Path, name: str, content: str = "{}") -> None:
    (folder / name).write_text(content)


def _without_type(folder: Path) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({key: config[key] for key in config if key != "model_type"}))


ADAPTER = json.dumps({"base_model_name_or_path": "org/base"})
DAMAGES = {  # what is done, and what the line must say
    "an empty folder": (_empty, "no config.json"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no safetensors weights"),
    "pickles only": (_pickles, "no safetensors weights; other kinds can run code"),
    "weights cut in half": (lambda f: _cut(f, 0.5), "cannot load"),
    "weights cut in the header": (lambda f: _cut(f, 0.001), "cannot load"),
    "weights of no bytes": (lambda f: _cut(f, 0), "cannot load"),
    "garbage weights": (lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 4096), "cannot load"),
    "some weights left out": (
        lambda f: _weights(f, lambda w: dict(list(w.items())[:-3])),
        "3 of its weights are not in its files",
    ),
    "weights of another shape": (
        lambda f: _weights(f, lambda w: w | {"model.norm.weight": torch.ones(7)}),
        "other shapes than its configuration says",
    ),
    "a shard that is not there": (_index, "1 files of weights are missing: model-00002-of-00002"),
    "weights that Git LFS did not bring": (
        lambda f: _add(f, "model.safetensors", "version https://git-lfs.github.com/spec/v1\n"),
        "run `git lfs pull`",
    ),
    "a LoRA adapter": (
        lambda f: _only(f, "adapter_config.json", ADAPTER),
        "adapter .LoRA. of 'org/base'.*peft",
    ),
    "a LoRA adapter beside a model": (
        lambda f: _add(f, "adapter_config.json", ADAPTER),
        "adapter .LoRA. of 'org/base', which would be left out",
    ),
    "an ONNX export": (lambda f: _only(f, "model.onnx"), "ONNX"),
    "a model of images": (lambda f: _only(f, "model_index.json"), "diffusers"),
    "Meta's own format": (lambda f: _only(f, "params.json"), "own format"),
    "a folder of the hub's cache": (_cache, "the model is in its folder snapshots/0123abcd"),
    "a training's folder": (_checkpoints, "the model is in its folder checkpoint-500"),
    "a config without model_type": (_without_type, "no model_type"),
    "a row of NaN": (
        lambda f: _weights(
            f, lambda w: w | {"model.embed_tokens.weight": w["model.embed_tokens.weight"] * torch.nan}
        ),
        "the embedding of the token 0 is NaN or infinite",
    ),
    "MusicGen Melody": (
        lambda f: _config(f, model_type="musicgen_melody"),
        "Melody, which nokenlab does not have",
    ),
    "garbage config": (lambda f: (f / "config.json").write_bytes(bytes(range(256))), "cannot load"),
    "a config that is a list": (lambda f: (f / "config.json").write_text("[]"), "cannot load"),
    "a config of nothing": (lambda f: (f / "config.json").write_text("{}"), "cannot load"),
    "a deep config": (lambda f: (f / "config.json").write_text("[" * 10**5), "cannot load"),
    "an unknown kind": (lambda f: _config(f, model_type="mine" * 500), "cannot load"),
    "a kind that is a number": (lambda f: _config(f, model_type=3), "cannot load"),
    "no width": (lambda f: _config(f, hidden_size=0), "cannot load"),
    "a width below 0": (lambda f: _config(f, hidden_size=-32), "cannot load"),
    "layers without end": (lambda f: _config(f, num_hidden_layers=10**6, hidden_size=2**16), "cannot load"),
    "no tokenizer": (_no_tokenizer, "no tokenizer"),
    "garbage tokenizer": (lambda f: (f / "tokenizer.json").write_text("{]"), "cannot load"),
    "code of its own": (
        lambda f: _code(f, AutoConfig="mine.Mine", AutoModelForCausalLM="mine.Mine"),
        "code of its own, which is never",
    ),
    "a tokenizer with code": (_tokenizer_code, "code of its own, which is never"),
}


NAMES = {  # how people name a model: what the line must say
    "https://huggingface.co/microsoft/phi-2": "write 'microsoft/phi-2'$",
    "https://huggingface.co/microsoft/phi-2/tree/v1": "write 'microsoft/phi-2', revision='v1'",
    "huggingface.co/microsoft/phi-2/blob/main/config.json": "write 'microsoft/phi-2', revision='main'",
    "hf.co/microsoft/phi-2?library=transformers": "write 'microsoft/phi-2'$",
    "hf://microsoft/phi-2": "write 'microsoft/phi-2'$",
    "https://github.com/org/model": "an address; write a folder, or an id",
    "microsoft/phi-2@v1": "write 'microsoft/phi-2', revision='v1'",
    "models--microsoft--phi-2": "write 'microsoft/phi-2'$",
    "llama3:8b": "ollama has it",
    "org/model:Q4_K_M": "ollama has it",
    "C:\\models\\phi": "a path of Windows",
    "models\\phi": "a path of Windows",
    "/no/such/folder": "neither a folder nor a name the hub can have",
    "./none": "neither a folder nor a name the hub can have",
    "~/none": "neither a folder nor a name the hub can have",
    "org/model/part": "neither a folder nor a name the hub can have",
    "Phi 2": "neither a folder nor a name the hub can have",
    "": "neither a folder nor a name the hub can have",
    __file__: "it is a file; write the folder that it is in",
    "microsoft/phi-2": "HF_HUB_OFFLINE=1 keeps nokenlab off the hub|is out of reach",
    "x" * 5000: "cannot load the model",
}


def cases(place: Path) -> list[Case]:
    """Each damage, to be loaded, and each name; `place` gets the folders."""
    whole = place / "whole"
    save_tiny("llama", whole)
    damages = [_case(whole, place, name, says) for name, (_, says) in DAMAGES.items()]
    return damages + [Case(f"nl.load: {n[:40]}", lambda n=n: nl.load(n), says) for n, says in NAMES.items()]


def _case(whole: Path, place: Path, name: str, says: str) -> Case:
    folder = damage(whole, place, name)

    def load():
        try:
            return nl.load(str(folder)).space.median_norm
        finally:
            if (folder / RAN).exists():
                raise RuntimeError("code of the model was run")

    return Case(f"nl.load: {name}", load, says)
