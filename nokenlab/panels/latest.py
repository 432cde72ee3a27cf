"""A thread for the jobs of one panel, on which a newer job replaces an older one of its kind."""

import atexit
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from time import monotonic
from weakref import WeakSet

from nokenlab.errors import first_line


class Superseded(Exception):
    """Raised at a token of a job that a newer job or Stop has cancelled."""


_all = WeakSet()


@atexit.register
def _end_all() -> None:
    for latest in list(_all):
        latest.end()  # a thread inside torch cannot be ended by Python: it would abort


class Job(Future):
    """Something to do; its `result` waits for the end, and raises the job's error."""

    def __init__(self, run: Callable, kind: str | None, long: bool, due: float):
        super().__init__()
        # it runs in the caller's context: ipykernel sends its messages as replies to that caller
        self.run, self.kind, self.long, self.due = partial(copy_context().run, run), kind, long, due
        self.replaced = False


class Latest:
    """Does jobs on a thread of its own, one at a time, in the order in which they were asked.

    A job is called with `check`, which it calls at each token. A newer job replaces an older one of the same
    `kind`, which is skipped, or ends where `check` raises `Superseded`. A job without a kind has a lasting
    effect: nothing replaces it. A `long` job lets the others pass: they are done inside its `check`.
    A job starts `pause` seconds after it was asked. Any other error goes to `failed` as one line.
    `counts`: jobs asked, skipped (never started), finished, cancelled (ended at a token), failed.
    """

    def __init__(self, failed: Callable[[str], None], pause: float = 0.05):
        self._failed, self._pause = failed, pause
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._running: list[Job] = []  # the last one inside the check of the one before
        self._thread = None
        self.counts = Counter()
        _all.add(self)

    def ask(self, job: Callable[[Callable], None], kind: str | None = None, long: bool = False) -> Job:
        """Do `job` soon."""
        new = Job(job, kind, long, monotonic() + self._pause)
        with self._changed:
            self.counts["asked"] += 1
            self._replace(lambda older: kind is not None and older.kind == kind)
            self._waiting.append(new)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
        return new

    def stop(self) -> None:
        """End all jobs but those with a lasting effect."""
        with self._changed:
            self._replace(lambda job: job.kind is not None)

    def join(self, timeout: float = 60) -> bool:
        """Wait until nothing runs or waits; False if that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def end(self, timeout: float = 60) -> bool:
        """End what runs at its next token and start nothing that waits; False as for `join`."""
        with self._changed:
            self._replace(lambda job: True)
        return self.join(timeout)

    def _replace(self, is_old: Callable[[Job], bool]) -> None:
        for job in filter(is_old, [*self._running, *self._waiting]):
            job.replaced = True
        for job in [job for job in self._waiting if job.replaced]:
            self._waiting.remove(job)
            self.counts["skipped"] += 1
            job.set_result(None)
        self._changed.notify_all()

    def _work(self) -> None:
        while job := self._take():
            self._run(job)

    def _take(self) -> Job | None:
        """The job that has waited longest, once its pause is over; None where none waits."""
        with self._changed:
            while self._waiting:
                if job := self._take_due():
                    return job
                self._changed.wait(max(0, self._waiting[0].due - monotonic()))
            self._thread = None  # the next job starts another
            self._changed.notify_all()
        return None

    def _take_due(self) -> Job | None:
        with self._changed:
            if self._waiting and self._waiting[0].due <= monotonic():
                return self._waiting.pop(0)
        return None

    def _run(self, job: Job) -> None:
        def check(step=None) -> None:
            while job.long and not job.replaced and (other := self._take_due()):
                self._run(other)
            if job.replaced:
                raise Superseded

        self._running.append(job)
        try:
            job.run(check)
            outcome = "finished"
        except Superseded:
            outcome = "cancelled"
        except Exception as error:  # whatever it is, the panel goes on
            outcome = "failed"
            if not job.replaced:
                self._failed(message(error))
                job.set_exception(error)
        self._running.remove(job)
        self.counts[outcome] += 1
        if not job.done():
            job.set_result(None)


def message(error: Exception) -> str:
    """The first line of an error, after its type unless it is a ValueError, which is written for people."""
    line = first_line(str(error))
    return line if isinstance(error, ValueError) else f"{type(error).__name__}: {line}"
