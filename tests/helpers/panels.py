"""What the tests of panels share."""

import html
import re
from pathlib import Path

import pandas as pd

import nokenlab as nl
from nokenlab.answers import blends as lerp

HELPERS = Path(__file__).parent
EVIL = "<script>alert('x')</script> & <b>\"bold\"</b>"
WORST = (  # what ends scripts, tags, lines and strings
    "</script><script>document.title = 'taken over'</script><!-- \u2028 \u2029 "
    "'a' \"b\" \\ שלום 🙂 \x00 \ud83d"
)
A, B = "White whippets are", "Black whippets are"
P = [0.0, 0.25, 0.5, 1.0]
WAIT = 60  # seconds, for what takes none


def text_of(markup: str) -> str:
    """What a reader sees of the model's text in a panel's HTML."""
    (said,) = re.findall(r'<span class="nk-text">(.*?)</span>', markup, re.DOTALL)
    return html.unescape(said)


def is_escaped(markup: str) -> bool:
    """Whether no part of EVIL, which is in it, is HTML, and no quote of it ends an attribute early."""
    whole = "&lt;script&gt;" in markup and "<script" not in markup and "<b>" not in markup
    return whole and not re.search(r'="[^"]*"[^ >/]', markup)


def lerp_slider(lab):
    """A lerp slider with both ways, and its two tables."""
    sweep = pd.concat([lerp.blend(lab, A, B, P, way, 4) for way in ("lerp", "slerp")])
    leading = pd.concat([lerp.leading_along(lab, A, B, P, way, walk=3) for way in ("lerp", "slerp")])
    return nl.LerpSlider(lab, A, B, sweep, leading, 4), sweep, leading


def settled(panel):
    """The panel once nothing runs in it."""
    assert panel.latest.join(WAIT)
    return panel


def all_widgets() -> list:
    """Every widget that lives in this process."""
    from ipywidgets.widgets.widget import _instances

    return list(_instances.values())
