"""Faults of `nokenlab run`; `tests/inject_faults.py` has the long form and a table of outcomes."""

import pytest
from helpers import run_faults


@pytest.fixture
def place(tmp_path):
    return run_faults.Runs(tmp_path)


def test_what_a_signal_ends_or_stops_is_reported_and_the_others_go_on(place):
    run_faults.signals(place)


def test_a_cell_that_somebody_stopped_is_reported(place):
    run_faults.stopped(place)


def test_a_full_disk_loses_nothing(place):
    run_faults.full(place)


def test_two_at_once_do_not_spoil_each_other(place):
    run_faults.two_at_once(place)


def test_a_command_killed_at_a_random_moment(place):
    assert run_faults.kills(place, 1)["run: kills"] == 1
