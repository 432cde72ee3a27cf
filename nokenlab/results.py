"""What a notebook leaves behind: tables, figures, sounds and the provenance of the model that made them.

`nokenlab run` names the folder of a run in NOKENLAB_OUTPUT; by hand there is none, and nothing is written.
"""

import io
import json
import os
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

OUTPUT = "NOKENLAB_OUTPUT"
_LINE_END = "\r\x1e\n"  # what is in the line end gets quoted: a lone \r needs it to be read back


class Results:
    """Tables and figures of one notebook, shown in it and, under `nokenlab run`, written beside it.

    `lab` is what `nl.load` returned; its provenance is written too. None for a notebook without a model.
    """

    def __init__(self, lab=None):
        self.folder = Path(os.environ[OUTPUT]) if os.environ.get(OUTPUT) else None
        if lab is not None and self.folder:
            provenance = {"lab": lab.provenance(), "versions": versions()}
            write(self.folder / "lab.json", to_json(provenance))

    def table(self, df, name: str):
        """Write the DataFrame `df` as `name`.csv, without its index, and return it so that the cell shows it.

        Raises ValueError for a name with more than letters, digits, - and _, or one that is taken.
        """
        path = self._path(name, "csv")
        if path:
            write(path, to_csv(df))
        return df

    def figure(self, fig, name: str):
        """Write the matplotlib figure `fig` as `name`.png and return the image so that the cell shows it.

        Raises ValueError as `table` does.
        """
        from IPython.display import Image

        path, png = self._path(name, "png"), io.BytesIO()
        fig.savefig(png, format="png", dpi=160, bbox_inches="tight", metadata={"Software": None})
        if "matplotlib.pyplot" in sys.modules:  # which would show its own figures once more
            sys.modules["matplotlib.pyplot"].close(fig)
        if path:
            write(path, png.getvalue())
        return Image(png.getvalue(), retina=True)

    def audio(self, wav: bytes, name: str):
        """Write the WAV file `wav` as `name`.wav and return its player so that the cell shows it.

        Raises ValueError as `table` does.
        """
        from IPython.display import Audio

        if path := self._path(name, "wav"):
            write(path, wav)
        return Audio(data=wav)

    def _path(self, name: str, suffix: str) -> Path | None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ValueError(f"the name {name!r} may have letters, digits, - and _ only")
        path = self.folder and self.folder / f"{name}.{suffix}"
        if path and path.exists():
            raise ValueError(f"{path.name} is already written in this run; give another name")
        return path


def to_csv(df) -> bytes:
    """The DataFrame `df` as UTF-8 CSV without its index; floats with 6 digits."""
    # object columns would keep all 17 digits of a float
    text = df.infer_objects().to_csv(index=False, float_format="%.6g", lineterminator=_LINE_END)
    return text.replace(_LINE_END, "\n").encode()


def versions() -> dict[str, str]:
    """The versions that a run depends on: Python and the packages, those that are installed."""
    import nokenlab

    found = {"python": sys.version.split()[0], "nokenlab": nokenlab.__version__}
    for package in ("torch", "transformers", "papermill"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def to_json(value: object) -> bytes:
    """`value` as indented UTF-8 JSON with a last newline."""
    return (json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n").encode()


def write(path: Path, data: bytes) -> None:
    """Write `data` to `path` whole or not at all."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_bytes(data)
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
