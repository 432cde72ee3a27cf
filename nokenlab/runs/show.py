"""Tokens and tables for a notebook page: HTML in which every text is escaped and every space can be seen."""

import html
from itertools import cycle
from numbers import Integral, Real

import pandas as pd
from IPython.display import HTML
from pandas.api.types import is_numeric_dtype

from nokenlab.palette import OKABE_ITO
from nokenlab.spelling import spelled, spelled_token

_FRAME = (
    "display:inline-block;margin:2px 1px;padding:1px 5px;border:2px solid {0};border-radius:5px;"
    "background:{0}33;text-align:center;line-height:1.3;font-family:monospace;white-space:pre"
)


def token_frames(pieces: pd.DataFrame) -> HTML:
    """Texts as their tokens, each token in a frame with its id below; ␣ is a space.

    `pieces` has one row per token: text, token, id. Letters have the page's own colour and the tints are
    thin, so that light and dark pages can be read alike.
    """
    return HTML("".join(_text(text, table) for text, table in pieces.groupby("text", sort=False)))


def frames(tokens: pd.DataFrame) -> str:
    """The frames alone of the rows of a table of tokens, as HTML."""
    return "".join(map(_frame, tokens["token"], tokens["id"], cycle(OKABE_ITO[:6])))  # no yellow, no black


def table(df: pd.DataFrame) -> HTML:
    """A table with complete texts, on the left, and numbers to four digits; ␣ for a space at either end."""
    names = zip(df.columns, df.dtypes, strict=True)
    head = "".join(_cell(str(name), "th", _side(is_numeric_dtype(dtype))) for name, dtype in names)
    rows = ("".join(map(_cell, row)) for row in df.itertuples(index=False, name=None))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return HTML(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _text(text: str, table: pd.DataFrame) -> str:
    count = "1 token" if len(table) == 1 else f"{len(table)} tokens"
    title = f"{html.escape(spelled(repr(text)))}</bdi> · {count}"
    return (
        '<div style="display:inline-block;margin:6px 28px 6px 0;vertical-align:top" dir="ltr">'
        f'<div style="opacity:0.75;white-space:pre-wrap"><bdi>{title}</div>{frames(table)}</div>'
    )


def _frame(token: str, id: int, colour: str) -> str:
    shown = html.escape(spelled_token(token))
    return f'<span style="{_FRAME.format(colour)}"><bdi>{shown}</bdi><br><small>{id}</small></span>'


def _cell(value: object, tag: str = "td", side: str | None = None) -> str:
    side = side or _side(not isinstance(value, str))
    return f'<{tag} style="text-align:{side};white-space:pre-wrap">{html.escape(_seen(value))}</{tag}>'


def _side(number: bool) -> str:
    return "right" if number else "left"


def _seen(value: object) -> str:
    if isinstance(value, Real) and not isinstance(value, Integral):  # numpy's too
        return f"{value:#.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    if not isinstance(value, str):
        return "" if value is None or value is pd.NA else str(value)
    core = value.strip(" ")
    left = len(value) - len(value.lstrip(" "))
    return spelled("␣" * left + core + "␣" * (len(value) - left - len(core)))
