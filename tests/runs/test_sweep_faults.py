"""Faults, one sweep each; `tests/inject_faults.py` has the long form of the kills and a table of outcomes."""

import signal
import subprocess
from types import SimpleNamespace

import pytest
from helpers import faults
from helpers.sweeps import Place

from nokenlab.runs import fork_server


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return Place(tmp_path)


def test_what_a_signal_ends_or_stops_is_reported_and_the_others_go_on(place):
    faults.signals(place)


def test_a_fork_server_that_is_stopped_or_dies_at_its_imports(place, monkeypatch):
    """It is woken, or replaced once."""
    start, servers = subprocess.Popen, []

    def first_two(*args, **options):
        servers.append(start(*args, **options))
        if len(servers) < 3:
            servers[-1].send_signal([signal.SIGSTOP, signal.SIGKILL][len(servers) - 1])
        return servers[-1]

    module = SimpleNamespace(Popen=first_two, DEVNULL=subprocess.DEVNULL)
    monkeypatch.setattr(fork_server, "subprocess", module)
    for scale, count in [(1, 1), (2, 3)]:
        place.spec(f"parameters: {{word: how}}\ngrid: {{scale: [{scale}]}}")
        place.run()
        assert place.runs("status") == ["done"] and len(servers) == count
    assert "ipykernel_launcher" not in place.ended()


def test_a_full_disk_loses_nothing(place):
    faults.full(place)


def test_a_results_folder_that_vanishes_is_one_line(place, capsys):
    faults.vanished(place, lambda: capsys.readouterr().err)


def test_a_driver_that_is_killed(place):
    faults.killed(place)
