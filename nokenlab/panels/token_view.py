"""A box to type in, with the tokens of what is typed."""

from functools import partial

import ipywidgets as w

from nokenlab.experiments.tokens import tokens_of
from nokenlab.panels import markup
from nokenlab.panels.panel import Panel
from nokenlab.runs import show

SHOWN = 300  # tokens; a page of more is no use


class TokenView(Panel):
    """Type, and see the tokens as you type."""

    def __init__(self, lab, text: str = "Hello world :)"):
        super().__init__(lab)
        self.first = text

    def build(self) -> list[w.Widget]:
        self.text = w.Textarea(
            self.first, description="text", rows=3, layout=w.Layout(width="min(100%, 640px)")
        )
        self.tokens = w.HTML(self.twin())
        self.text.observe(lambda change: self.latest.ask(partial(self._show, change["new"])), "value")
        return [self.text, self.tokens]

    def twin(self) -> str:
        return pieces(self.lab, self.first)

    def _show(self, text: str, check) -> None:
        self.say()
        self.tokens.value = "" if not text else self.tokens.value
        self.tokens.value = pieces(self.lab, text)


def pieces(lab, text: str) -> str:
    """The tokens of a text as framed pieces, from the notebook's own table; of a long text the first ones."""
    tokens = tokens_of(lab, [text])
    if len(tokens) <= SHOWN:
        return markup.block(show.pieces(tokens).data)
    first = tokens.head(SHOWN).assign(text=f"the first {SHOWN} of {len(tokens):,} tokens are shown")
    return markup.block(show.pieces(first).data)
