"""What the panels share: a background thread, a line for messages, a static twin for runs and pages."""

import copy
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property

import ipywidgets as w

from nokenlab.decode.loop import Step
from nokenlab.errors import short
from nokenlab.lab import Lab
from nokenlab.panels import markup
from nokenlab.panels.latest import Latest
from nokenlab.prompt import NOKEN
from nokenlab.runs.results import OUTPUT

LONGEST = 200  # tokens of a text in a panel: each may become a button, and each slider step is a run


class Panel:
    """A widget for a cell; in a run or an exported page, where no kernel listens, its static twin.

    A panel has `build`, which makes its widgets when it is first shown, and `twin`, its HTML without any.
    `self.latest` is the thread for whatever takes time; `message` is the HTML of the line below the panel.
    """

    def __init__(self, lab: Lab):
        self.lab = lab
        self.latest = Latest(self.fail)
        self.message = ""
        self.note: w.HTML | None = None  # shows the message, once the panel is shown

    @cached_property
    def widget(self) -> w.Widget:
        """The live widget."""
        self.note = w.HTML(self.message)
        return w.VBox([w.HTML(markup.STYLE), *self.build(), self.note])

    def build(self) -> list[w.Widget]:
        """The parts of the widget, from the top."""
        raise NotImplementedError

    def twin(self) -> str:
        """The panel as it first stands, as HTML."""
        raise NotImplementedError

    def say(self, text: str = "") -> None:
        """Show a quiet line below the panel; an empty text clears it."""
        self._show_message(markup.quiet(text) if text else "")

    def fail(self, message: str) -> None:
        """Show an error as one red line below the panel."""
        self._show_message(markup.error(message))

    def stop(self, *_) -> None:
        """End what runs; for a Stop button. It is a job itself, so no older job can report after it."""
        self.latest.ask(lambda check: self.say("stopped"))

    @contextmanager
    def counted(self, passes: int, text: str, check: Callable) -> Iterator[Lab]:
        """The lab, each pass counted in the face's `progress` and below the panel, of at most `passes`."""
        done = 0

        def at_token(step: Step) -> None:
            nonlocal done
            check()
            done += 1
            self.face.progress = [done, passes]
            self.say(f"{text}: pass {done} of at most {passes}")

        self.face.progress = [0, passes]
        try:
            yield watched(self.lab, at_token)
        finally:
            self.face.progress = [0, 0]

    def _show_message(self, html: str) -> None:
        self.message = html
        if self.note is not None:
            self.note.value = html

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        static = {"text/plain": type(self).__name__, "text/html": markup.STYLE + self.twin()}
        if os.environ.get(OUTPUT):  # a run: nobody will move a widget
            return static
        return static | self.widget._repr_mimebundle_()


def row(*parts: w.Widget) -> w.HBox:
    """Widgets side by side, wrapped onto further lines where the page is narrow."""
    return w.HBox(parts, layout=w.Layout(flex_flow="row wrap", align_items="center"))


def check_prompt(lab: Lab, text: str, name: str = "this prompt", most: int = LONGEST) -> None:
    """Raise ValueError for a text that is empty or has more than `most` tokens."""
    tokens = len(lab.ids(text))
    if tokens > most:
        raise ValueError(f"{name} has {tokens:,} tokens; this panel takes at most {most}; shorten it")


def check_one_noken(prompt: str) -> None:
    """Raise ValueError for a prompt that has not exactly one <noken>."""
    if prompt.count(NOKEN) != 1:
        raise ValueError(f"the prompt must have one {NOKEN}: {short(prompt)}")


def watched(lab: Lab, at_token: Callable) -> Lab:
    """The same lab, but each step is first passed to `at_token`, which may raise to end the run."""

    def sample(*args, **options):
        for step in lab.sample(*args, **options):
            at_token(step)
            yield step

    view = copy.copy(lab)
    view.sample = sample
    return view


def with_ids(lab: Lab, steps: Iterable[Step]) -> Iterator[tuple[Step, list[int]]]:
    """The steps of one prompt, each with the ids of the text so far."""
    ids: list[int] = []
    for step in steps:
        ids.extend(id for id in step.ids.tolist() if id not in lab.eos_ids)
        yield step, ids
