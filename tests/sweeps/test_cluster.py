"""A sweep on a dask scheduler: workers are separate processes that share nothing with the driver."""

import psutil
import pytest
from distributed import LocalCluster
from helpers.sweeps import Place, wait_for


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return Place(tmp_path)


def test_a_killed_worker_s_runs_are_done_again_and_plain_is_plain_on_a_worker_that_forked(place):
    place.spec("grid: {scale: [0, 1, 2, 3, 4, 5, 6, 7]}")
    place.run("--workers", "2")
    table = place.table()
    place.log.write_text("")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(local_directory=str(place.folder / "dask"), **options) as cluster:
        driver = place.start("--scheduler", cluster.scheduler_address, "--force")
        wait_for(lambda: len(place.ended()) >= 2)
        worker = next(iter(cluster.workers.values()))
        psutil.Process(worker.pid).kill()
        error = driver.communicate(timeout=120)[1]
        assert driver.returncode == 0, error
        assert place.runs("status") == ["done"] * 8 and place.table() == table
        assert set(place.ended()) == {f"{scale}.0" for scale in range(8)}

        place.log.write_text("")
        place.spec("parameters: {word: how}\ngrid: {scale: [1, 2]}")  # one for each worker
        place.run("--scheduler", cluster.scheduler_address, "--plain")
    assert sorted(place.ended()) == ["1.0", "2.0", *["nokenlab.runs.one_run"] * 2]


def test_no_scheduler_is_one_line(place, capsys, monkeypatch):
    monkeypatch.setattr("nokenlab.sweeps.cluster.PATIENCE", "0.2s")
    place.run("--scheduler", "tcp://127.0.0.1:1", check=2)
    error = capsys.readouterr().err
    assert "nokenlab: no dask scheduler answers at tcp://127.0.0.1:1" in error and "Traceback" not in error
