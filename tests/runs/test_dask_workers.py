"""A sweep on a dask scheduler: workers are separate processes that share nothing with the driver."""

import csv
import os
from types import SimpleNamespace

import psutil
import pytest
from distributed import LocalCluster
from helpers.sweeps import Place, wait_for

from nokenlab.runs import dask_workers, machine


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return Place(tmp_path)


def test_a_killed_worker_s_runs_are_done_again(place):
    place.spec("grid: {scale: [0, 1, 2]}")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(local_directory=str(place.folder / "dask"), **options) as dask:
        driver = place.start("--scheduler", dask.scheduler_address)
        wait_for(place.ended, 200)
        worker = next(iter(dask.workers.values()))
        psutil.Process(worker.pid).kill()
        error = driver.communicate(timeout=120)[1]
    assert driver.returncode == 0, error
    assert place.runs("status") == ["done"] * 3 and set(place.ended()) == {"0.0", "1.0", "2.0"}
    rows = csv.DictReader(place.table().decode().splitlines())
    assert [row["half"] for row in rows] == ["0", "0", "0.5", "0.5", "1", "1"]


@pytest.mark.parametrize(
    "given, gpus, share", [("3,1,2", [None, None], "2"), (None, ["0", "1"], "1")], ids=["dask-cuda", "plain"]
)
def test_a_worker_that_was_given_its_gpus_keeps_them(tmp_path, monkeypatch, given, gpus, share):
    for number in range(2):
        (tmp_path / f"nvidia{number}").touch()
    monkeypatch.setattr(machine, "NODES", str(tmp_path / "nvidia*"))
    monkeypatch.delenv("NOKENLAB_DEVICE", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        assert machine.assigned_gpu(os.environ) == "3"  # dask-cuda puts a worker's own GPU first
    worker = SimpleNamespace(local_directory=str(tmp_path), state=SimpleNamespace(nthreads=2))
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    pools = []
    monkeypatch.setattr(dask_workers, "_pools", {})
    monkeypatch.setattr(
        dask_workers, "KernelPool", lambda models, environments, *_: pools.append(environments)
    )
    monkeypatch.setattr(dask_workers, "perform", lambda task, folder, pool: ({}, folder))
    dask_workers.run_on_worker({"model": None, "threads": 1, "plain": False})
    (environments,) = pools
    assert [variables.get("CUDA_VISIBLE_DEVICES") for variables in environments] == gpus
    assert {variables["NOKENLAB_SHARE"] for variables in environments} == {share}


def test_no_scheduler_is_one_line(place, capsys, monkeypatch):
    monkeypatch.setattr("nokenlab.runs.dask_workers.PATIENCE", "0.2s")
    place.run("--scheduler", "tcp://127.0.0.1:1", check=2)
    error = capsys.readouterr().err
    assert "nokenlab: no dask scheduler answers at tcp://127.0.0.1:1" in error and "Traceback" not in error
