"""Tables, JSON and YAML as text; files and folders written completely or not at all."""

import csv
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nokenlab.errors import BadInput, first_line

_LINE_END = "\r\x1e\n"  # pandas quotes a cell that has one of these; a lone \r would be lost without quotes


def to_csv(df) -> bytes:
    """The DataFrame `df` as UTF-8 CSV without its index; floats with 6 digits."""
    # object columns would keep all 17 digits of a float
    text = df.infer_objects().to_csv(index=False, float_format="%.6g", lineterminator=_LINE_END)
    return text.replace(_LINE_END, "\n").encode()


def to_json(value: object) -> bytes:
    """`value` as indented UTF-8 JSON with a last newline."""
    return (json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n").encode()


def parse_yaml(text: str) -> object:
    """The value of a YAML 1.2 document. ValueError, in one line, for other text or a key written twice."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = 20  # it takes seconds over thousands of brackets
    try:
        return yaml.load(text)
    except MarkedYAMLError as error:
        raise ValueError(f"line {error.problem_mark.line + 1}: {first_line(error.problem, 100)}") from None
    except Exception as error:  # of many kinds, as for `!!int ''` or a thousand brackets
        raise ValueError(f"not YAML: {first_line(error)}") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path` completely or not at all. An OSError, as of a full disk, names the path."""
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_bytes(content)
        os.replace(half, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        half.unlink(missing_ok=True)


@contextmanager
def reporting_damage(path: Path) -> Iterator[None]:
    """While a file that a run wrote is read: raise BadInput, naming it, where it is damaged."""
    try:
        yield
    except (OSError, ValueError, SyntaxError, csv.Error):  # Pillow raises SyntaxError for a broken PNG
        raise BadInput(f"{path} is damaged; run {path.parent.name} again") from None


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` at the end; on any failure all is as before.

    It is a hidden neighbour, so on the same file system. What killed processes left there is removed.
    """
    remove_leftovers(folder)
    new = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    new.mkdir()
    try:
        yield new
        replace_folder(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def replace_folder(new: Path, folder: Path) -> None:
    """Put the folder `new` in place of `folder`, which may be absent; on any failure both are as before.

    The old one waits beside `new`, with the suffix .old, so both must be on one file system.
    """
    old = new.with_suffix(".old")
    try:
        if folder.exists():
            os.rename(folder, old)
        os.rename(new, folder)
    finally:
        if old.exists() and not folder.exists():
            os.rename(old, folder)
        shutil.rmtree(old, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed run left beside `folder`; put results back that it had moved away."""
    import psutil

    for path in list(folder.parent.iterdir()):
        match = re.fullmatch(rf"\.{re.escape(folder.name)}\.(\d+)\.(new|old)", path.name)
        if not match or (int(match[1]) != os.getpid() and psutil.pid_exists(int(match[1]))):
            continue  # not ours, or of a run at work
        if match[2] == "old" and not folder.exists():
            os.rename(path, folder)
        else:
            shutil.rmtree(path)
