"""What a notebook leaves behind: tables, figures, sounds, and the provenance of its model.

`nokenlab run` names the folder of a run in NOKENLAB_OUTPUT; by hand there is none, and nothing is written.
"""

import io
import os
import re
import sys
from pathlib import Path

from nokenlab.runs.files import to_csv, to_json, write_atomically
from nokenlab.runs.provenance import of_lab

OUTPUT = "NOKENLAB_OUTPUT"
LAB = "lab.json"  # goes into run.json when the run ends


class Results:
    """Tables and figures of one notebook, shown in it and, under `nokenlab run`, written beside it.

    `lab` is what `nl.load` returned; its provenance is written too. None for a notebook without a model.
    """

    def __init__(self, lab=None):
        self.folder = Path(os.environ[OUTPUT]) if os.environ.get(OUTPUT) else None
        if lab is not None and self.folder:
            write_atomically(self.folder / LAB, to_json(of_lab(lab)))

    def table(self, df, name: str):
        """Write the DataFrame `df` as `name`.csv, without its index, and return it so that the cell shows it.

        Raises ValueError for a name with more than letters, digits, - and _, or one that is taken.
        """
        path = self._path(name, "csv")
        if path:
            write_atomically(path, to_csv(df))
        return df

    def show(self, df, name: str, rows: int | None = None):
        """Write `df` as `table` does and return it as HTML for the cell: all of it, or its first `rows`."""
        from nokenlab.runs import show  # it imports pandas, and the command line must answer at once

        self.table(df, name)
        return show.table(df if rows is None else df.head(rows))

    def figure(self, fig, name: str):
        """Write the matplotlib figure `fig` as `name`.png and return the image so that the cell shows it.

        Raises ValueError as `table` does.
        """
        from IPython.display import Image

        path, png = self._path(name, "png"), io.BytesIO()
        fig.savefig(
            png, format="png", dpi=160, bbox_inches="tight", pad_inches=0.2, metadata={"Software": None}
        )
        if "matplotlib.pyplot" in sys.modules:  # which would show its own figures once more
            sys.modules["matplotlib.pyplot"].close(fig)
        if path:
            write_atomically(path, png.getvalue())
        return Image(png.getvalue(), retina=True)

    def audio(self, wav: bytes, name: str):
        """Write the WAV file `wav` as `name`.wav and return its player so that the cell shows it.

        Raises ValueError as `table` does.
        """
        from IPython.display import Audio

        if path := self._path(name, "wav"):
            write_atomically(path, wav)
        return Audio(data=wav)

    def _path(self, name: str, suffix: str) -> Path | None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ValueError(f"the name {name!r} may have letters, digits, - and _ only")
        path = self.folder and self.folder / f"{name}.{suffix}"
        if path and path.exists():
            raise ValueError(f"{path.name} is already written in this run; give another name")
        return path
