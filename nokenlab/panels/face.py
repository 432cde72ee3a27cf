"""A panel's face: one ES module, live in JupyterLab through anywidget, or inlined in a page without a kernel.

`NAME.js` beside this file says `export default { render({ model, el }) { … } }` and imports nothing; it may
call the functions of `elements.js`. It reads its state by `model.get(key)`; `live` says whether a kernel
listens. Its styles are in `panels.css`, and in `NAME.css` where there is one. A face of another folder is
named by its path, without `.js`.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anywidget import AnyWidget

FOLDER = Path(__file__).parent
CSS = (FOLDER / "panels.css").read_text(encoding="utf-8")  # of every panel
ELEMENTS = (FOLDER / "elements.js").read_text(encoding="utf-8")
SHOW = (FOLDER / "face.js").read_text(encoding="utf-8")  # shows the panel without a kernel


def live(name: str, /, **state) -> AnyWidget:
    """The face as a widget: each entry of `state`, JSON, is a trait, the same here and in the browser.

    `observe` reports what the browser sets, `on_msg` what it sends by `model.send`.
    """
    from anywidget import AnyWidget
    from traitlets import Any

    traits = {key: Any(value).tag(sync=True) for key, value in (state | {"live": True}).items()}
    return type(name, (AnyWidget,), {"_esm": module(name), "_css": CSS + style(name), **traits})()


def page(name: str, still: str, /, **state) -> str:
    """The face as HTML that needs no kernel and no network; `still` is shown where scripts do not run.

    Raises ValueError for a state that JSON cannot hold, such as NaN.
    """
    data = json.dumps(state | {"live": False}, allow_nan=False, separators=(",", ":"))
    inert = data.replace("<", "\\u003c")  # no tag or comment can begin; json.dumps escapes all but ASCII
    return (
        f'<div class="nk nk-page"><style>{CSS}{style(name)}</style><div class="nk-still">{still}</div>'
        f'<script type="application/json">{inert}</script>'
        f'<script type="text/plain">{module(name)}</script>'
        f"<script>{SHOW}</script></div>"
    )


def quiet(text: str) -> str:
    """A line in a smaller, paler font, as HTML."""
    return f'<div class="nk-quiet">{escape(text)}</div>'


def module(name: str) -> str:
    """The face's module, after the functions of `elements.js`. ValueError if it would end its own script."""
    source = ELEMENTS + (FOLDER / f"{name}.js").read_text(encoding="utf-8")
    if "</script" in source or "<!--" in source:
        raise ValueError(f"{name}.js would end the script that it is inlined in; write '<' + '/script'")
    return source


def style(name: str) -> str:
    """The face's own CSS, beside that of every panel; "" where it has none."""
    path = FOLDER / f"{name}.css"
    return path.read_text(encoding="utf-8") if path.exists() else ""
