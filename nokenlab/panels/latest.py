"""A thread where the newest wish wins."""

import atexit
import threading
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from weakref import WeakSet

from nokenlab.errors import first_line


class Superseded(Exception):
    """Raised at a token in a job that a newer one, or Stop, has made stale."""


_all = WeakSet()


@atexit.register
def _end_all() -> None:
    for latest in list(_all):
        latest.end()  # Python cannot end a thread that torch has: it would abort


class Latest:
    """Runs the newest job on a thread of its own; an older one ends at its next token.

    A job is called with `check`, which it calls at each token; there it is ended by `Superseded`. A job
    starts when there has been no newer one for `pause` seconds. Any other error goes to `failed` as one
    line. `counts`: jobs asked, skipped (never started), finished, cancelled (ended at a token), failed.
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
            # what it sends belongs to who asked: ipykernel sends what comes back to the same thread
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
        """End what runs at its next token and start nothing that waits; False as `join` says it."""
        with self._changed:
            self._newest, self._waiting = self._newest + 1, None
            self._changed.notify_all()
        return self.join(timeout)

    def _work(self) -> None:
        while taken := self._take():
            self._run(*taken)

    def _take(self) -> tuple[Callable, int] | None:
        with self._changed:
            while self._waiting:
                seen = self._newest
                if not self._changed.wait_for(lambda seen=seen: self._newest != seen, self._pause):
                    job, self._waiting = self._waiting, None
                    return job, seen
            self._thread = None  # the next wish starts another
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
    """The first line of an error; its kind too, unless it is one made for people to read."""
    said = first_line(str(error))
    return said if isinstance(error, ValueError) else f"{type(error).__name__}: {said}"
