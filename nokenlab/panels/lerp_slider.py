"""A slider between two prompts: every blend answered beforehand, so that the slider only turns pages."""

import json
from functools import partial
from html import escape

import ipywidgets as w
import pandas as pd

from nokenlab.experiments import lerp
from nokenlab.interpolation import WAYS
from nokenlab.panels import markup
from nokenlab.panels.panel import Panel, check_prompt, watched
from nokenlab.runs import show

PAGES = 201  # at most; of a finer sweep every second p, or third, …
SCRIPT = """<script>(function () {
  var box = document.currentScript.parentElement, find = function (kind) { return box.querySelector(kind) };
  var views = JSON.parse(find("script[type]").textContent), range = find("input"), way = find("select");
  function show() {
    var view = views[way.selectedIndex], i = Math.min(+range.value, view.pages.length - 1);
    range.max = view.pages.length - 1;
    range.setAttribute("aria-valuetext", "p = " + view.p[i]);
    find("output").textContent = view.p[i];
    find(".nk-page").innerHTML = view.strip + view.pages[i];
  }
  range.oninput = way.onchange = show;
  find(".nk-live").hidden = false; find(".nk-still").hidden = true;
  show();
})()</script>"""


class LerpSlider(Panel):
    """Slide from one prompt to the other and see what the model says.

    `sweep` is from `lerps.blend`, `leading` from `lerps.leading_along`, both of these prompts; each may
    have several ways, all with the same p. Nothing is computed until other prompts are blended, over
    the same p.
    """

    def __init__(
        self, lab, prompt_a, prompt_b, sweep: pd.DataFrame, leading: pd.DataFrame, max_new_tokens=20
    ):
        super().__init__(lab)
        self.prompts, self.max_new_tokens = (prompt_a, prompt_b), max_new_tokens
        every = sorted(sweep["p"].unique().tolist())
        self.p = every[:: -(-len(every) // PAGES)]
        self.ways = list(dict.fromkeys([*sweep["way"], *WAYS]))
        self.views = {
            way: view(lab, self.prompts, along[along["p"].isin(self.p)], leading[leading["way"] == way])
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
        self.progress = w.IntProgress(layout=w.Layout(width="160px", visibility="hidden"))
        self.way = w.ToggleButtons(options=self.ways, tooltips=[WAYS[way].tip for way in self.ways])
        self.way.style.button_width = "auto"
        last = len(self.p) - 1
        self.slider = w.SelectionSlider(
            options=[f"{p:g}" for p in self.p], description="p", layout=w.Layout(flex="1 1 300px")
        )
        play = w.Play(max=last, interval=max(20, 6000 // (last + 1)), show_repeat=False)
        same, style = w.Layout(width="100%"), w.HTML().style  # shared, for there are hundreds of pages
        self.strips = {way: w.HTML(layout=same) for way in self.ways}
        self.pages = {way: [w.HTML(layout=same, style=style) for _ in self.p] for way in self.ways}
        shown = []
        for way in self.ways:
            pages = w.Stack(self.pages[way], selected_index=0, layout=w.Layout(min_height="270px"))
            w.jslink((self.slider, "index"), (pages, "selected_index"))
            shown.append(w.VBox([self.strips[way], pages]))
        stack = w.Stack(shown, selected_index=0)
        w.jslink((self.way, "index"), (stack, "selected_index"))
        w.jslink((play, "value"), (self.slider, "index"))
        for way in self.ways:
            self._show(way)
        go.on_click(lambda _: self.blend())
        halt.on_click(self.stop)
        self.way.observe(lambda change: change["new"] in self.views or self.blend(), "value")
        return [
            self.a,
            w.HBox([self.b, go, halt, self.progress], layout=_wrap()),
            w.HBox([self.way, play, self.slider], layout=_wrap()),
            stack,
        ]

    def blend(self) -> None:
        """Answer all blends of the prompts that are typed, along the chosen way."""
        self.latest.ask(partial(self._blend, (self.a.value, self.b.value), self.way.value))

    def twin(self) -> str:
        """The slider in plain HTML and a few lines of script; without scripts the plateaus as tables."""
        options = "".join(f"<option>{escape(way)}</option>" for way in self.views)
        data = json.dumps(list(self.views.values())).replace("<", "\\u003c")
        still = "".join(view["still"] for view in self.views.values())
        return markup.block(
            f'<div class="nk-live" hidden><label>way <select>{options}</select></label> &nbsp; '
            f'<label>p <input type="range" min="0" max="{len(self.p) - 1}" step="1" value="0" '
            'style="width:60%;vertical-align:middle"></label> <output></output>'
            '<div class="nk-page"></div></div>'
            f'<div class="nk-still">{still}</div><script type="application/json">{data}</script>{SCRIPT}'
        )

    def _blend(self, prompts: tuple[str, str], way: str, check) -> None:
        self.say()
        for prompt in prompts:
            check_prompt(self.lab, prompt)
        rows, tokens = len(self.p), self.max_new_tokens
        passes = tokens * (-(-rows // self.lab.rows_at_once) + -(-rows // 64))  # the answers, then the fork
        self.progress.value, self.progress.max = 0, passes
        self.progress.layout.visibility = "visible"

        def at_token(step) -> None:
            check()
            self.progress.value += 1
            self.say(f"answering {rows} blends: pass {self.progress.value} of {passes} at most")

        try:
            lab = watched(self.lab, at_token)
            sweep = lerp.blend(lab, *prompts, self.p, way, self.max_new_tokens)
            leading = lerp.leading_along(lab, *prompts, self.p, way, walk=self.max_new_tokens - 1)
            self.views = {way: view(self.lab, prompts, sweep, leading)} | (
                {m: v for m, v in self.views.items() if m != way} if prompts == self.prompts else {}
            )
            self.prompts = prompts
            for name in self.ways:
                self._show(name)
            self.say(f"{len(self.p)} blends answered")
        finally:
            self.progress.layout.visibility = "hidden"

    def _show(self, way: str) -> None:
        found = self.views.get(way)
        self.strips[way].value = found["strip"] if found else ""
        missing = markup.quiet(f"Nothing blended along {way} yet: press Blend.")
        for page, text in zip(
            self.pages[way], found["pages"] if found else [missing] * len(self.p), strict=True
        ):
            page.value = text


def view(lab, prompts: tuple[str, str], sweep: pd.DataFrame, leading: pd.DataFrame) -> dict:
    """One way as HTML: strip, p and pages (one a p), and still, the plateaus as a table."""
    runs, names = lerp.plateaus(sweep), markup.letters(sweep.sort_values("p", kind="stable")["response"])
    low, high = runs["p_from"].min(), runs["p_to"].max()
    before = _common(lab, prompts)
    pages, labels = [], []
    tokens = dict(iter(leading.groupby("p")))
    for row in sweep.sort_values("p", kind="stable").itertuples():
        (run,) = runs[(runs["p_from"] <= row.p) & (row.p <= runs["p_to"])].itertuples()
        labels.append(f"{row.p:g}")
        where = f"p = {row.p:g} · answer {names[row.response]}, the same from {run.p_from:g} to {run.p_to:g}"
        pages.append(
            markup.mark(row.p, low, high)
            + markup.quiet(where, "nk-place")
            + markup.answer(row.response, before)
            + (_bars(tokens[row.p]) if row.p in tokens else "")
        )
    way = sweep["way"].iloc[0]
    title = f"{way}: from “{prompts[0]}” to “{prompts[1]}”"
    strip = markup.quiet(title) + markup.strip(runs, names)
    return {"p": labels, "strip": strip, "pages": pages, "still": markup.quiet(title) + _still(runs, names)}


def _common(lab, prompts: tuple[str, str]) -> str:
    """What both prompts say, with ▢ for each token that is blended."""
    pairs = zip(*(lab.tokens(prompt)["token"] for prompt in prompts), strict=True)
    return "".join(a if a == b else "▢" for a, b in pairs)


def _bars(along: pd.DataFrame) -> str:
    after = along["after"].iloc[0]
    said = f"Next token, once all blends have said “{after}”:" if after else "Next token after the prompt:"
    return markup.quiet(said) + markup.bars(along["token"], along["probability"])


def _still(runs: pd.DataFrame, names: dict[str, str]) -> str:
    table = pd.DataFrame(
        {
            "answer": runs["response"].map(names),
            "p": [f"{run.p_from:g} to {run.p_to:g}" for run in runs.itertuples()],
            "text": runs["response"],
        }
    )
    return show.table(table).data


def _wrap() -> w.Layout:
    return w.Layout(flex_flow="row wrap", align_items="center")
