"""Tokens and tables for a notebook page: HTML in which every text is escaped and every space can be seen."""

import html
from collections.abc import Iterable

import pandas as pd
from IPython.display import HTML

from .style import OKABE_ITO, spelled

_PIECE = (
    "display:inline-block;margin:2px 1px;padding:1px 5px;border:2px solid {0};border-radius:5px;"
    "background:{0}33;text-align:center;line-height:1.3;font-family:monospace;white-space:pre"
)


def pieces(tokens: pd.DataFrame) -> HTML:
    """Texts as their tokens, from a `texts.tokens_of` table: a framed piece a token, its id below it.

    ␣ is a space. Letters have the page's own colour and the tints are thin, so that light and dark pages
    can be read alike.
    """
    return HTML("".join(_text(text, table) for text, table in tokens.groupby("text", sort=False)))


def table(df: pd.DataFrame) -> HTML:
    """A table with its texts whole, on the left, and numbers to four digits; ␣ for a space at either end."""
    head = "".join(f'<th style="text-align:left">{html.escape(str(name))}</th>' for name in df.columns)
    rows = ("".join(map(_cell, row)) for row in df.itertuples(index=False, name=None))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _text(text: str, table: pd.DataFrame) -> str:
    tokens = "".join(map(_piece, table["token"], table["id"], _colours()))
    label = f"{html.escape(spelled(text))}"
    return (
        f'<div style="margin:10px 0" dir="ltr"><div style="opacity:0.75"><bdi>{label}</bdi> · '
        f"{len(table)} token{'s' * (len(table) != 1)}</div>{tokens}</div>"
    )


def _piece(token: str, id: int, colour: str) -> str:
    seen = html.escape(spelled(token).replace(" ", "␣"))
    return f'<span style="{_PIECE.format(colour)}"><bdi>{seen}</bdi><br><small>{id}</small></span>'


def _colours() -> Iterable[str]:
    while True:
        yield from OKABE_ITO[:6]  # without yellow, which is no border on white, and black


def _cell(value: object) -> str:
    if value is pd.NA or value is None:
        return "<td></td>"
    if isinstance(value, str):
        seen = html.escape(_ends(spelled(value)))
        return f'<td style="text-align:left;white-space:pre-wrap">{seen}</td>'
    seen = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f'<td style="text-align:right">{seen}</td>'


def _ends(text: str) -> str:
    core = text.strip(" ")
    left = len(text) - len(text.lstrip(" "))
    return "␣" * left + core + "␣" * (len(text) - left - len(core))
