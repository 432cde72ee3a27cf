"""HTML for the panels: all text escaped, in the theme's own colours, and no meaning by colour alone."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from nokenlab.spelling import spelled, spelled_token

CSS = Path(__file__).with_name("panels.css").read_text(encoding="utf-8")
STYLE = f"<style>\n{CSS}</style>"


def block(html: str, kind: str = "") -> str:
    """HTML in the panels' look."""
    return f'<div class="{f"nk {kind}".strip()}">{html}</div>'


def quiet(text: str) -> str:
    """A line in a smaller, paler font."""
    return block(escape(text), "nk-quiet")


def error(message: str) -> str:
    """One red line that begins with "Error"."""
    shown = message if len(message) <= 400 else message[:400] + " …"
    return f'<div class="nk nk-error" role="alert">✗ Error: {escape(spelled(shown))}</div>'


def answer(text: str, before: str = "", running: bool = False) -> str:
    """The model's text after the prompt `before`, spaces and newlines kept; then ▌ while it is `running`."""
    html = f'<span class="nk-before">{escape(before)}</span><span class="nk-text">{escape(text)}</span>'
    if running:
        html += '<span aria-hidden="true">▌</span>'
    elif not text:
        html += '<span class="nk-quiet"> (nothing: the model ended the text)</span>'
    return block(html, "nk-answer")


def visible(token: str) -> str:
    """A token as plain text on one line: ␣ for each space, newlines and the like spelled out."""
    return spelled_token(token) or "(empty)"


def bars(tokens: Iterable[str], probabilities: Iterable[float]) -> str:
    """Tokens with their probabilities, each with a bar from 0 to 1."""
    rows = (
        f'{_token(token)}<span class="nk-number">{probability:.3f}</span>{_bar(probability)}'
        for token, probability in zip(tokens, probabilities, strict=True)
    )
    return block("".join(rows), "nk-bars")


def chance(probability: float, drawn: float) -> str:
    """The model's probability of a token, and its chance of being drawn: two numbers and their bars."""
    chance = f"→ {drawn:.3f}" if drawn else "→ ruled out"
    return block(
        f'<span class="nk-number">{probability:.3f}</span><span class="nk-quiet">{chance}</span>'
        f'<div class="nk-two">{_bar(probability)}{_bar(drawn, " nk-hollow")}</div>',
        "nk-chance",
    )


def chip(token: str, below: str) -> str:
    """A token in a frame, with a few words below it."""
    return f'<span class="nk-chip">{_token(token)}<small>{escape(below)}</small></span>'


def _token(token: str) -> str:
    return f'<span class="nk-token">{escape(visible(token))}</span>'


def _bar(share: float, kind: str = "") -> str:
    return f'<div class="nk-bar{kind}" style="width:{100 * share:.1f}%"></div>'
