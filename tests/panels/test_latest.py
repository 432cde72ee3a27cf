"""A newer job cancels the older, errors come as one line, and no thread is left behind."""

import subprocess
import sys
import textwrap
import threading
import time
from contextvars import ContextVar

import pytest
from helpers.panels import WAIT

from nokenlab.errors import BadInput
from nokenlab.panels.latest import Latest


def test_of_thirty_jobs_the_newest_is_finished_and_none_runs_on():
    started, written = [threading.Event() for _ in range(30)], []
    latest = Latest(pytest.fail, pause=0)

    def job(number):
        def run(check):
            started[number].set()
            for token in range(1000 if number < 29 else 5):
                check()
                written.append((number, token))
                time.sleep(0.005 * (number < 29))

        return run

    for number in range(30):
        latest.ask(job(number))
        if number % 3 == 0:  # some come while the last one runs, some before it starts
            assert started[number].wait(WAIT)
    assert latest.join(WAIT)
    assert written[-5:] == [(29, token) for token in range(5)]
    counts = latest.counts
    assert counts["finished"] == 1 and counts["cancelled"] >= 10
    assert counts["asked"] == 30 == counts["finished"] + counts["cancelled"] + counts["skipped"]


def test_a_job_runs_in_the_context_of_its_caller():
    """ipykernel sends the messages of a job as replies to the request in that context."""
    request, seen = ContextVar("request", default="none"), []
    latest = Latest(pytest.fail, pause=0)
    for number in (1, 2):
        request.set(number)
        latest.ask(lambda check: seen.append(request.get()))
        request.set("a later one")
        assert latest.join(WAIT)
    assert seen == [1, 2]


def test_jobs_that_come_quickly_start_once():
    done = []
    latest = Latest(pytest.fail, pause=0.5)
    for number in range(10):
        latest.ask(lambda check, number=number: done.append(number))
    assert latest.join(WAIT)
    assert done == [9] and latest.counts["skipped"] == 9


def test_an_error_is_one_line_and_the_next_job_is_done():
    failed, done = [], []
    latest = Latest(failed.append, pause=0)

    def fails(check):
        raise BadInput("shorten it\nor not")

    for job in (fails, lambda check: {}["key"], lambda check: done.append(1)):
        latest.ask(job)
        assert latest.join(WAIT)
    assert failed == ["shorten it", "KeyError: 'key'"] and done == [1]


def test_no_thread_is_left_behind():
    before = threading.active_count()
    latest = Latest(pytest.fail, pause=0)
    latest.ask(lambda check: None)
    assert latest.join(WAIT)
    for thread in threading.enumerate()[before:]:
        thread.join(WAIT)
    assert threading.active_count() <= before


def test_a_program_that_ends_while_a_panel_answers_ends_well():
    program = """
        import threading, torch
        from nokenlab.panels.latest import Latest

        started, a = threading.Event(), torch.randn(600, 600)

        def job(check):
            while True:
                check()
                a @ a
                started.set()

        latest, other = Latest(print, pause=0), Latest(print, pause=60)
        latest.ask(job)
        other.ask(job)
        assert started.wait(60)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=WAIT
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
