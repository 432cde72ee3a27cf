"""What the panels share: a face that the kernel answers, a thread for that, and a static twin for pages."""

import copy
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property

from IPython.display import display
from torch import Tensor

from nokenlab import measures
from nokenlab.decode.loop import Step
from nokenlab.errors import cut, short
from nokenlab.lab import Lab
from nokenlab.panels import face
from nokenlab.panels.columns import Columns
from nokenlab.panels.latest import Latest
from nokenlab.prompt import NOKEN
from nokenlab.runs.results import OUTPUT
from nokenlab.spelling import spelled, spelled_token

LONGEST = 200  # tokens of a text in a panel: each may become a button, and each slider step is a run


class Panel:
    """A face in a cell, answered by the kernel; where no kernel listens, its static twin.

    A panel has the `name` of its face; `state`, what the face first shows; `still`, the same as HTML without
    scripts; and `receive`, for what the face sends. `self.latest` is the thread for whatever takes time.
    For a list of labs it is one panel each, in `Columns`, where the entries `shared` of the state are equal.
    """

    name: str
    shared: tuple[str, ...] = ()

    def __new__(cls, lab: Lab | list[Lab], *args, **options):
        if isinstance(lab, list):
            return Columns([cls(column, *args, **options) for column in lab])
        return super().__new__(cls)

    def __init__(self, lab: Lab):
        self.lab = lab
        self.beside = [self]  # the panels of all columns
        self.latest = Latest(self.fail)
        self.face = None  # once the panel is shown
        self.note = {"text": "", "wrong": False}

    def state(self) -> dict:
        """What the face shows, as JSON."""
        raise NotImplementedError

    def still(self) -> str:
        """The same as HTML that needs no script."""
        raise NotImplementedError

    def receive(self, content: dict) -> None:
        """A message of the face; one that is nothing else is its Stop."""
        self.stop()

    def hear(self, content: dict) -> None:
        """A message of the face, which the panels of all columns receive."""
        for panel in self.beside:
            panel.receive(content)

    def begin(self) -> None:
        """Called once the face is there."""

    @cached_property
    def widget(self):
        """The live face."""
        self.face = face.live(self.name, **self.state(), note=self.note, progress=[0, 0])
        self.face.on_msg(lambda widget, content, buffers: self.hear(content))
        self.begin()
        return self.face

    def twin(self) -> str:
        """The panel as it stands, as HTML."""
        return face.page(self.name, self.still(), **self.state(), shared=self.shared)

    @property
    def in_run(self) -> bool:
        """Whether this is a run, where nobody will move a widget."""
        return bool(os.environ.get(OUTPUT))

    def outputs(self) -> list[dict]:
        """What the cell shows: the live face, and the twin, hidden beside it; in a run the twin alone."""
        plain = {"text/plain": type(self).__name__}
        twin = plain | {"text/html": self.twin()}
        if self.in_run:
            return [twin]
        view = {"application/vnd.jupyter.widget-view+json": self.widget.get_view_spec()}
        return [view | plain | {"text/html": ""}, twin]

    def _ipython_display_(self) -> None:
        for output in self.outputs():
            display(output, raw=True)

    def update(self, **state) -> None:
        """Change what the face shows, where there is one."""
        if self.face is not None:
            with self.face.hold_sync():  # one message
                for key, value in state.items():
                    setattr(self.face, key, value)

    def say(self, text: str = "") -> None:
        """Show a quiet line; an empty text clears it."""
        self.note = {"text": text, "wrong": False}
        self.update(note=self.note)

    def fail(self, message: str) -> None:
        """Show an error as one red line."""
        self.note = {"text": cut(spelled(message), 400), "wrong": True}
        self.update(note=self.note)

    def stop(self) -> None:
        """End what runs, but not what has a lasting effect."""
        self.latest.stop()
        self.latest.ask(lambda check: self.say("stopped"))

    @contextmanager
    def counted(self, passes: int, text: str, check: Callable, lab: Lab | None = None) -> Iterator[Lab]:
        """A lab, each pass counted in the face's `progress` and its line, of at most `passes`."""
        done = 0

        def at_token(step: Step) -> None:
            nonlocal done
            check()
            done += 1
            self.update(progress=[done, passes])
            self.say(f"{text}: pass {done} of at most {passes}")

        self.update(progress=[0, passes])
        try:
            yield watched(lab or self.lab, at_token)
        finally:
            self.update(progress=[0, 0])


def check_prompt(lab: Lab, text: str, name: str = "this prompt", most: int = LONGEST) -> None:
    """Raise ValueError for a text that is empty or has more than `most` tokens."""
    tokens = len(lab.ids(text))
    if tokens > most:
        raise ValueError(f"{name} has {tokens:,} tokens; this panel takes at most {most}; shorten it")


def check_one_noken(prompt: str) -> None:
    """Raise ValueError for a prompt that has not exactly one <noken>."""
    if prompt.count(NOKEN) != 1:
        raise ValueError(f"the prompt must have one {NOKEN}: {short(prompt)}")


def spelled_tokens(lab: Lab, text: str) -> list[str]:
    """The tokens of a text as people read them."""
    return [spelled_token(token) for token in lab.tokens(text)["token"]]


def with_sign(tokens: list[str], positions: list[int]) -> str:
    """The text of tokens, ▢ for those at some positions; the space that one begins with stays."""
    texts = list(tokens)
    for position in positions:
        texts[position] = " ▢" if tokens[position].startswith(" ") else "▢"
    return "".join(texts)


def follow(old: list[int], new: list[int], position: int) -> int:
    """Where the token at a position of the ids `old` is in `new`, after an edit before or behind it."""
    is_before = old[: position + 1] == new[: position + 1]
    moved = position if is_before else position + len(new) - len(old)
    return min(max(moved, 0), len(new) - 1)


def next_tokens(lab: Lab, logits: Tensor, k: int) -> list[list[list]]:
    """The `k` most probable next tokens of each row of logits (rows, vocab): [token, probability] each."""
    best = measures.leading(lab, logits, k)
    pairs = [[spelled_token(token), p] for token, p in zip(best["token"], best["probability"], strict=True)]
    return [pairs[i : i + k] for i in range(0, len(pairs), k)]


def nearest_tokens(lab: Lab, vector: Tensor, k: int) -> list[list]:
    """The `k` tokens nearest to a vector (width,) or (1, width): [token, cosine] each."""
    nearest = lab.space.nearest(vector, k)
    pairs = zip(nearest["token"], nearest["cosine"].astype(float), strict=True)
    return [[spelled_token(token), cosine] for token, cosine in pairs]


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
