"""`load`: a model by name, from wherever it lies, as a Lab."""

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from . import default_model, fitness

DEFAULT = "default"


def load(
    model: str | os.PathLike | None = None,
    *,
    revision: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    fast: bool = False,
):
    """Load a language model as a `Lab`.

    model: None or "default" for the model that comes with nokenlab; else a local folder, or an id on
    the model hub ("microsoft/phi-2"), at `revision` if given. device: "cuda", "mps" or "cpu"; by
    default the first of them that is there. dtype: "float32", "bfloat16" or "float16"; by default float32
    on a CPU and bfloat16 on a GPU. NOKENLAB_DEVICE and NOKENLAB_DTYPE in the environment change these
    defaults, for whole runs. fast: wait a little for more speed. On a GPU layers are compiled, some seconds
    with each new shape of batch, for long sweeps. On a CPU weights are held a second time, laid out anew, and
    few rows use weights of 4 bits where that is what the weights are, as in the default model, else of 16:
    for live sliders (`compiled.py`, `joined.py`, `linears.py`).
    Only safetensors weights are read and no code from a hub is run. Raises ValueError, in one line, when
    there is no such model or device, or when it cannot work here; what the configuration tells is checked
    before the weights are fetched.
    """
    from transformers import AutoModelForCausalLM

    from .lab import Lab

    where, name = place(model)
    lab = Lab(*read(AutoModelForCausalLM, fitness.check_kind, where, name, revision, device, dtype))
    _speed_up(lab.model, fast)
    return lab


def read(auto, check_kind: Callable, where: Path | str, name: str, revision, device, dtype) -> tuple:
    """Network, tokenizer, name and revision of a model that lies at `where`, a folder or a hub id.

    `auto` is transformers' class that reads it, and `check_kind(config)` raises ValueError for a model of
    the wrong kind. The rest as in `load`.
    """
    from transformers import AutoConfig, AutoTokenizer

    device = _device(device)
    dtype = _dtype(dtype, device)
    source = {} if isinstance(where, Path) else _on_hub(where, revision)
    _quiet()
    try:
        if isinstance(where, Path):
            _check_files(path.name for path in where.iterdir())
        config = AutoConfig.from_pretrained(where, **source)
        check_kind(config)
        fitness.check_dtype(config, dtype)
        fitness.check_fits(config, dtype, device, auto)
        tokenizer = AutoTokenizer.from_pretrained(where, **source)
        options = {"dtype": dtype, "use_safetensors": True, "device_map": device}
        network = auto.from_pretrained(where, config=_one_kernel(config), **options, **source)
    except Exception as error:  # of whatever kind: files of a stranger are read here
        raise ValueError(f"cannot load the model {name!r}: {_first_line(error)}") from error
    return network, tokenizer, name, source.get("revision") or _revision(where)


def fetch(model: str | None = None) -> Path:
    """Bring a model to this machine without loading it; returns its folder.

    Errors as in `load`; here a model is too large when it does not fit in bfloat16.
    """
    where, _ = place(model)
    if isinstance(where, Path):
        return where
    from huggingface_hub import snapshot_download
    from transformers import AutoConfig

    source = _on_hub(where, None)
    try:
        config = AutoConfig.from_pretrained(where, **source)
        if config.model_type != "musicgen":
            fitness.check_kind(config)
            fitness.check_fits(config, "bfloat16", _device(None))
    except Exception as error:
        raise ValueError(f"cannot use the model {where!r}: {_first_line(error)}") from error
    wanted = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
    return Path(snapshot_download(where, allow_patterns=wanted, **source))


def _one_kernel(config):
    """GELU by its tanh has two names in transformers; the usual one costs eight kernels, the other one."""
    for name in ("hidden_act", "activation_function"):
        if getattr(config, name, None) == "gelu_new":
            setattr(config, name, "gelu_pytorch_tanh")
    return config


def _speed_up(network, fast: bool) -> None:
    from . import attention, compiled, graphs, joined, linears

    on_gpu, on_cpu = network.device.type == "cuda", network.device.type == "cpu"
    if on_gpu or on_cpu:
        attention.use(network)
    if fast and (on_gpu or on_cpu):
        joined.join_linears(network)
    if fast and on_gpu:
        compiled.compile_layers(network)
    if fast and on_cpu:
        linears.pack_linears(network)
        graphs.trace(network)
    elif on_cpu:
        linears.use_onednn(network)


def place(model: str | os.PathLike | None) -> tuple[Path | str, str]:
    """Where a model lies (a folder, or a hub id) and what to call it."""
    if model is None or model == DEFAULT:
        return default_model.folder(), default_model.NAME
    path = Path(model).expanduser()
    if path.is_dir():
        return path.resolve(), path.resolve().name
    return str(model), str(model)


def _on_hub(name: str, revision: str | None) -> dict:
    """The commit to load from the hub, asked for first: transformers would try a dead line for a minute."""
    from huggingface_hub import HfApi, errors, try_to_load_from_cache

    try:
        info = HfApi().model_info(name, revision=revision, timeout=15)
        if info.gated:
            HfApi().auth_check(name)
    except errors.GatedRepoError as error:
        why = "it is gated: accept its terms on its page on the model hub, then run `hf auth login`"
        raise ValueError(f"cannot load the model {name!r}: {why}") from error
    except errors.RevisionNotFoundError as error:
        why = f"the model hub has it, but no revision {revision!r}"
        raise ValueError(f"cannot load the model {name!r}: {why}") from error
    except errors.RepositoryNotFoundError as error:
        why = "the model hub has no such model (a private one needs `hf auth login`)"
        raise ValueError(_not_here(name, why)) from error
    except (errors.HFValidationError, errors.HfHubHTTPError) as error:  # another no
        raise ValueError(_not_here(name, f"the model hub says: {_first_line(error)}")) from error
    except Exception as error:  # out of reach, of whatever kind the network library has
        config = try_to_load_from_cache(name, "config.json", revision=revision)
        if isinstance(config, str):  # …/snapshots/<commit>/config.json, of an earlier download
            return {"local_files_only": True, "revision": Path(config).parent.name}
        why = f"the model hub is out of reach ({_first_line(error)})"
        raise ValueError(_not_here(name, why)) from error
    try:
        _check_files(file.rfilename for file in info.siblings)
    except ValueError as error:
        raise ValueError(f"cannot load the model {name!r}: {error}") from None
    return {"revision": info.sha}


def _check_files(names: Iterable[str]) -> None:
    names = list(names)
    if "config.json" not in names:
        raise ValueError("it has no config.json, so it is no model for transformers")
    if not any(name.endswith(".safetensors") for name in names):
        raise ValueError("it has no safetensors weights; other kinds can run code and are not read")


def _not_here(name: str, why: str) -> str:
    return f"cannot load the model {name!r}: there is no folder of that name, and {why}"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _revision(where: Path) -> str:
    """A folder has no commit: a digest of its configuration and file sizes stands for one."""
    if where == default_model.home():
        return default_model.REVISION
    files = sorted((p.name, p.stat().st_size) for p in where.iterdir() if p.is_file())
    config = (where / "config.json").read_bytes()
    return "folder " + hashlib.sha256(config + repr(files).encode()).hexdigest()[:12]


def _device(device: str | None) -> str:
    there = fitness.devices()
    device = device or os.environ.get("NOKENLAB_DEVICE") or there[0]
    if device.split(":")[0] not in there:
        raise ValueError(f"device {device!r} is not on this machine; it has {', '.join(there)}")
    return device


def _dtype(dtype: str | None, device: str) -> str:
    known = fitness.SIZES
    dtype = dtype or os.environ.get("NOKENLAB_DTYPE") or ("float32" if device == "cpu" else "bfloat16")
    if dtype not in known:
        raise ValueError(f"dtype {dtype!r} is not one of {', '.join(known)}")
    return dtype


def _quiet() -> None:
    """Keep transformers' progress bars out of notebooks; its errors still come."""
    from transformers.utils import logging

    logging.disable_progress_bar()
