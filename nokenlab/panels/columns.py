"""Panels of several models in columns that move together: what is chosen in one is chosen in all."""

from html import escape

import ipywidgets as w
from IPython.display import display


class Columns:
    """One panel per model, side by side; `panels` are of one class and one recipe (prompts, p, words, seed).

    What one face sends, every panel answers. The entries of `Panel.shared` are kept equal in the browser.
    """

    def __init__(self, panels: list):
        self.panels = panels
        for panel in panels:
            panel.beside = panels

    @property
    def widget(self) -> w.HBox:
        """The live faces."""
        faces = [panel.widget for panel in self.panels]
        for name in self.panels[0].shared:
            for other in faces[1:]:
                w.jslink((faces[0], name), (other, name))
        half = w.Layout(width=f"{100 // len(faces)}%", padding="0 12px 0 0")
        titles = [w.HTML(f"<b>{escape(panel.lab.name)}</b>") for panel in self.panels]
        return w.HBox([w.VBox(pair, layout=half) for pair in zip(titles, faces, strict=True)])

    def twin(self) -> str:
        """The same as HTML, for pages without a kernel."""
        columns = "".join(
            f'<div style="min-width:0"><b>{escape(panel.lab.name)}</b>{panel.twin()}</div>'
            for panel in self.panels
        )
        grid = "display:grid;grid-auto-flow:column;grid-auto-columns:minmax(0,1fr);gap:24px"
        return f'<div class="nk-page nk-beside"><div style="{grid}">{columns}</div></div>'

    def _ipython_display_(self) -> None:
        plain, twin = {"text/plain": "Columns"}, {"text/html": self.twin()}
        if not self.panels[0].in_run:
            display(self.widget._repr_mimebundle_() | plain | {"text/html": ""}, raw=True)
        display(plain | twin, raw=True)
