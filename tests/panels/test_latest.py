"""A newer job replaces an older one of its kind, lasting ones are all done, and no thread is left."""

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


def test_of_thirty_jobs_of_a_kind_the_newest_is_finished_and_none_runs_on():
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
        latest.ask(job(number), "answer")
        if number % 3 == 0:  # some come while the last one runs, some before it starts
            assert started[number].wait(WAIT)
    assert latest.join(WAIT)
    assert written[-5:] == [(29, token) for token in range(5)]
    counts = latest.counts
    assert counts["finished"] == 1 and counts["cancelled"] >= 10
    assert counts["asked"] == 30 == counts["finished"] + counts["cancelled"] + counts["skipped"]


def test_only_a_newer_job_of_the_same_kind_replaces_one_and_lasting_ones_are_done_in_order():
    done, latest = [], Latest(pytest.fail, pause=0.2)
    for kind, number in [("a", 1), (None, 2), ("b", 3), (None, 4), ("a", 5), (None, 6)]:
        latest.ask(lambda check, number=number: done.append(number), kind)
    latest.stop()  # ends neither what has no kind …
    latest.ask(lambda check: done.append(7), "a")  # … nor what comes later
    assert latest.join(WAIT) and done == [2, 4, 6, 7]


def test_a_long_job_lets_others_pass_between_two_tokens_and_goes_on():
    done, others, latest = [], threading.Event(), Latest(pytest.fail, pause=0)

    def long(check):
        done.append("begins")
        while "short" not in done or "lasting" not in done:
            check()
            others.set()
        done.append("goes on")

    job = latest.ask(long, "map", long=True)
    assert others.wait(WAIT)
    latest.ask(lambda check: done.append("short"), "exact")
    latest.ask(lambda check: done.append("lasting"))
    job.result(WAIT)
    assert done == ["begins", "short", "lasting", "goes on"] and latest.counts["cancelled"] == 0


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


def test_an_error_is_one_line_and_raised_where_somebody_waits_and_the_next_job_is_done():
    failed, done = [], []
    latest = Latest(failed.append, pause=0)

    def fails(check):
        raise BadInput("shorten it\nor not")

    for job in (fails, lambda check: {}["key"], lambda check: done.append(1)):
        latest.ask(job)
        assert latest.join(WAIT)
    assert failed == ["shorten it", "KeyError: 'key'"] and done == [1]
    with pytest.raises(BadInput):
        latest.ask(fails).result(WAIT)


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
