"""Word lists of the experiments: words, pairs or triples from a text file, anything else from a YAML file."""

from collections.abc import Sequence
from pathlib import Path

from nokenlab.errors import BadInput, cut, short
from nokenlab.runs.files import parse_yaml


def read_lines(file: Path) -> list[str]:
    """The lines of a text file, without empty lines and comments (lines that begin with #)."""
    lines = [line.strip() for line in _read(file).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def read_yaml(file: Path) -> object:
    """The content of a YAML file. BadInput, in one line that names the file, if it cannot be read."""
    text = _read(file)
    try:
        return parse_yaml(text)
    except ValueError as error:
        raise BadInput(f"{file} is not valid YAML: {cut(str(error), 100)}") from None


def words(names: Sequence[str], file: Path, at_least: int = 1) -> list[str]:
    """Different words: those given, or with ["file"] the lines of `file`. BadInput if there are too few."""
    lines = read_lines(file) if list(names) == ["file"] else list(names)
    if len(lines) < at_least or len(set(lines)) < len(lines):
        raise BadInput(f'words must be at least {at_least} different words, or "file"; got {short(lines)}')
    return lines


def word_groups(lines: Sequence[str], file: Path, size: int) -> list[tuple[str, ...]]:
    """Pairs (size 2) or triples (size 3) of different words, each as "dog, cat"; ["file"] reads `file`.

    BadInput for a line with another number of words or the same word twice, and for no lines at all.
    """
    from_file = list(lines) == ["file"]
    groups = []
    for line in read_lines(file) if from_file else lines:
        group = tuple(word.strip() for word in line.split(","))
        if len(group) != size or not all(group) or len(set(group)) < size:
            where = f"{file.name}: " if from_file else ""
            raise BadInput(f"{where}{size} different words with commas between are needed, got {short(line)}")
        groups.append(group)
    if not groups:
        raise BadInput(f'at least one line of {size} words is needed, or "file" for {file.name}')
    return groups


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8 text") from None
