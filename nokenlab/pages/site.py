"""The whole workbook as a folder of HTML pages: for any web server, or to be opened as files."""

import base64
import html
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.reader import NotJSONError

from nokenlab.errors import BadInput
from nokenlab.pages import page
from nokenlab.pages.links import Links, broken, text_files
from nokenlab.runs import notebooks
from nokenlab.runs.files import beside, of_a_run, swap, tidy_up, to_json

MARK = "site.json"  # lists the files of a site; what it does not list is of another hand
LIVE = "live"  # the folder of the live page
SHAPE, WIDTH = 3 / 2, 640  # of the pictures in the index, width in pixels
ABOUT = (
    "A noken is a vector that no token has, put where a token's embedding goes. These notebooks ask a "
    "small language model what it reads there. Sliders and maps work on these pages as they are."
)
TRY = (
    f'<p class="try"><a href="{LIVE}/index.html">Try it in your browser</a> Put a noken into a prompt, and '
    "the model answers as you move it: the model itself runs in the page. Some 115 MB are loaded once, from "
    "a web server; opened as a file, that page cannot.</p>"
)


@dataclass
class Part:
    """A page of the site: its file, its title and its HTML; for the index a sentence and a picture."""

    name: str
    title: str
    body: str
    made: str = ""
    sentence: str = ""
    picture: str = ""


def write_site(
    folder: Path, results: Path, write_live: Callable[[Path], None] | None = None
) -> tuple[Path, list[str]]:
    """Write the notebooks run into `results`, findings and bench as pages into `folder`, whole or not at all.

    `write_live`, if given, makes the folder of the live page, `live` beside them. Returns the path of the
    index, and lines for a person: what is missing, links that lead nowhere. Raises BadInput where nothing was
    run yet and there is no live page either, for a damaged notebook, and if `folder` has files of another
    hand.
    """
    folder, results = Path(folder).resolve(), Path(results).resolve()
    runs = _runs(results)
    if not (runs or write_live):
        raise BadInput(f"no executed notebooks in {results}; `make run` first")
    _check_place(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    tidy_up(folder)
    new = beside(folder)
    new.mkdir()
    try:
        if write_live:
            write_live(new / LIVE)
        said = _missing(runs, results) + _fill(new, runs, results)
        swap(new, folder)
        return folder / "index.html", said
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _runs(results: Path) -> list[Path]:
    """The executed notebooks, in order."""
    return sorted(path for path in results.glob("[!.]*/*.ipynb") if path.stem == path.parent.name)


def _check_place(folder: Path) -> None:
    """Raise BadInput unless all that lies in `folder` was written here."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        try:
            known = set(json.loads((folder / MARK).read_text("utf-8"))["files"])
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(f"{folder} is in the way: no site; move it, or name another folder") from None
        lie = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
        if others := sorted(lie - known):
            raise BadInput(
                f"{folder} has {others[0]}, which is not of the site; move it, or name another folder"
            )


def _missing(runs: list[Path], results: Path) -> list[str]:
    lack = [path.stem for path in notebooks.numbered() if path.stem not in {run.stem for run in runs}]
    said = [f"not run yet, so without a page: {', '.join(lack)}"] if lack else []
    if not (results / "findings.md").is_file():
        said.append("no findings yet: `nokenlab findings` writes them")
    if not (results / "bench" / "README.md").is_file():
        said.append("no bench yet: `make bench` writes its tables")
    return said


def _fill(new: Path, runs: list[Path], results: Path) -> list[str]:
    """Write all pages and files into the folder `new`; returns a line for each link that leads nowhere."""
    home = next((path.parent for path in notebooks.numbered()), Path("notebooks")).resolve()
    links = Links(_sources(runs, results, home), results, home.parent)
    stories = [_story(run, home, links) for run in runs]
    more = []
    for source, name, title in (
        ("findings.md", "findings", "Findings"),
        ("bench/README.md", "bench", "Bench"),
    ):
        if (path := results / source).is_file():
            body = page.of_markdown(
                path.read_text("utf-8"), path.parent, links.of(f"{name}.html", path.parent)
            )
            more.append(Part(f"{name}.html", title, f'<div class="prose">{body}</div>'))
    index = Part("index.html", "nokenlab", _cards(stories, TRY if (new / LIVE).exists() else ""))
    top = [(part.name, part.title) for part in (index, *more)]
    line = [(part.name, part.title) for part in (index, *stories)]
    for place, part in enumerate((index, *stories)):
        after = line[place + 1] if place + 1 < len(line) else None
        _write(new, part, top, before=line[place - 1] if place else None, after=after)
    for part in (*more, *(_text(name, path) for name, path in links.texts.items())):
        _write(new, part, top)
    for name, path in links.files.items():
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, new / name)
    (new / ".nojekyll").touch()  # GitHub Pages then serves the files as they are
    files = [path.relative_to(new).as_posix() for path in new.rglob("*") if path.is_file()]
    (new / MARK).write_bytes(to_json({"files": sorted([*files, MARK])}))
    return links.lost + broken(new)


def _sources(runs: list[Path], results: Path, home: Path) -> dict[Path, str]:
    """Which page each file becomes: results as they lie there, and as the notebooks name them."""
    pages = {run: f"{run.stem}.html" for run in runs}
    pages |= {home / run.name: f"{run.stem}.html" for run in runs}
    for base in (results, home.parent / "results"):
        pages[base / "README.md"] = "index.html"
        if (results / "findings.md").is_file():
            pages[base / "findings.md"] = "findings.html"
        if (results / "bench" / "README.md").is_file():
            pages[base / "bench" / "README.md"] = pages[base / "bench"] = "bench.html"
    return pages


def _story(run: Path, home: Path, links: Links) -> Part:
    """The page of an executed notebook."""
    name, title = f"{run.stem}.html", notebooks.title(run)
    try:
        nb = nbformat.read(run, as_version=4)
    except (NotJSONError, nbformat.ValidationError):
        raise BadInput(f"{run} is damaged; run {run.stem} again") from None
    body = page.of_notebook(nb, home, links.of(name, home))
    return Part(name, title, body, _made(run.parent, links), _question(run), _picture(run.parent))


def _question(run: Path) -> str:
    """The first paragraph of a notebook below its title, as plain text."""
    text = next((cell["source"] for cell in notebooks.cells(run) if cell["cell_type"] == "markdown"), "")
    paragraphs = [part.strip() for part in text.split("\n\n") if not part.lstrip().startswith("#")]
    return " ".join(paragraphs[0].strip("*_").split()) if paragraphs else ""


def _picture(folder: Path) -> str:
    """Of the run's figures the one shaped most like its place in the index, as an <img>; "" if none."""
    from PIL import Image

    figures = {}
    for path in sorted(folder.glob("*.png")):
        with of_a_run(path):
            figures[path] = Image.open(path)
    if not figures:
        return ""
    ratio = {path: image.width / image.height / SHAPE for path, image in figures.items()}
    best = min(figures, key=lambda path: max(ratio[path], 1 / ratio[path]))
    with of_a_run(best):
        image, small = figures[best].convert("RGB"), io.BytesIO()
    image.thumbnail((WIDTH, WIDTH))
    image.quantize(128).save(small, "PNG", optimize=True)
    data = base64.b64encode(small.getvalue()).decode()
    return f'<img alt="figure: {html.escape(best.stem)}" src="data:image/png;base64,{data}">'


def _made(folder: Path, links: Links) -> str:
    """How a page came to be: the command, the model, and the tables that were written."""
    parts = []
    if (folder / "run.json").is_file():
        with of_a_run(folder / "run.json"):
            run = json.loads((folder / "run.json").read_text("utf-8"))
        model = (run.get("lab") or {}).get("model")
        parts.append(f"Made by <code>{html.escape(str(run.get('command', '')))}</code>")
        parts += [f"with {html.escape(str(model))}"] if model else []
    files = [*sorted(folder.glob("*.csv")), *folder.glob("run.json")]
    listed = ", ".join(f'<a href="{links.take(path)}">{html.escape(path.name)}</a>' for path in files)
    return " ".join(parts) + (f". Its files: {listed}" if listed else "")


def _cards(stories: list[Part], above: str) -> str:
    cards = "".join(
        f'<li>{part.picture}<h2><a href="{part.name}">{html.escape(part.title)}</a></h2>'
        f"<p>{html.escape(part.sentence)}</p></li>"
        for part in stories
    )
    return f'<div class="prose"><h1>nokenlab</h1><p>{ABOUT}</p></div>{above}<ul class="cards">{cards}</ul>'


def _text(name: str, place: Path) -> Part:
    """A text file of the project, or a folder of them, as a page."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import TextLexer, get_lexer_for_filename
    from pygments.util import ClassNotFound

    parts = [f"<h1>{html.escape(place.name)}</h1>"]
    for path in text_files(place):
        try:
            lexer = get_lexer_for_filename(path.name)
        except ClassNotFound:
            lexer = TextLexer()
        parts += [f'<h2 id="{html.escape(path.stem)}">{html.escape(path.name)}</h2>'] * place.is_dir()
        parts.append(highlight(path.read_text("utf-8"), lexer, HtmlFormatter()))
    return Part(name, place.name, "".join(parts))


def _write(new: Path, part: Part, top: list[tuple[str, str]], **neighbours) -> None:
    title = part.title if part.name == "index.html" else f"{part.title} · nokenlab"
    text = page.whole(title, part.body, parts=top, here=part.name, made=part.made, **neighbours)
    (new / part.name).write_text(text, encoding="utf-8")
