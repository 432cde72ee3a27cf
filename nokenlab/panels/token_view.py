"""A box to type in, with the tokens of what is typed."""

from functools import partial

from nokenlab.embedder import Embedder
from nokenlab.panels.face import quiet
from nokenlab.panels.panel import Panel
from nokenlab.runs import show

SHOWN = 300  # tokens; more would be a wall of frames


class TokenView(Panel):
    """Type, and see the tokens as you type."""

    name = "token_view"

    def __init__(self, lab: Embedder, text: str = "Hello world :)"):
        super().__init__(lab)
        self.text = text

    def state(self) -> dict:
        return {"text": self.text, "frames": self.still()}

    def still(self) -> str:
        """How many tokens the text has, and the first of them in frames."""
        if not self.text:
            return quiet("Type something: its tokens are shown here.")
        tokens = self.lab.tokens(self.text)
        limit = f", first {SHOWN} shown" if len(tokens) > SHOWN else ""
        count = "1 token" if len(tokens) == 1 else f"{len(tokens):,} tokens{limit}"
        return quiet(count) + show.frames(tokens.head(SHOWN))

    def begin(self) -> None:
        self.face.observe(lambda change: self.latest.ask(partial(self._show, change["new"]), "text"), "text")

    def _show(self, text: str, check) -> None:
        self.text = text
        self.update(frames=self.still())
        self.say()
