"""What the tests of panels share."""

import json
import re
from pathlib import Path

import pandas as pd

import nokenlab as nl
from nokenlab.answers import blends

HELPERS = Path(__file__).parent
EVIL = "<script>alert('x')</script> & <b>\"bold\"</b>"
WORST = (  # what ends scripts, tags, lines and strings
    "</script><script>document.title = 'taken over'</script><!-- \u2028 \u2029 "
    "'a' \"b\" \\ שלום 🙂 \x00 \ud83d"
)
A, B = "White whippets are", "Black whippets are"
P = [0.0, 0.25, 0.5, 1.0]
WAIT = 60  # seconds, at most


def is_escaped(markup: str) -> bool:
    """Whether EVIL, which is in the markup, adds no tag, and no quote of it ends an attribute early."""
    if "&lt;script&gt;" not in markup or "<script" in markup or "<b>" in markup:
        return False
    return not re.search(r'="[^"]*"[^ >/]', markup)


def page_state(panel) -> dict:
    """The state in a panel's page without a kernel. It can end no script, and the page is always the same."""
    page = panel.twin()
    (data,) = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    state = json.loads(data)
    assert "<" not in data and data.isascii() and not state["live"] and panel.twin() == page
    return state


def lerp_slider(lab):
    """A lerp slider with two interpolations, and its two tables."""
    sweep = pd.concat([blends.blend(lab, A, B, P, name, 4) for name in ("lerp", "slerp")])
    leading = pd.concat([blends.leading_along(lab, A, B, P, name, walk=3) for name in ("lerp", "slerp")])
    return nl.LerpSlider(lab, A, B, sweep, leading, 4), sweep, leading


def settled(panel):
    """The panel once nothing runs in it."""
    assert panel.latest.join(WAIT)
    return panel


def all_widgets() -> list:
    """Every widget that lives in this process."""
    from ipywidgets.widgets.widget import _instances

    return list(_instances.values())
