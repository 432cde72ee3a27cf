"""A slider between two prompts: every blend answered beforehand, so that the slider only turns pages."""

from functools import partial

import ipywidgets as w
import pandas as pd

from nokenlab.experiments import lerp
from nokenlab.interpolation import WAYS
from nokenlab.lab import Lab
from nokenlab.panels import lerp_slider_pages as html
from nokenlab.panels import markup
from nokenlab.panels.panel import Panel, check_prompt, row, watched

PAGES = 201  # at most; of a finer sweep every second p, or third, …
FORK_ROWS = 64  # that are run at once to find where the blends part


class LerpSlider(Panel):
    """Slide from one prompt to the other and see what the model says.

    `sweep` is from `lerp.blend`, `leading` from `lerp.leading_along`, both of these prompts; each may
    have several ways, all with the same p. Nothing is computed until other prompts, or another way of
    `interpolation.WAYS`, are blended, over the same p.
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
        self.ways = list(dict.fromkeys([*sweep["way"], *WAYS]))
        self.views = {
            way: html.view(lab, self.prompts, along[along["p"].isin(self.p)], leading[leading["way"] == way])
            for way, along in sweep.groupby("way", sort=False)
        }

    def build(self) -> list[w.Widget]:
        wide = w.Layout(width="min(100%, 480px)")
        self.a, self.b = (
            w.Text(text, description=name, layout=wide, continuous_update=False)
            for text, name in zip(self.prompts, ("from, p = 0", "to, p = 1"), strict=True)
        )
        go = w.Button(description="Blend", icon="refresh", tooltip="answer all blends of the two prompts")
        halt = w.Button(description="Stop", icon="stop", tooltip="end a blend that is being made")
        go.on_click(lambda _: self.blend())
        halt.on_click(self.stop)
        self.progress = w.IntProgress(layout=w.Layout(width="160px", visibility="hidden"))
        self.way = w.ToggleButtons(options=self.ways, tooltips=[WAYS[way].tip for way in self.ways])
        self.way.style.button_width = "auto"
        self.way.observe(lambda change: change["new"] in self.views or self.blend(), "value")
        self.slider = w.SelectionSlider(
            options=[f"{p:g}" for p in self.p], description="p", layout=w.Layout(flex="1 1 300px")
        )
        last = len(self.p) - 1
        play = w.Play(max=last, interval=max(20, 6000 // (last + 1)), show_repeat=False)
        w.jslink((play, "value"), (self.slider, "index"))
        return [
            self.a,
            row(self.b, go, halt, self.progress),
            row(self.way, play, self.slider),
            self._stack(),
        ]

    def _stack(self) -> w.Stack:
        """All pages of all ways, of which the slider and the buttons show one; the browser does it alone."""
        same, style = w.Layout(width="100%"), w.HTML().style  # shared, for there are hundreds of pages
        self.strips = {way: w.HTML(layout=same) for way in self.ways}
        self.pages = {way: [w.HTML(layout=same, style=style) for _ in self.p] for way in self.ways}
        shown = []
        for way in self.ways:
            pages = w.Stack(self.pages[way], selected_index=0, layout=w.Layout(min_height="270px"))
            w.jslink((self.slider, "index"), (pages, "selected_index"))
            shown.append(w.VBox([self.strips[way], pages]))
            self._show(way)
        stack = w.Stack(shown, selected_index=0)
        w.jslink((self.way, "index"), (stack, "selected_index"))
        return stack

    def blend(self) -> None:
        """Answer all blends of the prompts that are typed, along the chosen way."""
        self.latest.ask(partial(self._blend, (self.a.value, self.b.value), self.way.value))

    def twin(self) -> str:
        return html.without_kernel(self.views)

    def _blend(self, prompts: tuple[str, str], way: str, check) -> None:
        self.say()
        for prompt in prompts:
            check_prompt(self.lab, prompt)
        rows, tokens = len(self.p), self.max_new_tokens
        passes = tokens * (-(-rows // self.lab.rows_at_once) + -(-rows // FORK_ROWS))
        self.progress.value, self.progress.max = 0, passes
        self.progress.layout.visibility = "visible"

        def at_token(step) -> None:
            check()
            self.progress.value += 1
            self.say(f"answering {rows} blends: pass {self.progress.value} of {passes} at most")

        try:
            lab = watched(self.lab, at_token)
            sweep = lerp.blend(lab, *prompts, self.p, way, tokens)
            leading = lerp.leading_along(lab, *prompts, self.p, way, walk=tokens - 1, batch_size=FORK_ROWS)
            others = self.views if prompts == self.prompts else {}
            self.views = others | {way: html.view(self.lab, prompts, sweep, leading)}
            self.prompts = prompts
            for name in self.ways:
                self._show(name)
            self.say(f"{rows} blends answered")
        finally:
            self.progress.layout.visibility = "hidden"

    def _show(self, way: str) -> None:
        view = self.views.get(way)
        self.strips[way].value = view["strip"] if view else ""
        missing = markup.quiet(f"Nothing blended along {way} yet: press Blend.")
        texts = view["pages"] if view else [missing] * len(self.p)
        for page, text in zip(self.pages[way], texts, strict=True):
            page.value = text
