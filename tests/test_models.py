"""Loading: by folder, by hub id with the hub out of reach, devices and dtypes."""

import pytest
import torch

import nokenlab as nl
from nokenlab import models


def test_a_local_folder_is_loaded_like_the_default(tiny_folder):
    small = nl.load(tiny_folder)
    assert small.name == "tiny-llama"
    assert small.revision.startswith("folder ")
    assert not small.model.training
    assert len(small.generate("White whippets are", 5)) == 1
    assert nl.load(str(tiny_folder)).generate("Red", 5) == small.generate("Red", 5)


def test_default_is_a_name_too(lab):
    assert nl.load("default").revision == lab.revision
    assert lab.dtype is torch.float32 or lab.device.type != "cpu"


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


@pytest.fixture
def no_hub(monkeypatch):
    def unreachable(*args, **options):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)


def test_an_unknown_model_with_the_hub_out_of_reach_is_one_clear_line(no_hub):
    with pytest.raises(ValueError) as caught:
        nl.load("nobody/nothing")
    message = str(caught.value)
    assert "'nobody/nothing'" in message and "out of reach" in message and "\n" not in message


def test_a_name_the_hub_cannot_have_is_refused():
    with pytest.raises(ValueError, match="cannot load the model 'no//where'"):
        nl.load("no//where")


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot load the model") as caught:
        nl.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_that_would_run_code_are_not_read(tiny_folder, tmp_path):
    for file in tiny_folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match="safetensors"):
        nl.load(tmp_path)


def test_no_such_device_or_dtype():
    with pytest.raises(ValueError, match=r"device .tpu. is not on this machine; it has .*cpu"):
        nl.load(device="tpu")
    with pytest.raises(ValueError, match="dtype 'int8' is not one of float32"):
        nl.load(dtype="int8")


def test_a_gpu_gets_bfloat16_and_a_cpu_float32():
    assert models._dtype(None, "cuda") == models._dtype(None, "mps") == "bfloat16"
    assert models._dtype(None, "cpu") == "float32"
