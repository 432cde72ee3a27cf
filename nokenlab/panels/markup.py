"""HTML for the panels: all text escaped, in the theme's own colours, and nothing told by colour alone."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from nokenlab.style import spelled

CSS = Path(__file__).with_name("panels.css").read_text(encoding="utf-8")
STYLE = f"<style>\n{CSS}</style>"


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
        said += '<span class="nk-quiet"> (nothing: the model ended the text)</span>'
    cursor = '<span aria-hidden="true">▌</span>' if going else ""
    return block(f'<span class="nk-before">{escape(before)}</span>{said}{cursor}', "nk-answer")


def visible(token: str) -> str:
    """A token as plain text on one line: ␣ for each space, newlines and the like spelled out."""
    return spelled(token).replace(" ", "␣") or "(empty)"


def bars(tokens: Iterable[str], probabilities: Iterable[float]) -> str:
    """Tokens with their probabilities, a bar each from 0 to 1."""
    rows = (
        f'{_token(token)}<span class="nk-number">{value:.3f}</span>'
        f'<div class="nk-bar" style="width:{100 * value:.1f}%"></div>'
        for token, value in zip(tokens, probabilities, strict=True)
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


def chip(token: str, below: str) -> str:
    """A token in a frame, with a word about it below."""
    return f'<span class="nk-chip">{_token(token)}<small>{escape(below)}</small></span>'


def _token(token: str) -> str:
    return f'<span class="nk-token">{escape(visible(token))}</span>'
