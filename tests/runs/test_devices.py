"""Pretended GPUs: which worker is given which, and what it sees of that. No GPU is there."""

import csv
import io
import json
import os

import pytest
from helpers.small_notebooks import notebook
from helpers.sweeps import Place

from nokenlab.errors import BadInput
from nokenlab.models import memory
from nokenlab.runs import machine
from nokenlab.runs.many_runs import run_many
from nokenlab.runs.notebook_run import prepare

SEES = """
import os, time, pandas as pd, nokenlab as nl
time.sleep(0.3)  # so that each worker gets its part
seen = {name: os.environ.get(name) for name in ("CUDA_VISIBLE_DEVICES", "NOKENLAB_SHARE")}
_ = nl.Results().table(pd.DataFrame([seen]), "seen")
"""


@pytest.fixture(autouse=True)
def two_gpus(monkeypatch):
    for name in ("NOKENLAB_DEVICE", "NOKENLAB_SHARE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-5")


def test_gpus_are_those_of_the_environment_else_counted(tmp_path, monkeypatch):
    assert machine.visible_gpus() == ["4", "GPU-5"] and machine.assigned_gpu(os.environ) == "4"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,-1,3")
    assert machine.visible_gpus() == ["2"]
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert machine.visible_gpus() == [] and machine.assigned_gpu(os.environ) is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(machine, "NODES", str(tmp_path / "nvidia[0-9]*"))
    for name in ("nvidia0", "nvidia7", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert machine.visible_gpus() == ["0", "1"] and machine.assigned_gpu(os.environ) is None


def test_a_chosen_device_is_left_alone(monkeypatch):
    assert machine.chosen_gpus(None) == ["4", "GPU-5"] and machine.chosen_gpus("GPU-5") == ["GPU-5"]
    for device, gpus in {"cuda": ["4", "GPU-5"], "cpu": [], "cuda:1": [], "auto": []}.items():
        monkeypatch.setenv("NOKENLAB_DEVICE", device)
        assert machine.chosen_gpus(None) == gpus


@pytest.mark.parametrize(
    "text, wrong", [("0", "got '0'; there are 4, GPU-5"), ("4,4", "4 twice"), ("", "''")]
)
def test_gpus_that_are_not_there(text, wrong):
    with pytest.raises(BadInput, match=wrong):
        machine.chosen_gpus(text)


def test_workers_take_gpus_in_turn_and_share_their_memory(monkeypatch):
    variables = machine.environments(3, ["4", "GPU-5"])
    assert [each[machine.VISIBLE] for each in variables] == ["4", "GPU-5", "4"]
    assert {each[machine.SHARE] for each in variables} == {"2"}
    assert machine.environments(3, []) == [{machine.SHARE: "3"}] * 3
    _, alone = memory.free_and_total("cpu")
    monkeypatch.setenv(machine.SHARE, "3")
    free, total = memory.free_and_total("cpu")
    assert total == alone // 3 and free <= total


@pytest.mark.parametrize(
    "options, gpus, share",
    [
        ([], {"4", "GPU-5"}, "1"),
        (["--plain"], {"4", "GPU-5"}, "1"),
        (["--devices", "GPU-5"], {"GPU-5"}, "2"),
    ],
)
def test_each_run_of_a_sweep_sees_its_gpu_and_names_it(tmp_path, options, gpus, share):
    place = Place(tmp_path)
    notebook(place.folder, "small", SEES)
    place.spec("grid: {scale: [1, 2]}")
    place.run("--workers", "2", *options)
    rows = list(csv.DictReader(io.StringIO(place.table().decode())))
    assert {row["CUDA_VISIBLE_DEVICES"] for row in rows} == gpus
    assert {row["NOKENLAB_SHARE"] for row in rows} == {share}
    assert place.runs("device") == [f"GPU {row['CUDA_VISIBLE_DEVICES']}" for row in rows]
    for row, folder in zip(rows, place.runs("folder"), strict=True):
        run = json.loads((place.here / "runs" / folder / "run.json").read_text())
        assert run["gpu"] == row["CUDA_VISIBLE_DEVICES"]
    os.environ["CUDA_VISIBLE_DEVICES"] = "GPU-5,4"  # which of its kind made a run changes nothing
    place.run("--dry-run")
    assert len(set(place.runs("status"))) == 1


def test_notebooks_take_gpus_in_turn(tmp_path, monkeypatch):
    plan = {notebook(tmp_path, name, SEES): {} for name in ("one", "two")}
    for path in plan:
        prepare(tmp_path / "results" / path.stem)
    assert len(list(run_many(plan, tmp_path / "results", 2, pytest.fail))) == 2
    tables = [(tmp_path / "results" / path.stem / "seen.csv").read_text().split()[1] for path in plan]
    assert sorted(tables) == ["4,1", "GPU-5,1"]
