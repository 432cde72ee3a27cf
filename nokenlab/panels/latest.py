"""A thread on which a newer request cancels the older."""

import atexit
import threading
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from weakref import WeakSet

from nokenlab.errors import first_line


class Superseded(Exception):
    """Raised at a token of a job that a newer job or Stop has cancelled."""


_all = WeakSet()


@atexit.register
def _end_all() -> None:
    for latest in list(_all):
        latest.end()  # a thread inside torch cannot be ended by Python: it would abort


class Latest:
    """Runs the newest job on a thread of its own; an older job ends at its next token.

    A job is called with `check`, which it calls at each token and which raises `Superseded` to end it. A job
    starts when no newer one has come for `pause` seconds. Any other error goes to `failed` as one line.
    `counts`: jobs asked, skipped (never started), finished, cancelled (ended at a token), failed.
    """

    def __init__(self, failed: Callable[[str], None], pause: float = 0.05):
        self._failed, self._pause = failed, pause
        self._changed = threading.Condition()
        self._newest, self._waiting, self._thread = 0, None, None
        self.counts = Counter()
        _all.add(self)

    def ask(self, job: Callable[[Callable], None]) -> None:
        """Run `job` soon, in place of whatever runs or waits."""
        with self._changed:
            self.counts["asked"] += 1
            self.counts["skipped"] += self._waiting is not None
            # the job runs in the caller's context: ipykernel sends its messages as replies to that caller
            self._newest, self._waiting = self._newest + 1, partial(copy_context().run, job)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def join(self, timeout: float = 60) -> bool:
        """Wait until nothing runs or waits; False if that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def end(self, timeout: float = 60) -> bool:
        """End what runs at its next token and start nothing that waits; False as for `join`."""
        with self._changed:
            self._newest, self._waiting = self._newest + 1, None
            self._changed.notify_all()
        return self.join(timeout)

    def _work(self) -> None:
        while taken := self._take():
            self._run(*taken)

    def _take(self) -> tuple[Callable, int] | None:
        """The waiting job and its number, once no newer one has come for a pause; None where none waits."""
        with self._changed:
            while self._waiting:
                number = self._newest
                if not self._changed.wait_for(lambda seen=number: self._newest != seen, self._pause):
                    job, self._waiting = self._waiting, None
                    return job, number
            self._thread = None  # the next job starts another
            self._changed.notify_all()
        return None

    def _run(self, job: Callable, number: int) -> None:
        def check(step=None) -> None:
            if self._newest != number:
                raise Superseded

        try:
            job(check)
            outcome = "finished"
        except Superseded:
            outcome = "cancelled"
        except Exception as error:  # whatever it is, the panel goes on
            outcome = "failed"
            if self._newest == number:
                self._failed(message(error))
        self.counts[outcome] += 1


def message(error: Exception) -> str:
    """The first line of an error, after its type unless it is a ValueError, which is written for people."""
    line = first_line(str(error))
    return line if isinstance(error, ValueError) else f"{type(error).__name__}: {line}"
