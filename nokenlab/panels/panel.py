"""What the panels share: a thread where the newest wish wins, one line for errors, a static twin for runs."""

import copy
import os
from collections.abc import Callable
from functools import cached_property

import ipywidgets as w

from nokenlab.lab import Lab
from nokenlab.panels import markup
from nokenlab.panels.latest import Latest
from nokenlab.runs.results import OUTPUT

LONGEST = 200  # tokens of a prompt in a panel: each is a button, and each slider position a run of its own


class Panel:
    """A widget for a cell; where no kernel will be, in a run or an exported page, its static twin.

    A panel has `build`, which makes its widget when it is first shown, and `twin`, its HTML without one.
    `self.note` is the line for errors and `self.latest` the thread for whatever takes time.
    """

    def __init__(self, lab: Lab):
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


def row(*parts: w.Widget) -> w.HBox:
    """Widgets side by side; those that the page has no room for go on the next line."""
    return w.HBox(parts, layout=w.Layout(flex_flow="row wrap", align_items="center"))


def check_prompt(lab: Lab, prompt: str) -> None:
    """Raise ValueError for a prompt that is empty or too long for a panel."""
    tokens = len(lab.ids(prompt))
    if tokens > LONGEST:
        raise ValueError(f"this prompt has {tokens:,} tokens; a panel takes up to {LONGEST}; shorten it")


def watched(lab: Lab, at_token: Callable) -> Lab:
    """The same lab, but each step is first handed to `at_token`, which may raise to end the run."""

    def sample(*args, **options):
        for step in lab.sample(*args, **options):
            at_token(step)
            yield step

    view = copy.copy(lab)
    view.sample = sample
    return view
