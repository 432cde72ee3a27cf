"""A box to type in, with the tokens of what is typed."""

from functools import partial

import ipywidgets as w

from nokenlab.embedder import Embedder
from nokenlab.panels import markup
from nokenlab.panels.panel import Panel
from nokenlab.runs import show

SHOWN = 300  # tokens; more would be a wall of frames


class TokenView(Panel):
    """Type, and see the tokens as you type."""

    def __init__(self, lab: Embedder, text: str = "Hello world :)"):
        super().__init__(lab)
        self.first = text

    def build(self) -> list[w.Widget]:
        layout = w.Layout(width="min(100%, 640px)")
        self.text = w.Textarea(self.first, description="text", rows=3, layout=layout)
        self.tokens = w.HTML(self.twin())
        self.text.observe(lambda change: self.latest.ask(partial(self._show, change["new"])), "value")
        return [self.text, self.tokens]

    def twin(self) -> str:
        return _frames(self.lab, self.first)

    def _show(self, text: str, check) -> None:
        self.say()
        if not text:
            self.tokens.value = ""
        self.tokens.value = _frames(self.lab, text)


def _frames(lab: Embedder, text: str) -> str:
    """The tokens of a text as the notebook shows them, one frame each; of a long text the first ones."""
    tokens = lab.tokens(text).assign(text=text)
    if len(tokens) > SHOWN:
        title = f"the first {SHOWN} of {len(tokens):,} tokens are shown"
        tokens = tokens.head(SHOWN).assign(text=title)
    return markup.block(show.token_frames(tokens).data)
