"""README.md of a results folder: the findings, then a sentence, a figure and links for each run in it."""

import html
import json
import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import quote

from nokenlab.errors import BadInput, cut
from nokenlab.runs import notebooks
from nokenlab.runs.files import reporting_damage, write_atomically
from nokenlab.runs.provenance import RUN_JSON, changed_files

WRITTEN_BY = "<!-- Written by `nokenlab run`"
NOTICE = f"{WRITTEN_BY}, which overwrites changes that are made here. -->"
DOCUMENTS = {  # of the results: their titles, what they tell, and the commands that write them
    "findings.md": ("Findings", "each claim with its verdict and its numbers", "nokenlab findings"),
    "conform/README.md": (
        "Conformance",
        "which models read a vector as its token, and where",
        "nokenlab conform",
    ),
    "bench/README.md": ("Bench", "how fast nokens are answered, beside others", "make bench"),
}
COVER = "cover"  # the tag of the cell whose figure stands for its notebook
FIGURE = re.compile(r"""figure\(.*["']([A-Za-z0-9_-]+)["']\)""")  # the name that a cell gives to its figure
WIDTH = 80  # characters of a cell of a table


def check_index(results: Path) -> None:
    """Raise BadInput if `results` has a README.md that `write_index` did not write."""
    page = Path(results) / "README.md"
    if page.exists() and not page.read_bytes().startswith(WRITTEN_BY.encode()):
        raise BadInput(f"{page} was not written by nokenlab; choose another results folder")


def write_index(results: Path) -> Path:
    """Write `results`/README.md about every run folder there, and return its path.

    Raises BadInput for a damaged file of a run.
    """
    results = Path(results)
    parts = [NOTICE, "# Results"]
    for name, path in documents(results).items():
        address = quote(Path(os.path.relpath(path, results)).as_posix())
        title, about, _ = DOCUMENTS[name]
        headings = re.findall(r"^## (\d+\. .+)", path.read_text("utf-8"), re.MULTILINE)
        parts.append("\n".join([f"**[{title}]({address})**: {about}.", "", *headings]).rstrip())
    parts += [_section(path.parent) for path in sorted(results.glob(f"[!.]*/{RUN_JSON}"))]
    page = results / "README.md"
    write_atomically(page, "\n\n".join(parts).encode() + b"\n")
    return page


def documents(results: Path) -> dict[str, Path]:
    """The file of each of DOCUMENTS that `results` has, or else the repository."""
    folders = (notebooks.ROOT / "results", Path(results))
    return {name: folder / name for folder in folders for name in DOCUMENTS if (folder / name).is_file()}


def question(cells: list[dict]) -> str:
    """The first paragraph of a notebook below its title, as plain text; "" without one."""
    markdown = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    for paragraph in markdown[0].split("\n\n") if markdown else []:
        if not paragraph.lstrip().startswith("#"):
            return " ".join(paragraph.strip().strip("*_").split())
    return ""


def best_figure(folder: Path, cells: list[dict]) -> Path | None:
    """The figure of a run that its notebook tags "cover", else the first by name; None without figures."""
    for cell in cells:
        match = FIGURE.search(cell["source"]) if COVER in cell["metadata"].get("tags", []) else None
        if match and (path := folder / f"{match[1]}.png").is_file():
            return path
    return min(folder.glob("*.png"), default=None)


def _section(folder: Path) -> str:
    """The part of the page about one run."""
    with reporting_damage(folder / RUN_JSON):
        record = {"title": folder.name, "command": ""} | json.loads((folder / RUN_JSON).read_text("utf-8"))
        changed = changed_files(record, folder, RUN_JSON)
    address, executed = quote(folder.name), folder / f"{folder.name}.ipynb"

    def links(pattern: str) -> str:
        paths = sorted(folder.glob(pattern))
        return " · ".join(f"[{escape(path.name)}]({address}/{quote(path.name)})" for path in paths)

    parts = [f'<a id="{address}"></a>\n\n## {escape(record["title"])}']
    cells = notebooks.cells(executed) if executed.is_file() and not changed else []
    if asked := question(cells):
        parts.append(f"*{escape(asked, 400)}*")
    if changed:
        parts.append(f"**Changed since this run: {escape(', '.join(changed))}**; run it again.")
    if figure := best_figure(folder, cells):
        parts.append(f'<img alt="{figure.stem}" src="{address}/{quote(figure.name)}" width="480">')
    model = escape(str((record.get("lab") or {}).get("model", "no model")))
    kinds = {"Notebook": "*.ipynb", "Tables": "*.csv", "Figures": "*.png", "Sounds": "*.wav", "Run": RUN_JSON}
    lines = [f"{kind}: {links(pattern)}" for kind, pattern in kinds.items() if links(pattern)]
    parts.append("<br>\n".join(lines) + f" ({model})")
    parts.append(f"```sh\n{_one_line(record['command'])}\n```")
    return "\n\n".join(parts)


def escape(text: str, most: int = WIDTH) -> str:
    """`text` as one line of at most `most` characters that Markdown and HTML show unchanged."""
    text = cut(_one_line(text), most)
    text = re.sub(r"^ +| +$", lambda spaces: "␣" * len(spaces[0]), text)  # a token may be " world"
    text = html.escape(text, quote=False)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("$", "&#36;")


def _one_line(text: str) -> str:
    text = re.sub(r"\r\n|[\n\r\v\f\x85\u2028\u2029]", "↵", text)
    return "".join("�" if unicodedata.category(c) == "Cc" else c for c in text)
