"""Faults of `nokenlab run`; `tests/inject_faults.py` has the long form and a table of outcomes."""

import pytest
from helpers import run_faults


@pytest.fixture
def place(tmp_path):
    return run_faults.Runs(tmp_path)


def test_a_full_disk_loses_nothing(place):
    run_faults.full(place)


def test_two_at_once_do_not_spoil_each_other(place):
    run_faults.two_at_once(place)


def test_a_command_that_is_killed(place):
    run_faults.killed(place)
