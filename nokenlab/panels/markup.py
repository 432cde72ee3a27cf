"""HTML for the panels: all text escaped, in the theme's own colours, and nothing told by colour alone."""

from collections.abc import Iterable
from html import escape

import pandas as pd

from nokenlab.figures.style import OKABE_ITO, spelled

STYLE = """<style>
.nk { color: var(--jp-ui-font-color1, #212121); overflow-wrap: anywhere;
  font: 14px/1.5 var(--jp-ui-font-family, system-ui, sans-serif) }
.nk-answer { font-size: 18px; line-height: 1.45; white-space: pre-wrap; min-height: 2.9em; margin: 4px 0 8px }
.nk-before { color: var(--jp-ui-font-color2, #616161) }
.nk-quiet { color: var(--jp-ui-font-color2, #616161); font-size: 13px }
.nk-error { color: var(--jp-error-color1, #c62828); font-weight: 600 }
.nk-strip { position: relative; height: 30px; margin: 6px 8px 0 }
.nk-strip > span { position: absolute; top: 0; bottom: 0; box-sizing: border-box; text-align: center;
  line-height: 28px; border: 1px solid var(--jp-ui-font-color2, #616161); overflow: hidden; font-weight: 600 }
.nk-mark { position: relative; height: 20px; margin: 0 8px }
.nk-mark > span { position: absolute; transform: translateX(-50%); line-height: 20px; white-space: nowrap }
.nk-bars { display: grid; grid-template-columns: minmax(6em, max-content) 3.5em minmax(8em, 30em);
  column-gap: 10px; row-gap: 3px; align-items: center; margin: 4px 0 }
.nk-token { font-family: var(--jp-code-font-family, monospace); font-size: 13px;
  white-space: pre }
.nk-bar { height: 14px; min-width: 1px; background: #0072B2; border: 1px solid #56B4E9;
  box-sizing: border-box }
.nk-chance { display: grid; grid-template-columns: 3.5em 5.5em minmax(8em, 30em); column-gap: 6px;
  align-items: center; margin-left: 6px }
.nk-two .nk-bar { height: 9px; margin: 2px 0 }
.nk-hollow { background: none; border-color: #D55E00 }
.nk-chip { display: inline-block; margin: 2px 3px 2px 0; padding: 1px 6px; text-align: center;
  line-height: 1.35; border: 1px solid var(--jp-ui-font-color2, #616161); border-radius: 5px }
.nk-chip small { display: block; color: var(--jp-ui-font-color2, #616161) }
.nk-number { text-align: right; font-variant-numeric: tabular-nums }
.nk table { border-collapse: collapse; margin: 4px 0; color: inherit }
.nk th, .nk td { padding: 2px 10px; text-align: left; vertical-align: top; color: inherit;
  overflow-wrap: normal;
  border-bottom: 1px solid var(--jp-border-color2, #bdbdbd) }
.nk a { color: var(--jp-content-link-color, #0645ad); text-decoration: underline }
</style>"""


def block(inside: str, kind: str = "") -> str:
    """HTML in the panels' look."""
    return f'<div class="{f"nk {kind}".strip()}">{inside}</div>'


def quiet(text: str, kind: str = "") -> str:
    """A line of less weight."""
    return block(escape(text), f"nk-quiet {kind}".strip())


def error(message: str) -> str:
    """One red line that says that it is an error."""
    shown = message if len(message) <= 400 else message[:400] + " …"
    return f'<div class="nk nk-error" role="alert">✗ Error: {escape(spelled(shown))}</div>'


def answer(text: str, before: str = "", going: bool = False) -> str:
    """What the model says after the prompt `before`: spaces and line ends kept; ▌ while it is `going` on."""
    said = f'<span class="nk-text">{escape(text)}</span>'
    if not text and not going:
        said = (
            '<span class="nk-text"></span><span class="nk-quiet"> (nothing: the model ended the text)</span>'
        )
    cursor = '<span aria-hidden="true">▌</span>' if going else ""
    return block(f'<span class="nk-before">{escape(before)}</span>{said}{cursor}', "nk-answer")


def token(text: str) -> str:
    """A token on one line: ␣ for each space, newlines and the like spelled out."""
    return escape(visible(text))


def visible(text: str) -> str:
    """A token as plain text on one line, for the label of a button."""
    return spelled(text).replace(" ", "␣") or "(empty)"


def bars(tokens: Iterable[str], probabilities: Iterable[float]) -> str:
    """Tokens with their probabilities, a bar each from 0 to 1."""
    rows = (
        f'<span class="nk-token">{token(text)}</span><span class="nk-number">{value:.3f}</span>'
        f'<div class="nk-bar" style="width:{100 * value:.1f}%"></div>'
        for text, value in zip(tokens, probabilities, strict=True)
    )
    return block("".join(rows), "nk-bars")


def chance(probability: float, drawn: float) -> str:
    """The model's probability of a token, and the chance that it is drawn: two bars and their numbers."""
    told = f"→ {drawn:.3f}" if drawn else "→ ruled out"
    return block(
        f'<span class="nk-number">{probability:.3f}</span><span class="nk-quiet">{told}</span>'
        '<div class="nk-two">'
        f'<div class="nk-bar" style="width:{100 * probability:.1f}%"></div>'
        f'<div class="nk-bar nk-hollow" style="width:{100 * drawn:.1f}%"></div></div>',
        "nk-chance",
    )


def chip(text: str, below: str) -> str:
    """A token in a frame, with a word about it below."""
    seen = f'<span class="nk-token">{token(text)}</span>'
    return f'<span class="nk-chip">{seen}<small>{escape(below)}</small></span>'


def letters(responses: Iterable[str]) -> dict[str, str]:
    """A letter for each different text, in the order they come: A, B, … Z, A1, …"""
    different = dict.fromkeys(responses)
    return {text: chr(65 + i % 26) + (str(i // 26) if i >= 26 else "") for i, text in enumerate(different)}


def strip(runs: pd.DataFrame, names: dict[str, str]) -> str:
    """The plateaus of one way, from `lerps.plateaus`: a block a plateau, its letter in it."""
    edges = ((runs["p_to"] + runs["p_from"].shift(-1)) / 2).iloc[:-1].tolist()
    low, high = runs["p_from"].min(), runs["p_to"].max()
    blocks = []
    for left, right, text in zip([low, *edges], [*edges, high], runs["response"], strict=True):
        start, share = place(left, low, high), place(right, low, high) - place(left, low, high)
        colour = OKABE_ITO[list(names).index(text) % 7]
        name = names[text] if share > 2 else ""
        blocks.append(
            f'<span style="left:{start:.2f}%;width:{share:.2f}%;background:{colour}55" '
            f'title="{names[text]}: {escape(text)}">{name}</span>'
        )
    label = f"{len(runs)} plateaus from p = {low:g} to {high:g}"
    return f'<div class="nk nk-strip" role="img" aria-label="{label}">{"".join(blocks)}</div>'


def mark(p: float, low: float, high: float) -> str:
    """A pointer at p, to stand below a strip from low to high."""
    return f'<div class="nk nk-mark"><span style="left:{place(p, low, high):.2f}%">▲</span></div>'


def place(p: float, low: float, high: float) -> float:
    """Where p is between low and high, in percent."""
    return 100 * (p - low) / (high - low) if high > low else 50.0
