"""The links of a site: the new address of each, and which files the site must contain for them."""

from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from nokenlab.pages.export import NewAddress, leads_outside

TEXT = {".yaml", ".yml", ".py", ".md", ".txt", ".toml"}  # shown as pages; other files are copied


class Links:
    """Turns links as they are written in notebooks and Markdown into links of a site.

    `pages` maps files of the project to their pages. Other files are included only from `results` and
    `project`, and no hidden ones.
    """

    def __init__(self, pages: dict[Path, str], results: Path, project: Path):
        self.pages, self.results, self.project = pages, results, project
        self.copies: dict[str, Path] = {}  # name in the site -> the file to copy
        self.texts: dict[str, Path] = {}  # name in the site -> the text file or folder to show as a page
        self.lost: list[str] = []  # one line for each link that leads to nothing in the site

    def of_page(self, page: str, folder: Path) -> NewAddress:
        """A function from each link of `page`, relative to `folder`, to its address in the site."""
        return partial(self._address, page, folder)

    def copy(self, path: Path) -> str:
        """Have a file of the results copied; returns its address."""
        name = path.relative_to(self.results).as_posix()
        self.copies[name] = path
        return quote(name)

    def _address(self, page: str, folder: Path, link: str) -> str | None:
        url = urlsplit(link)
        if leads_outside(link):
            return link
        address = None
        if not (url.scheme or url.netloc):
            address = self._file_address((folder / unquote(url.path)).resolve())
        if address is None:
            self.lost.append(f"{page}: {link} leads to nothing in the site and is shown as text")
            return None
        return f"{address}#{url.fragment}" if url.fragment else address

    def _file_address(self, path: Path) -> str | None:
        """The address of a file or folder in the site, or None if it is not part of it."""
        if path in self.pages:
            return quote(self.pages[path])
        hidden = any(part.startswith(".") for part in path.parts[len(self.project.parts) :])
        if not path.exists() or path.suffix == ".ipynb" or hidden:
            return None
        if path.is_file() and path.is_relative_to(self.results):
            return self.copy(path)
        if path == self.project or not path.is_relative_to(self.project):
            return None
        name = "-".join(path.relative_to(self.project).parts)
        if path.suffix in TEXT or path.is_dir():
            name = f"{name}.html"
            self.texts[name] = path
        else:
            self.copies[name] = path
        return quote(name)
