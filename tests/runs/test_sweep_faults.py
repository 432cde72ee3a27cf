"""Faults, one sweep each; `tests/inject_faults.py` has the long form of the kills and a table of outcomes."""

import psutil
import pytest
from helpers import faults
from helpers.sweeps import Place


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return Place(tmp_path)


def test_what_a_signal_ends_or_stops_is_reported_and_the_others_go_on(place):
    faults.signals(place)


def test_a_fork_server_that_is_stopped_at_its_imports_is_replaced(place, monkeypatch, capsys):
    start, servers = psutil.Popen, []

    def first_stopped(*args, **options):
        servers.append(start(*args, **options))
        if len(servers) == 1:
            servers[0].suspend()
        return servers[-1]

    monkeypatch.setattr(psutil, "Popen", first_stopped)
    place.spec("grid: {scale: [1]}")
    place.run()
    assert place.runs("status") == ["done"] and len(servers) == 2
    assert "new Python" not in capsys.readouterr().err


def test_a_full_disk_loses_nothing(place):
    faults.full(place)


def test_a_results_folder_that_vanishes_is_one_line(place, capsys):
    faults.vanished(place, lambda: capsys.readouterr().err)


def test_a_driver_killed_at_random_moments(place):
    place.spec("grid: {scale: [0, 1, 2]}")
    assert faults.kill_drivers(place, 2)["kills"] == 2
