"""Notebook files: found by name, their cells and titles."""

import json
from pathlib import Path

from nokenlab.errors import BadInput, did_you_mean, short

ROOT = Path(__file__).resolve().parents[2]  # the checkout, if nokenlab was installed from one


def cells(notebook: Path) -> list[dict]:
    """The cells of a notebook file, each with its `source` as one string."""
    try:
        raw = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
        return [{**cell, "source": "".join(cell["source"])} for cell in raw]
    except OSError as error:
        raise BadInput(f"{notebook} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise BadInput(f"{notebook} is not a notebook (nbformat 4)") from None


def title(notebook: Path) -> str:
    """The first heading of a notebook, or its file name when it has none."""
    for cell in cells(notebook):
        for line in cell["source"].splitlines() if cell["cell_type"] == "markdown" else []:
            if line.startswith("#"):
                return line.lstrip("#").strip()
    return Path(notebook).stem


def numbered() -> list[Path]:
    """The numbered notebooks in their order: those beside the package, else those of ./notebooks."""
    for folder in (ROOT / "notebooks", Path("notebooks")):
        if paths := sorted(folder.glob("[0-9][0-9]-*.ipynb")):
            return paths
    return []


def find(name: str) -> Path:
    """The notebook a person means by `03-random-nokens`, `03`, either with .ipynb, or a path to one."""
    if Path(name).suffix == ".ipynb" and Path(name).is_file():
        return Path(name)
    stem, paths = name.removesuffix(".ipynb"), numbered()
    for path in paths:
        if stem == path.stem or stem.zfill(2) == path.stem.split("-")[0]:
            return path
    raise BadInput(f"no notebook {short(name)}{did_you_mean(stem, [path.stem for path in paths])}")
