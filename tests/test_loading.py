"""Loading: by folder, by hub id as a hub may answer, devices and dtypes."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import errors
from safetensors.torch import load_file, save_file

import nokenlab as nl
from nokenlab import loading
from nokenlab.models import hub, memory


def test_a_local_folder_is_loaded_like_the_default(tiny_folder):
    small = nl.load(tiny_folder)
    assert small.name == "tiny-llama"
    assert small.revision.startswith("folder ")
    assert not small.model.training
    assert len(small.generate("White whippets are", 5)) == 1
    assert nl.load(str(tiny_folder)).generate("Red", 5) == small.generate("Red", 5)


def test_default_is_a_name_too(lab):
    named = nl.load("default")
    assert named.revision == lab.revision
    assert named.dtype is torch.float32 or named.device.type != "cpu"


def test_a_model_that_was_read_ahead_is_had_once(lab, tiny_folder, monkeypatch):
    monkeypatch.setenv("NOKENLAB_DEVICE", "cpu")
    loading.read_ahead()
    ((ahead, *_),) = loading._ahead.values()
    assert nl.load(tiny_folder).model is not ahead
    first = nl.load()
    assert first.model is ahead and first.revision == lab.revision
    assert torch.equal(first.logits("Red is a color"), lab.logits("Red is a color"))
    assert nl.load().model is not ahead


def test_dtype_is_the_users(tiny_folder):
    assert nl.load(tiny_folder, dtype="bfloat16").dtype is torch.bfloat16


def test_a_folder_with_other_weights_has_another_revision(tiny_folder, tmp_path):
    other = tmp_path / "tiny-llama"
    other.mkdir()
    for file in tiny_folder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    assert nl.load(other).revision == nl.load(tiny_folder).revision
    config = other / "config.json"
    config.write_text(config.read_text().replace('"rms_norm_eps": 1e-06', '"rms_norm_eps": 1e-05'))
    assert nl.load(other).revision != nl.load(tiny_folder).revision


def answer(monkeypatch, answers, **methods):
    """Let the hub answer so: each method of its client returns, or raises, what is given."""

    def method(answer):
        def call(*args, **options):
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    for name, value in {"model_info": answers, **methods}.items():
        monkeypatch.setattr(f"huggingface_hub.HfApi.{name}", method(value))


def info(*files, gated=False):
    siblings = [SimpleNamespace(rfilename=file) for file in files]
    return SimpleNamespace(sha="c0ffee", gated=gated, siblings=siblings)


def refusal(model, **options) -> str:
    """The one line with which `load` refuses."""
    with pytest.raises(ValueError) as caught:
        nl.load(model, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def no_hub(monkeypatch):
    answer(monkeypatch, ConnectionError("Name or service not known"))


def test_an_unknown_model_with_the_hub_out_of_reach_is_one_clear_line(no_hub):
    message = refusal("nobody/nothing")
    assert "'nobody/nothing'" in message and "out of reach" in message


def test_a_no_of_the_hub_is_told_with_what_helps(monkeypatch):
    def no(kind):
        return kind("401 Client Error", response=SimpleNamespace(headers={}, request=None, status_code=401))

    answer(monkeypatch, no(errors.RepositoryNotFoundError))
    assert "has no such model" in refusal("nobody/nothing")
    answer(monkeypatch, no(errors.RevisionNotFoundError))
    assert "no revision 'v9'" in refusal("some/model", revision="v9")
    answer(monkeypatch, info("config.json", gated="manual"), auth_check=no(errors.GatedRepoError))
    assert "gated" in refusal("some/model") and "hf auth login" in refusal("some/model")
    answer(monkeypatch, info("config.json", "pytorch_model.bin"))
    assert "no safetensors weights" in refusal("some/model")
    answer(monkeypatch, info("model.gguf"))
    assert "its weights are GGUF" in refusal("some/model")
    answer(monkeypatch, info("config.json", "model.safetensors", "adapter_config.json"))
    assert "adapter (LoRA) of its base model" in refusal("some/model")


def test_a_cause_is_told_whole_with_the_token_and_what_helps(monkeypatch, tmp_path):
    def unauthorized(kind, **message):
        response = SimpleNamespace(headers={}, request=None, status_code=401)
        return kind("401 Client Error: Unauthorized for url: …", response=response, **message)

    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for kind in (errors.HfHubHTTPError, errors.RepositoryNotFoundError):
        answer(monkeypatch, unauthorized(kind))
        assert "you have no token; `hf auth login` asks for one" in refusal("some/model")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    message = refusal("some/model")
    assert "yours is in HF_TOKEN" in message and "secret" not in message
    long = "Internal Error - We're working hard to fix this as soon as possible!"
    answer(
        monkeypatch,
        errors.HfHubHTTPError(
            "500", response=SimpleNamespace(headers={}, request=None, status_code=500), server_message=long
        ),
    )
    assert long in refusal("some/model")
    long = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
    answer(monkeypatch, ConnectionError(long))
    assert long in refusal("some/model")
    answer(monkeypatch, errors.OfflineModeIsEnabled("Cannot reach https://…: offline mode is enabled."))
    assert "HF_HUB_OFFLINE=1 keeps nokenlab off the hub; unset it" in refusal("some/model")


def test_a_shard_that_is_missing_is_named_by_load_and_by_fetch(no_hub, fetched):
    (fetched / "model.safetensors").rename(fetched / "model-00001-of-00002.safetensors")
    shards = {name: f"model-0000{name}-of-00002.safetensors" for name in "12"}
    (fetched / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    missing = "1 of its 2 files of weights are missing: model-00002-of-00002.safetensors"
    assert missing in refusal(fetched)
    assert "model-00002-of-00002.safetensors" in refusal("some/model")
    for model in (str(fetched), "some/model"):
        for check in (False, True):
            with pytest.raises(ValueError, match=missing):
                hub.fetch(model, check=check)


def test_a_folder_has_no_revision(tiny_folder):
    for model in (tiny_folder, None, "default"):
        assert "without revisions; leave out revision='x'" in refusal(model, revision="x")


@pytest.fixture
def fetched(monkeypatch, tiny_folder, tmp_path):
    """The folder of a model that lies in the hub's cache as "some/model"; its name is the commit."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--some--model"
    snapshot = repository / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(tiny_folder, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(snapshot.name)
    return snapshot


def test_a_model_fetched_before_loads_without_the_hub_at_its_commit(no_hub, fetched):
    small = nl.load("some/model")
    assert (small.name, small.revision) == ("some/model", fetched.name)
    assert hub.fetch("some/model") == fetched


def test_a_model_that_cannot_fit_is_not_fetched(no_hub, fetched, monkeypatch):
    monkeypatch.setattr("nokenlab.models.memory.free_and_total", lambda device: (1000, 1000))
    with pytest.raises(
        ValueError, match=r"cannot use the model 'some/model': its weights take .* in bfloat16"
    ):
        hub.fetch("some/model")


def test_a_name_the_hub_cannot_have_is_refused():
    with pytest.raises(ValueError, match="cannot load the model 'no//where'"):
        nl.load("no//where")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot load the model") as caught:
        nl.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_a_layer_that_the_configuration_has_not_are_an_error(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "short")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 1}))
    with pytest.raises(ValueError, match=r"has no place for 9 of its weights, such as model\.layers\.1\."):
        nl.load(folder)
    weights = load_file(tiny_folder / "model.safetensors")
    buffer = {"model.layers.0.attn.masked_bias": torch.zeros(1), "v_head.weight": torch.zeros(1)}
    save_file(weights | buffer, folder / "model.safetensors", {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    assert nl.load(folder).model.config.num_hidden_layers == 2  # what is no weight of the model is let be


def test_weights_that_would_run_code_are_not_read(tiny_folder, tmp_path):
    for file in tiny_folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="safetensors"):
        nl.load(tmp_path)


def test_no_such_device_or_dtype():
    with pytest.raises(ValueError, match=r"device .tpu. is not on this machine; it has .*cpu and auto"):
        nl.load(device="tpu")
    with pytest.raises(ValueError, match="dtype 'int8' is not one of float32"):
        nl.load(dtype="int8")


def test_the_environment_changes_the_defaults_alone(tiny_folder, monkeypatch):
    monkeypatch.setenv("NOKENLAB_DTYPE", "bfloat16")
    monkeypatch.setenv("NOKENLAB_DEVICE", "cpu")
    assert nl.load(tiny_folder).dtype is torch.bfloat16
    assert nl.load(tiny_folder, dtype="float32").dtype is torch.float32
    monkeypatch.setenv("NOKENLAB_DTYPE", "int8")
    assert "not one of float32" in refusal(tiny_folder)


def test_a_gpu_gets_bfloat16_and_a_cpu_float32():
    assert memory.choose_dtype(None, "cuda") == memory.choose_dtype(None, "mps") == "bfloat16"
    assert memory.choose_dtype(None, "cpu") == "float32"


def test_torchs_own_dtype_and_device_are_names_too(tiny_folder):
    small = nl.load(tiny_folder, dtype=torch.bfloat16, device=torch.device("cpu"))
    assert small.dtype is torch.bfloat16 and small.device.type == "cpu"
    assert nl.load(tiny_folder, dtype=torch.float32).dtype is torch.float32
