"""The page of a results folder: every notebook's tables and figures, made from the files that lie there."""

import csv
import html
import json
import re
import unicodedata
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from nokenlab.errors import BadInput
from nokenlab.runs.digests import RUN, changed
from nokenlab.runs.files import of_a_run, write_whole

MARK = "<!-- Written by `nokenlab run`; it writes over what is changed here by hand. -->"
ROWS, WIDTH = 8, 80  # of a table: its first rows, and letters in a cell


def check_index(results: Path) -> None:
    """Raise BadInput if `results` has a README.md of another hand, which `write_index` must not replace."""
    page = Path(results) / "README.md"
    if page.exists() and not page.read_bytes().startswith(MARK.encode()):
        raise BadInput(f"{page} was not written by nokenlab; choose another results folder")


def write_index(results: Path) -> Path:
    """Write `results`/README.md about every run folder there, and return its path.

    Raises BadInput for a damaged run.json.
    """
    results = Path(results)
    runs = sorted(path.parent for path in results.glob("[!.]*/run.json"))
    contents = [f"- [{escape(_run(folder)['title'])}](#{quote(folder.name)})" for folder in runs]
    intro = (
        "What the notebooks wrote: of every table its first rows, and every figure. "
        "The command under a title makes its part again."
    )
    parts = [MARK, "# Results", intro, "\n".join(contents), *map(_section, runs)]
    page = results / "README.md"
    write_whole(page, ("\n\n".join(parts) + "\n").encode())
    return page


def _run(folder: Path) -> dict:
    with of_a_run(folder / "run.json"):
        return {"title": folder.name} | json.loads((folder / "run.json").read_text("utf-8"))


def _section(folder: Path) -> str:
    run, here = _run(folder), quote(folder.name)
    parts = [
        f'<a id="{here}"></a>\n\n## {escape(run["title"])}',
        f"```sh\n{_one_line(run.get('command', ''))}\n```",
    ]
    with of_a_run(folder / RUN):
        if found := changed(run, folder, RUN):
            told = escape(", ".join(found))
            parts.append(f"**Not as its run wrote it: {told}**; the command above makes it again.")
    if lab := run.get("lab"):
        shown = [f"{key} {lab[key]}" for key in ("revision", "device", "dtype") if lab.get(key)]
        parts.append(f"**{escape(str(lab.get('model')))}** · " + escape(", ".join(shown)))
    links = [(path.name, path) for path in (*folder.glob("*.ipynb"), folder / "run.json")]
    parts.append(" · ".join(f"[{escape(name)}]({here}/{quote(path.name)})" for name, path in links))
    for path in sorted(folder.glob("*.png")):
        parts.append(f"![{escape(path.stem)}]({here}/{quote(path.name)})")
    sounds = [f"[{escape(path.name)}]({here}/{quote(path.name)})" for path in sorted(folder.glob("*.wav"))]
    if sounds:
        parts.append("Sounds: " + " · ".join(sounds))
    for path in sorted(folder.glob("*.csv")):
        parts.append(_table(path, f"{here}/{quote(path.name)}"))
    return "\n\n".join(parts)


def _table(path: Path, link: str) -> str:
    """The head of a CSV file as a Markdown table; columns of numbers to the right."""
    with of_a_run(path), path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        head = list(islice(reader, ROWS))
        count = len(head) + sum(1 for _ in reader)
    columns = [[row[i] for row in head if i < len(row)] for i in range(len(header))]
    rule = ["---:" if column and all(map(_number, column)) else "---" for column in columns]
    rows = [[escape(name) for name in header], rule, *([escape(cell) for cell in r] for r in head)]
    size = f"{count} rows" if count <= ROWS else f"the first {ROWS} of {count} rows"
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"**[{escape(path.name)}]({link})**, {size}", "", *lines])


def _number(text: str) -> bool:
    try:
        return bool(text == "" or float(text) is not None)
    except ValueError:
        return False


def escape(text: str) -> str:
    """`text` as one short line that Markdown and HTML show as it is."""
    text = _one_line(text)
    text = text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
    text = re.sub(r"^ +| +$", lambda spaces: "␣" * len(spaces[0]), text)  # a token may be " world"
    text = html.escape(text, quote=False)
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", text).replace("$", "&#36;")


def _one_line(text: str) -> str:
    text = re.sub(r"\r\n|[\n\r\v\f\x85\u2028\u2029]", "↵", text)
    return "".join("�" if unicodedata.category(c) == "Cc" else c for c in text)
