"""The links of a site: where each leads, which files it takes along, and whether all of it is there."""

from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from nokenlab.pages.page import Link

TEXT = {".yaml", ".yml", ".py", ".md", ".txt", ".toml"}  # which are shown as pages; others are copied


class Links:
    """Links as they are written in notebooks and Markdown, into links of a site.

    `pages` says which page each file of the project became. Files are taken along from `results` and
    `project` only, and no hidden ones.
    """

    def __init__(self, pages: dict[Path, str], results: Path, project: Path):
        self.pages, self.results, self.project = pages, results, project
        self.files: dict[str, Path] = {}  # name in the site -> the file to copy
        self.texts: dict[str, Path] = {}  # name in the site -> the text file, or folder of them, to show
        self.lost: list[str] = []

    def of(self, page: str, folder: Path) -> Link:
        """The new address of each link of `page`, whose links are relative to `folder`."""
        return partial(self._address, page, folder)

    def take(self, path: Path) -> str:
        """The address of a file of the results, which is copied."""
        name = path.relative_to(self.results).as_posix()
        self.files[name] = path
        return quote(name)

    def _address(self, page: str, folder: Path, link: str) -> str | None:
        url = urlsplit(link)
        if url.scheme in ("http", "https", "mailto") or not (url.scheme or url.netloc or url.path):
            return link  # for people to follow, or within the page
        path = (folder / unquote(url.path)).resolve()
        to = None if url.scheme or url.netloc else self._name(path)
        if to is None:
            self.lost.append(f"{page}: {link} leads to nothing in the site and is shown as text")
            return None
        return quote(to) + (f"#{url.fragment}" if url.fragment else "")

    def _name(self, path: Path) -> str | None:
        """The name in the site of what lies at `path`, or None if it is not in it."""
        if path in self.pages:
            return self.pages[path]
        hidden = any(part.startswith(".") for part in path.parts[len(self.project.parts) :])
        if not path.exists() or path.suffix == ".ipynb" or hidden:
            return None
        if path.is_file() and path.is_relative_to(self.results):
            return unquote(self.take(path))
        if path.is_relative_to(self.project) and path != self.project:
            name = "-".join(path.relative_to(self.project).parts)
            if path.suffix in TEXT or (path.is_dir() and text_files(path)):
                self.texts[f"{name}.html"] = path
                return f"{name}.html"
            if path.is_file():
                self.files[name] = path
                return name
        return None


def text_files(place: Path) -> list[Path]:
    """The text file `place`, or those of the folder `place`, in order."""
    if place.is_file():
        return [place]
    return sorted(path for path in place.iterdir() if path.suffix in TEXT and path.is_file())


def broken(site: Path) -> list[str]:
    """A line for each link, image or anchor of the pages of the folder `site` that is not there."""
    found = {page: _Found(page.read_text(encoding="utf-8")) for page in sorted(site.glob("*.html"))}
    lines = []
    for page, here in found.items():
        for address in here.addresses:
            url = urlsplit(address)
            if url.scheme or url.netloc:
                continue
            path = site / unquote(url.path) if url.path else page
            anchors = {url.fragment, unquote(url.fragment)}  # a browser looks for it as it is, then decoded
            off = url.fragment and path in found and not anchors & found[path].ids
            if not path.is_file() or off:
                lines.append(f"{page.name}: {address} is not there")
    return lines


class _Found(HTMLParser):
    """The anchors of a page, and the addresses that it names."""

    def __init__(self, html: str):
        super().__init__()
        self.ids: set[str] = set()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.ids |= {
            value for name, value in attrs if value and (name == "id" or (tag, name) == ("a", "name"))
        }
        self.addresses += [value for name, value in attrs if value and name in ("href", "src", "poster")]
