"""Notebook files: found by name, their cells and titles."""

import json
from pathlib import Path

from nokenlab.errors import BadInput, did_you_mean, short

ROOT = Path(__file__).resolve().parents[2]  # the checkout, where nokenlab was installed from one


def cells(notebook: Path) -> list[dict]:
    """The cells of a notebook file, each with its `source` as one string."""
    try:
        found = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
        return [{**cell, "source": "".join(cell["source"])} for cell in found]
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
        if found := sorted(folder.glob("[0-9][0-9]-*.ipynb")):
            return found
    return []


def find(name: str) -> Path:
    """The notebook a person means by `03-random-nokens`, `03`, either with .ipynb, or a path to one."""
    known = {path.stem: path for path in numbered()}
    if Path(name).suffix == ".ipynb" and Path(name).is_file():
        return Path(name)
    stem = name.removesuffix(".ipynb")
    of_number = [path for key, path in known.items() if key.split("-")[0] == stem.zfill(2)]
    if stem in known or of_number:
        return known.get(stem) or of_number[0]
    raise BadInput(f"no notebook {short(name)}{did_you_mean(stem, known)}")
