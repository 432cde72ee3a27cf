"""What may go wrong with `nokenlab run` while it goes on, done to it for real, and the outcome."""

import csv
import json
import os
import random
import subprocess
import sys
import time

from helpers.faults import MOST
from helpers.small_notebooks import names, notebook
from helpers.sweeps import processes, wait_for

TABLE = """
import os, pandas as pd, nokenlab as nl
out = nl.Results()
_ = out.table(pd.DataFrame({"text": ["a, b"] * size}), "texts")
"""
LITTLE_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
PARAMETERS = "size: int = 3  # rows; legal: 1 to 1000000"


class Runs:
    """A folder with notebooks of few rows, and the command that runs them."""

    def __init__(self, folder):
        self.folder, self.results = folder, folder / "results"

    def notebook(self, name, cell="pass"):
        return notebook(self.folder, name, TABLE, cell, parameters=PARAMETERS)

    def start(self, *words, before="", **options):
        """The command in a process of its own; `before` is Python that it runs first."""
        code = f"{before}import sys; from nokenlab.cli import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-c", code, "run", *map(str, words), "--results", str(self.results)]
        env = os.environ | {"RUNS": str(self.folder)}  # by which `processes` sees its kernels
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, **pipes, text=True, env=env, **options)

    def run(self, *words, code=0, **options):
        """Let it come to its end; its error messages."""
        process = self.start(*words, **options)
        _, error = process.communicate(timeout=300)
        assert process.returncode == code and "Traceback" not in error, error
        lines = [line for line in error.splitlines() if line.startswith("nokenlab: ")]
        return [line.removeprefix("nokenlab: ") for line in lines]

    def files(self):
        """The files of the results, all of them complete."""
        contents = {}
        for folder in self.results.glob("*/"):
            assert not folder.name.startswith("."), folder
            json.loads((folder / "run.json").read_text())
            with open(folder / "texts.csv", newline="") as file:
                assert {row["text"] for row in csv.DictReader(file)} == {"a, b"}
            contents |= {path.relative_to(self.results): path.read_bytes() for path in folder.iterdir()}
        return contents


def full(place) -> dict[str, str]:
    """Earlier results stay where a file cannot be written, and it goes on when there is room."""
    first, big = place.notebook("one"), ("-p", "size", "100000")
    place.run(first)
    before = place.files()
    lines = place.run(first, *big, before=LITTLE_ROOM, code=1)
    assert len(lines) == 1 and "File too large" in lines[0], lines
    assert place.files() == before and names(place.results) == ["README.md", "one"]
    return {"run: a file over RLIMIT_FSIZE": lines[0]}


def small_disk(place) -> dict[str, str]:
    """A file system of 1 MB that is full, then has room, is read-only, and is written to again; for root."""
    place.results.mkdir()
    disk, outcomes = str(place.results), {}
    first = place.notebook("one")
    big = (first, "-p", "size", "400000")  # 2 MB
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        place.run(first)
        before = place.files()
        (outcomes["run: a disk that is full"],) = place.run(*big, code=1)
        assert place.files() == before
        subprocess.run(["mount", "-o", "remount,size=9m", disk], check=True)
        outcomes["run: space again"] = "".join(place.run(*big))
        after = place.files()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        (outcomes["run: a read-only folder"],) = place.run(first, code=2)
        assert place.files() == after
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        outcomes["run: written to again"] = "".join(place.run(first))
        assert set(place.files()) == set(before)
    finally:
        subprocess.run(["umount", disk], check=True)
    return outcomes


def killed(place) -> None:
    """Kill the command while its second notebook runs: no process is left, and it can be repeated."""
    wait = f"if not os.path.exists({str(place.folder / 'go')!r}): import time; time.sleep(600)"
    paths = [place.notebook("one"), place.notebook("two", wait)]
    process = place.start(*paths, "--workers", "1", start_new_session=True)
    wait_for(lambda: (place.results / "one" / "run.json").exists())
    process.kill()
    process.communicate()
    wait_for(lambda: not processes(place.folder), MOST)
    (place.folder / "go").touch()
    place.run(*paths)
    assert len(place.files()) == 6 and names(place.results) == ["README.md", "one", "two"]


def kills(place, count: int, seed: int = 0) -> dict[str, float]:
    """Kill the command `count` times, each at a random moment: results complete, no process left. Counts."""
    paths = [place.notebook(name) for name in ("one", "two", "three")]
    begin, dice, slowest, killed, ended = time.monotonic(), random.Random(seed), 0.0, 0, 0
    place.run(*paths)
    duration = time.monotonic() - begin
    while killed < count:
        process = place.start(*paths, start_new_session=True)
        time.sleep(dice.uniform(0, duration))
        if process.poll() is None:
            process.kill()
            killed += 1
            now = time.monotonic()
            wait_for(lambda: not processes(place.folder), MOST)
            slowest = max(slowest, time.monotonic() - now)
        else:
            ended += 1
        process.communicate()
    place.run(*paths)
    assert len(place.files()) == 9 and names(place.results) == ["README.md", "one", "three", "two"]
    return {
        "run: kills": killed,
        "run: ended before": ended,
        "run: longest until no process was left, s": round(slowest, 2),
    }


def two_at_once(place) -> dict[str, str]:
    """Two runs of the same notebooks into one results folder: each folder is complete."""
    paths = [place.notebook(name) for name in ("one", "two")]
    both = [place.start(*paths, "-p", "size", str(size)) for size in (3, 4)]
    for process in both:
        error = process.communicate(timeout=300)[1]
        assert process.returncode == 0 and "Traceback" not in error, error
    assert len(place.files()) == 6 and names(place.results) == ["README.md", "one", "two"]
    return {"run: two drivers on one folder": "both ran, each folder complete, the later one's"}
