"""The executed workbook as a folder of HTML pages: for any web server, or to be opened as files."""

import base64
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from nokenlab.errors import BadInput
from nokenlab.pages.export import markdown_html, notebook_html, page_html, render
from nokenlab.pages.links import Links
from nokenlab.pages.results_page import DOCUMENTS, best_figure, documents, question
from nokenlab.runs import notebooks
from nokenlab.runs.files import replacing, reporting_damage, to_json

FILE_LIST = "site.json"  # names the files of a site, which a new site may replace
LIVE = "live"  # the folder of the live page
CARD_WIDTH = 640  # pixels, of the pictures in the index


@dataclass
class Page:
    """A page of the site. `run`, `question` and `picture` are those of an executed notebook."""

    name: str
    title: str
    body: str
    run: dict | None = None
    question: str = ""
    picture: dict | None = None


def write_site(
    folder: Path, results: Path, write_live: Callable[[Path], None] | None = None
) -> tuple[Path, list[str]]:
    """Write the executed notebooks, findings and bench of `results` as pages into `folder`.

    `write_live`, if given, writes the live page into the folder `live` there. Returns the path of the index,
    and one line for each part that is missing and each link that leads nowhere. `folder` is replaced as one,
    or not at all. Raises BadInput if there is nothing to write, for a damaged notebook, and if `folder` has
    files that are not part of a site.
    """
    folder, results = Path(folder).resolve(), Path(results).resolve()
    runs = sorted(path for path in results.glob("[!.]*/*.ipynb") if path.stem == path.parent.name)
    if not (runs or write_live):
        raise BadInput(f"no executed notebooks in {results}; `make run` first, or `--results results`")
    _check_replaceable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(folder) as new:
        if write_live:
            write_live(new / LIVE)
        lost_links = _write_pages(new, runs, results)
    return folder / "index.html", _missing(runs, results) + lost_links


def _check_replaceable(folder: Path) -> None:
    """Raise BadInput if `folder` holds anything that is not part of a site."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        listed = set(json.loads((folder / FILE_LIST).read_text("utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(
            f"{folder} already exists and is not a site; move it or choose another folder"
        ) from None
    if others := sorted(_files(folder) - listed):
        raise BadInput(
            f"{folder} contains {others[0]}, which is not part of the site; move it or choose another folder"
        )


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def _missing(runs: list[Path], results: Path) -> list[str]:
    executed = {run.stem for run in runs}
    missing = [path.stem for path in notebooks.numbered() if path.stem not in executed]
    lines = [f"not run yet, so without a page: {', '.join(missing)}"] if missing else []
    for name, (title, _, command) in DOCUMENTS.items():
        if name not in documents(results):
            lines.append(f"no {title} page yet: `{command}` writes it")
    return lines


def _write_pages(new: Path, runs: list[Path], results: Path) -> list[str]:
    """Write all pages and files into the folder `new`; returns one line for each link that leads nowhere."""
    source = next((path.parent for path in notebooks.numbered()), Path("notebooks")).resolve()
    links = Links(_page_names(runs, results, source), results, source.parent)
    stories = [_story(run, source, links) for run in runs]
    papers = [_document(DOCUMENTS[name][0], path, links) for name, path in documents(results).items()]
    answers = [_document(path.stem, path, links) for path in _answers(results)]
    body = render("index.html", pages=stories, live=(new / LIVE).exists())
    sequence = [Page("index.html", "nokenlab", body), *stories]
    menu = [(page.name, page.title) for page in (sequence[0], *papers)]
    menu += [(f"{LIVE}/index.html", "Try it")] if (new / LIVE).exists() else []
    for page, before, after in zip(sequence, [None, *sequence], [*sequence[1:], None], strict=False):
        _write(new, page, menu, before=before, after=after)
    for page in [*papers, *answers, *(_text_page(name, path) for name, path in links.texts.items())]:
        _write(new, page, menu)
    for name, path in links.copies.items():
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, new / name)
    (new / ".nojekyll").touch()  # GitHub Pages then serves the files unchanged
    (new / FILE_LIST).write_bytes(to_json({"files": sorted({*_files(new), FILE_LIST})}))
    return links.lost


def _page_names(runs: list[Path], results: Path, source: Path) -> dict[Path, str]:
    """The page of each file: of the results themselves, and as the notebooks in `source` name them."""
    pages = {path: f"{run.stem}.html" for run in runs for path in (run, source / run.name)}
    for folder in (results, source.parent / "results"):
        pages[folder / "README.md"] = "index.html"
        for name in documents(results):
            pages[folder / name] = f"{DOCUMENTS[name][0].lower()}.html"
        pages |= {folder / "findings" / path.name: f"answers-{path.stem}.html" for path in _answers(results)}
    return pages


def _answers(results: Path) -> list[Path]:
    """The pages beside the findings with the full answers to the claims of each notebook."""
    findings = documents(results).get("findings.md")
    return sorted(findings.parent.glob("findings/*.md")) if findings else []


def _story(path: Path, source: Path, links: Links) -> Page:
    """The page of an executed notebook."""
    name, title = f"{path.stem}.html", notebooks.title(path)  # BadInput for a damaged notebook
    nb, cells = nbformat.read(path, as_version=4), notebooks.cells(path)
    body = notebook_html(nb, source, links.of_page(name, source))
    return Page(name, title, body, _run(path.parent, links), question(cells), _picture(path.parent, cells))


def _run(folder: Path, links: Links) -> dict:
    """The command and the model of a run, and the addresses and names of its tables."""
    record, path = {}, folder / "run.json"
    if path.is_file():
        with reporting_damage(path):
            record = json.loads(path.read_text("utf-8"))
    files = [*sorted(folder.glob("*.csv")), *folder.glob("run.json")]
    return {
        "command": record.get("command"),
        "model": (record.get("lab") or {}).get("model"),
        "files": [(links.copy(file), file.name) for file in files],
    }


def _picture(folder: Path, cells: list[dict]) -> dict | None:
    """The best figure of a run for a card of the index: its name, and its address as a small PNG."""
    from PIL import Image

    figure, png = best_figure(folder, cells), io.BytesIO()
    if figure is None:
        return None
    with reporting_damage(figure), Image.open(figure) as image:
        small = image.convert("RGB")
    small.thumbnail((CARD_WIDTH, CARD_WIDTH))
    small.quantize(128).save(png, "PNG", optimize=True)
    address = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
    return {"name": figure.stem, "address": address}


def _document(title: str, path: Path, links: Links) -> Page:
    """The page of the Markdown file `path` of the results."""
    name = links.pages[path]
    html = markdown_html(path.read_text("utf-8"), path.parent, links.of_page(name, path.parent))
    return Page(name, title, f'<div class="prose">{html}</div>')


def _text_page(name: str, path: Path) -> Page:
    """The page of a text file of the project, or of the YAML files in a folder."""
    parts = [f"# `{path.name}`"]
    for file in sorted(path.rglob("*.yaml")) if path.is_dir() else [path]:
        if path.is_dir():
            parts.append(f"## `{file.relative_to(path).as_posix()}`")
        parts.append(f"~~~~~~{file.suffix[1:]}\n{file.read_text('utf-8')}\n~~~~~~")
    return Page(name, path.name, markdown_html("\n\n".join(parts), path.parent))


def _write(folder: Path, page: Page, menu: list[tuple[str, str]], **neighbours) -> None:
    title = page.title if page.name == "index.html" else f"{page.title} · nokenlab"
    html = page_html(title, page.body, name=page.name, menu=menu, run=page.run, **neighbours)
    (folder / page.name).write_text(html, encoding="utf-8")
