"""What the panels share: a thread where the newest wish wins, one line for errors, a static twin for runs."""

import copy
import os
import threading
from collections import Counter
from collections.abc import Callable
from functools import cached_property

import ipywidgets as w

from . import markup
from .results import OUTPUT

LONGEST = 200  # tokens of a prompt in a panel: each is a button, and each slider position a run of its own


class Superseded(Exception):
    """Raised at a token in a job that a newer one, or Stop, has made stale."""


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

    def ask(self, job: Callable[[Callable], None]) -> None:
        """Run `job` soon, in place of whatever runs or waits."""
        with self._changed:
            self.counts["asked"] += 1
            self.counts["skipped"] += self._waiting is not None
            self._newest, self._waiting = self._newest + 1, job
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def join(self, timeout: float = 60) -> bool:
        """Wait until nothing runs or waits; False if that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

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
                self._failed(one_line(error))
        self.counts[outcome] += 1


class Panel:
    """A widget for a cell; where no kernel will be, in a run or an exported page, its static twin.

    A panel has `build`, which makes its widget when it is first shown, and `twin`, its HTML without one.
    `self.note` is the line for errors and `self.latest` the thread for whatever takes time.
    """

    def __init__(self, lab):
        self.lab = lab
        self.note = w.HTML()
        self.latest = Latest(self.fail)

    @cached_property
    def widget(self) -> w.Widget:
        """The live widget."""
        return w.VBox([w.HTML(markup.STYLE), *self.build(), self.note])

    def build(self) -> list[w.Widget]:
        """The parts of the widget, from above."""
        raise NotImplementedError

    def twin(self) -> str:
        """The panel as it first stands, as HTML."""
        raise NotImplementedError

    def say(self, text: str = "") -> None:
        """Show a quiet line below the panel; nothing clears it."""
        self.note.value = markup.quiet(text) if text else ""

    def fail(self, message: str) -> None:
        """Show an error as one red line below the panel."""
        self.note.value = markup.error(message)

    def stop(self, *_) -> None:
        """End what runs; for a Stop button. Itself a job, so that nothing of an older one comes after it."""
        self.latest.ask(lambda check: self.say("stopped"))

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        static = {"text/plain": f"{type(self).__name__}", "text/html": markup.STYLE + self.twin()}
        if os.environ.get(OUTPUT):  # a run: no kernel will stand behind what it writes
            return static
        return static | self.widget._repr_mimebundle_()


def check_prompt(lab, prompt: str) -> None:
    """Raise ValueError for a prompt that is empty or too long for a panel."""
    tokens = len(lab.ids(prompt))
    if tokens > LONGEST:
        raise ValueError(f"this prompt has {tokens:,} tokens; a panel takes up to {LONGEST}; shorten it")


def watched(lab, at_token: Callable):
    """The same lab, but each step is first handed to `at_token`, which may raise to end the run."""

    def sample(*args, **options):
        for step in lab.sample(*args, **options):
            at_token(step)
            yield step

    view = copy.copy(lab)
    view.sample = sample
    return view


def one_line(error: Exception) -> str:
    """What an error says, in one line; the kind of error too, unless it is one made for people to read."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"
