"""A panel's face: one ES module, alive in JupyterLab through anywidget, or inlined in a page with no kernel.

`NAME.js` beside this file says `export default { render({ model, el }) { … } }` and imports nothing; the
functions of `elements.js` are there. It reads the state by `model.get(key)`, of which `live` is whether a
kernel listens. `panels.css` is its look, and `NAME.css` where there is one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nokenlab.panels.markup import block

if TYPE_CHECKING:
    from anywidget import AnyWidget

FOLDER = Path(__file__).parent
ELEMENTS = (FOLDER / "elements.js").read_text(encoding="utf-8")
STAND_IN = (FOLDER / "face.js").read_text(encoding="utf-8")  # shows the panel without a kernel


def live(name: str, /, **state) -> AnyWidget:
    """The face as a widget: a trait for each entry of `state`, JSON, the same here and in the browser.

    `observe` hears what the browser sets, `on_msg` what it sends by `model.send`.
    """
    from anywidget import AnyWidget
    from traitlets import Any

    traits = {key: Any(value).tag(sync=True) for key, value in (state | {"live": True}).items()}
    return type(name, (AnyWidget,), {"_esm": module(name), "_css": style(name), **traits})()


def page(name: str, still: str, /, **state) -> str:
    """The face as HTML that needs no kernel and no network; `still` stands there where scripts do not run.

    Raises ValueError for a state that JSON has no words for, NaN among them.
    """
    data = json.dumps(state | {"live": False}, allow_nan=False, separators=(",", ":"))
    return block(
        f'<style>{style(name)}</style><div class="nk-still">{still}</div>'
        f'<script type="application/json">{_inert(data)}</script>'
        f'<script type="text/plain">{module(name)}</script>'
        f"<script>{STAND_IN}</script>"
    )


def module(name: str) -> str:
    """The face's module, the functions of `elements.js` in front. ValueError if it would end its script."""
    source = ELEMENTS + (FOLDER / f"{name}.js").read_text(encoding="utf-8")
    if "</script" in source or "<!--" in source:
        raise ValueError(f"{name}.js would end the script that it is inlined in; write '<' + '/script'")
    return source


def style(name: str) -> str:
    """The face's own CSS, beside that of every panel; "" where it has none."""
    path = FOLDER / f"{name}.css"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _inert(data: str) -> str:
    """JSON in which no tag and no comment can begin. json.dumps has left ASCII alone, so no U+2028 either."""
    return data.replace("<", "\\u003c")
