"""What the lerp slider shows, as HTML: the plateaus with a pointer at p, the answer and the next tokens."""

import json
from html import escape
from pathlib import Path

import pandas as pd

from nokenlab.experiments import lerp
from nokenlab.figures.style import OKABE_ITO
from nokenlab.lab import Lab
from nokenlab.panels import markup
from nokenlab.runs import show

SCRIPT = Path(__file__).with_name("lerp_slider.js").read_text(encoding="utf-8").strip()


def view(lab: Lab, prompts: tuple[str, str], sweep: pd.DataFrame, leading: pd.DataFrame) -> dict:
    """One way as HTML: p and pages (one a p), strip, to stand above them, and still, the plateaus as a table.

    `sweep` is the way's rows of a `lerp.blend` table, `leading` its rows of `lerp.leading_along`.
    """
    sweep = sweep.sort_values("p", kind="stable")
    runs, letters = lerp.plateaus(sweep), lerp.letters(sweep["response"])
    before, leading = _common(lab, prompts), dict(iter(leading.groupby("p")))
    title = markup.quiet(f"{sweep['way'].iloc[0]}: from “{prompts[0]}” to “{prompts[1]}”")
    return {
        "p": [f"{p:g}" for p in sweep["p"]],
        "strip": title + strip(runs, letters),
        "pages": [_page(row, runs, letters, before, leading.get(row.p)) for row in sweep.itertuples()],
        "still": title + _still(runs, letters),
    }


def without_kernel(views: dict[str, dict]) -> str:
    """The slider in plain HTML and a few lines of script; without scripts the plateaus as tables.

    `views` has a `view` for each way, at least one.
    """
    options = "".join(f"<option>{escape(way)}</option>" for way in views)
    data = json.dumps(list(views.values())).replace("<", "\\u003c")
    still = "".join(view["still"] for view in views.values())
    last = len(next(iter(views.values()))["p"]) - 1
    return markup.block(
        f'<div class="nk-live" hidden><label>way <select>{options}</select></label> &nbsp; '
        f'<label>p <input type="range" min="0" max="{last}" step="1" value="0" '
        'style="width:60%;vertical-align:middle"></label> <output></output>'
        '<div class="nk-page"></div></div>'
        f'<div class="nk-still">{still}</div><script type="application/json">{data}</script>'
        f"<script>{SCRIPT}</script>"
    )


def strip(runs: pd.DataFrame, letters: dict[str, str]) -> str:
    """The plateaus of one way, from `lerp.plateaus`: a block a plateau, the letter of its response in it."""
    edges = lerp.flips(runs)
    low, high = _ends(runs)
    blocks = []
    for left, right, text in zip([low, *edges], [*edges, high], runs["response"], strict=True):
        start, width = _percent(left, low, high), _percent(right, low, high) - _percent(left, low, high)
        colour = OKABE_ITO[list(letters).index(text) % 7]
        blocks.append(
            f'<span style="left:{start:.2f}%;width:{width:.2f}%;background:{colour}55" '
            f'title="{letters[text]}: {escape(text)}">{letters[text] if width > 2 else ""}</span>'
        )
    label = f"{len(runs)} plateaus from p = {low:g} to {high:g}"
    return f'<div class="nk nk-strip" role="img" aria-label="{label}">{"".join(blocks)}</div>'


def _page(row, runs: pd.DataFrame, letters: dict[str, str], before: str, leading: pd.DataFrame | None) -> str:
    """The page of one row of a sweep, its pointer to stand below the strip."""
    (run,) = runs[(runs["p_from"] <= row.p) & (row.p <= runs["p_to"])].itertuples()
    pointer = (
        f'<div class="nk nk-mark"><span style="left:{_percent(row.p, *_ends(runs)):.2f}%">▲</span></div>'
    )
    where = f"p = {row.p:g} · answer {letters[row.response]}, the same from {run.p_from:g} to {run.p_to:g}"
    said = markup.quiet(where, "nk-place") + markup.answer(row.response, before)
    return pointer + said + ("" if leading is None else _bars(leading))


def _ends(runs: pd.DataFrame) -> tuple[float, float]:
    return runs["p_from"].min(), runs["p_to"].max()


def _percent(p: float, low: float, high: float) -> float:
    """How far p is on the way from low to high; half way where they are one."""
    return 100 * (p - low) / (high - low) if high > low else 50.0


def _common(lab: Lab, prompts: tuple[str, str]) -> str:
    """What both prompts say, with ▢ for each token that is blended."""
    pairs = zip(*(lab.tokens(prompt)["token"] for prompt in prompts), strict=True)
    return "".join(a if a == b else "▢" for a, b in pairs)


def _bars(leading: pd.DataFrame) -> str:
    after = leading["after"].iloc[0]
    said = f"Next token, once all blends have said “{after}”:" if after else "Next token after the prompt:"
    return markup.quiet(said) + markup.bars(leading["token"], leading["probability"])


def _still(runs: pd.DataFrame, letters: dict[str, str]) -> str:
    p = [f"{run.p_from:g} to {run.p_to:g}" for run in runs.itertuples()]
    table = {"answer": runs["response"].map(letters), "p": p, "text": runs["response"]}
    return show.table(pd.DataFrame(table)).data
