"""A slider between two prompts: every blend answered beforehand, so that the slider only turns pages."""

from functools import partial

import ipywidgets as w
import pandas as pd

from nokenlab.answers import blends as lerp
from nokenlab.interpolation import INTERPOLATIONS
from nokenlab.lab import Lab
from nokenlab.panels import face, lerp_slider_view
from nokenlab.panels.panel import Panel, check_prompt, watched

PAGES = 201  # at most; of a finer sweep every second p, or third, …
FORK_ROWS = 64  # that are run at once to find where the blends part


class LerpSlider(Panel):
    """Slide from one prompt to the other and see what the model says.

    `sweep` is from `lerp.blend`, `leading` from `lerp.leading_along`, both of these prompts; each may
    have several ways, all with the same p. Nothing is computed until other prompts, or another way of
    `INTERPOLATIONS`, are blended, over the same p.
    """

    def __init__(
        self,
        lab: Lab,
        prompt_a: str,
        prompt_b: str,
        sweep: pd.DataFrame,
        leading: pd.DataFrame,
        max_new_tokens: int = 20,
    ):
        super().__init__(lab)
        self.prompts, self.max_new_tokens = (prompt_a, prompt_b), max_new_tokens
        every = sorted(sweep["p"].unique().tolist())
        self.p = every[:: -(-len(every) // PAGES)]
        parts = {way: along[along["p"].isin(self.p)] for way, along in sweep.groupby("way", sort=False)}
        self.views = {
            way: lerp_slider_view.view(lab, self.prompts, along, leading[leading["way"] == way])
            for way, along in parts.items()
        }

    def build(self) -> list[w.Widget]:
        ways = dict.fromkeys([*self.views, *INTERPOLATIONS])
        self.face = face.live("lerp_slider", **self._state(ways), prompts=list(self.prompts), progress=[0, 0])
        self.face.on_msg(lambda widget, content, buffers: self._hear(content))
        return [self.face]

    def twin(self) -> str:
        return face.page("lerp_slider", lerp_slider_view.still(self.views), **self._state(self.views))

    def _state(self, ways) -> dict:
        """The face as it first stands, with a button for each of `ways`."""
        buttons = [
            {"name": way, "tip": INTERPOLATIONS[way].tip if way in INTERPOLATIONS else ""} for way in ways
        ]
        return {"ways": buttons, "views": self.views, "way": next(iter(self.views)), "index": 0}

    def _hear(self, content: dict) -> None:
        """A wish from the page."""
        if "blend" in content:
            self.blend(*content["blend"], content["way"])
        else:
            self.stop()

    def blend(self, prompt_a: str, prompt_b: str, way: str = "lerp") -> None:
        """Answer all blends of two prompts along a way, and show them."""
        self.latest.ask(partial(self._blend, (prompt_a, prompt_b), way))

    def _blend(self, prompts: tuple[str, str], way: str, check) -> None:
        self.say()
        for prompt in prompts:
            check_prompt(self.lab, prompt)
        rows, tokens = len(self.p), self.max_new_tokens
        passes = tokens * (-(-rows // self.lab.rows_at_once) + -(-rows // FORK_ROWS))
        self.face.progress = done = [0, passes]

        def at_token(step) -> None:
            nonlocal done
            check()
            self.face.progress = done = [done[0] + 1, passes]
            self.say(f"answering {rows} blends: pass {done[0]} of {passes} at most")

        try:
            lab = watched(self.lab, at_token)
            sweep = lerp.blend(lab, *prompts, self.p, way, tokens)
            leading = lerp.leading_along(lab, *prompts, self.p, way, walk=tokens - 1, batch_size=FORK_ROWS)
            view = lerp_slider_view.view(self.lab, prompts, sweep, leading)
            check()
            others = self.views if prompts == self.prompts else {}
            self.prompts, self.views = prompts, others | {way: view}
            self.face.views = self.views
            self.say(f"{rows} blends answered")
        finally:
            self.face.progress = [0, 0]
