"""README.md of a results folder: the first rows of every table and every figure of the runs in it."""

import csv
import html
import json
import re
import unicodedata
from pathlib import Path
from urllib.parse import quote

from nokenlab.errors import BadInput
from nokenlab.runs.files import reporting_damage, write_atomically
from nokenlab.runs.provenance import RUN_JSON, changed_files

WRITTEN_BY = "<!-- Written by `nokenlab run`"
NOTICE = f"{WRITTEN_BY}, which overwrites changes that are made here. -->"
INTRO = (
    "What the notebooks wrote: the first rows of every table, and every figure. "
    "The command below a title runs that notebook again."
)
ROWS, WIDTH = 8, 80  # of a table: its first rows; characters of a cell


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
    records = {path.parent: _record(path) for path in sorted(results.glob(f"[!.]*/{RUN_JSON}"))}
    contents = [f"- [{escape(record['title'])}](#{quote(folder.name)})" for folder, record in records.items()]
    sections = [_section(folder, record) for folder, record in records.items()]
    page = results / "README.md"
    text = "\n\n".join([NOTICE, "# Results", INTRO, "\n".join(contents), *sections])
    write_atomically(page, f"{text}\n".encode())
    return page


def _record(path: Path) -> dict:
    with reporting_damage(path):
        return {"title": path.parent.name, "command": ""} | json.loads(path.read_text("utf-8"))


def _section(folder: Path, record: dict) -> str:
    """The part of the page about one run."""
    address = quote(folder.name)

    def links(pattern: str) -> list[str]:
        paths = sorted(folder.glob(pattern))
        return [f"[{escape(path.name)}]({address}/{quote(path.name)})" for path in paths]

    parts = [f'<a id="{address}"></a>\n\n## {escape(record["title"])}']
    parts.append(f"```sh\n{_one_line(record['command'])}\n```")
    with reporting_damage(folder / RUN_JSON):
        changed = changed_files(record, folder, RUN_JSON)
    if changed:
        names = escape(", ".join(changed))
        parts.append(f"**Changed since this run: {names}**. The command above writes it again.")
    if lab := record.get("lab"):
        settings = [f"{key} {lab[key]}" for key in ("revision", "device", "dtype") if lab.get(key)]
        parts.append(f"**{escape(str(lab.get('model')))}** · {escape(', '.join(settings))}")
    parts.append(" · ".join([*links("*.ipynb"), *links(RUN_JSON)]))
    parts += [f"!{link}" for link in links("*.png")]
    if sounds := links("*.wav"):
        parts.append("Sounds: " + " · ".join(sounds))
    parts += [_table(path) for path in sorted(folder.glob("*.csv"))]
    return "\n\n".join(parts)


def _table(path: Path) -> str:
    """The first rows of a CSV file as a Markdown table."""
    with reporting_damage(path), path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    size = f"{len(rows)} rows" if len(rows) <= ROWS else f"the first {ROWS} of {len(rows)} rows"
    address = f"{quote(path.parent.name)}/{quote(path.name)}"
    lines = [map(escape, header), ["---"] * len(header), *(map(escape, row) for row in rows[:ROWS])]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"**[{escape(path.name)}]({address})**, {size}\n\n{table}"


def escape(text: str) -> str:
    """`text` as one short line that Markdown and HTML show unchanged."""
    text = _one_line(text)
    text = text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
    text = re.sub(r"^ +| +$", lambda spaces: "␣" * len(spaces[0]), text)  # a token may be " world"
    text = html.escape(text, quote=False)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("$", "&#36;")


def _one_line(text: str) -> str:
    text = re.sub(r"\r\n|[\n\r\v\f\x85\u2028\u2029]", "↵", text)
    return "".join("�" if unicodedata.category(c) == "Cc" else c for c in text)
