"""Try a bad input and judge what came: the exit code, the line, the time, and what was written."""

import contextlib
import io
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nokenlab import cli
from nokenlab.errors import LONGEST

WELL = "refused well"
SECONDS = 2.0  # of this process's own time: others may have the machine


@dataclass(frozen=True)
class Case:
    """One bad input: what is tried, and what the line must say, as a regular expression."""

    name: str
    tried: list[str] | Callable
    says: str


@dataclass(frozen=True)
class Verdict:
    """What came of a case: WELL or what was bad about it; the line; seconds."""

    case: Case
    came: str
    line: str
    seconds: float


def command(case: Case) -> Verdict:
    """Try the words of a command in this process and the folder that it is in."""
    before = everything(Path())
    begin = time.process_time()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(list(case.tried))
        except SystemExit as stop:
            code = stop.code
        except BaseException as error:  # what a person would see as a traceback
            return Verdict(case, f"raised {type(error).__name__}", str(error)[:LONGEST], 0.0)
    seconds = time.process_time() - begin
    bad = []
    if code not in (1, 2):
        bad.append(f"exit code {code}")
    if everything(Path()) != before:
        bad.append("something is written")
    if out.getvalue():
        bad.append(f"on stdout: {out.getvalue()[:60]!r}")
    return _judged(case, err.getvalue(), seconds, bad)


def call(case: Case, *given) -> Verdict:
    """Call a function, which has to raise ValueError."""
    begin = time.process_time()
    try:
        came = case.tried(*given)
    except ValueError as error:
        return _judged(case, f"{error}\n", time.process_time() - begin, [])
    except BaseException as error:
        bad = f"raised {type(error).__name__}"
        return Verdict(case, bad, str(error)[:LONGEST], time.process_time() - begin)
    return Verdict(case, f"taken: {str(came)[:60]!r}", "", time.process_time() - begin)


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Each file and folder below a folder, with its size and date."""
    entries = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        entries[os.fsencode(path).hex()] = (stat.st_size, stat.st_mtime_ns)
    return entries


def _judged(case: Case, text: str, seconds: float, bad: list[str]) -> Verdict:
    line = text.removesuffix("\n")
    faults = {
        "more than one line": len(line.splitlines()) != 1,
        f"{len(line)} letters": len(line) > LONGEST,
        f"{seconds:.1f} s": seconds > SECONDS,
        "a traceback": "Traceback" in line,
        f"does not say {case.says!r}": not re.search(case.says, line),
    }
    bad += [fault for fault, present in faults.items() if present]
    return Verdict(case, ", ".join(bad) or WELL, line, seconds)


def table(verdicts: list[Verdict]) -> str:
    """The table of what was tried and what came, with the counts below it, in Markdown."""
    rows = [(v.case.name, v.came, v.line, f"{v.seconds:.2f}") for v in verdicts]
    lines = ["| tried | came | it said | s |", "| --- | --- | --- | ---: |"]
    lines += ["| " + " | ".join(_cell(text) for text in row) + " |" for row in rows]
    well = sum(v.came == WELL for v in verdicts)
    counts = f"tried {len(verdicts)}, refused well {well}, refused badly {len(verdicts) - well}"
    return "\n".join([*lines, "", counts])


def _cell(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().replace("|", "\\|").replace("\n", " ⏎ ")
