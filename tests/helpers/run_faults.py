"""What may go wrong with `nokenlab run` while it goes on, done to it for real, and what came of it."""

import csv
import json
import random
import subprocess
import sys
import time

from helpers.kills import MOST
from helpers.small_notebooks import names, notebook
from helpers.sweeps import processes, wait_for

TABLE = """
import os, pandas as pd, nokenlab as nl
out = nl.Results()
_ = out.table(pd.DataFrame({"text": ["a, b"] * size}), "texts")
"""
PARAMETERS = "size: int = 3  # rows; legal: 1 to 1000000"
# a fault -> what it does to itself, what is said of it
SIGNALS = {
    "SIGKILL of the kernel": ("os.kill(os.getpid(), 9)", "the kernel died; out of memory, or a crash?"),
    "SIGKILL of the fork server": ("os.kill(os.getppid(), 9)", ""),
    "SIGSTOP of the fork server": ("os.kill(os.getppid(), 19)", ""),
    "fine beside it": ("pass", ""),
    "fine after it": ("pass", ""),
}
# it is woken after 3 s, so that it comes to its end
STOPPED = """
import subprocess
_ = subprocess.Popen(["sh", "-c", f"sleep 3; kill -CONT {os.getpid()}"])
os.kill(os.getpid(), 19)
"""


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
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def run(self, *words, code=0, **options):
        """Let it come to its end; the lines that it complained of."""
        process = self.start(*words, **options)
        _, error = process.communicate(timeout=120)
        assert process.returncode == code and "Traceback" not in error, error
        return [line for line in error.splitlines() if line.startswith("nokenlab: ")]

    def kept(self):
        """The files of the results, whole tables all of them, nothing half-written beside them."""
        found = {}
        for folder in self.results.glob("*/"):
            assert not folder.name.startswith("."), folder
            json.loads((folder / "run.json").read_text())
            with open(folder / "texts.csv", newline="") as file:
                assert {row["text"] for row in csv.DictReader(file)} == {"a, b"}
            found |= {path.relative_to(self.results): path.read_bytes() for path in folder.iterdir()}
        return found


def signals(place) -> dict[str, str]:
    """SIGKILL of kernel and fork server, SIGSTOP of the server, a notebook each. What was said."""
    stems = {fault: fault.lower().replace(" ", "-") for fault in SIGNALS}
    paths = [place.notebook(stems[fault], cell) for fault, (cell, _) in SIGNALS.items()]
    said, found = place.run(*paths, "--workers", "2", code=1), {}
    for fault, (_, expected) in SIGNALS.items():
        own = [line for line in said if line.startswith(f"nokenlab: {stems[fault]}: ")]
        assert len(own) == bool(expected) and expected in "".join(own), (fault, said)
        assert (place.results / stems[fault]).exists() != bool(expected)
        found[f"run: {fault}"] = expected
    wait_for(lambda: not processes(place.folder), MOST)
    return found


def stopped(place) -> dict[str, str]:
    """SIGSTOP of the kernel: there is no limit, and the bar says how long it has been in its cell."""
    before = "from nokenlab.runs import many_runs; many_runs.LONG = 1; "
    process = place.start(place.notebook("one", STOPPED), before=before)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 0 and "one (2 s in one cell)" in error, error
    assert len(place.kept()) == 3
    return {"run: SIGSTOP of the kernel": "the bar: one (… s in one cell); it goes on when it is woken"}


def full(place) -> dict[str, str]:
    """No file may be larger than 100 kB: results of before stay whole, and it goes on when there is room."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    one, two = place.notebook("one"), place.notebook("two")
    place.run(one, two)
    before = place.kept()
    said = place.run(one, two, "-p", "size", "100000", before=limit, code=1)
    assert len(said) == 2 and all("File too large" in line for line in said), said
    assert place.kept() == before and names(place.results) == ["README.md", "one", "two"]
    place.run(one, two, "-p", "size", "100000")
    assert len(place.kept()) == len(before) and place.kept() != before
    return {"run: a file over RLIMIT_FSIZE": said[0].removeprefix("nokenlab: ")}


def small_disk(place) -> dict[str, str]:
    """A file system of 1 MB that is full, then has room, is read-only, and is written to again; for root."""
    place.results.mkdir()
    disk, found = str(place.results), {}
    one = place.notebook("one")
    big = (one, "-p", "size", "400000")  # 2 MB
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)
    try:
        place.run(one)
        before = place.kept()
        (found["run: a disk that is full"],) = place.run(*big, code=1)
        assert place.kept() == before
        subprocess.run(["mount", "-o", "remount,size=9m", disk], check=True)
        found["run: space again"] = "".join(place.run(*big))
        after = place.kept()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        (found["run: a read-only folder"],) = place.run(one, code=2)
        assert place.kept() == after
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        found["run: written to again"] = "".join(place.run(one))
        assert set(place.kept()) == set(before)
    finally:
        subprocess.run(["umount", disk], check=True)
    return {fault: said.removeprefix("nokenlab: ") for fault, said in found.items()}


def kills(place, count: int, seed: int = 0) -> dict[str, float]:
    """Kill the command `count` times, each at a random moment: results whole, no process left. Counts."""
    paths = [place.notebook(name) for name in ("one", "two", "three")]
    begin, dice, slowest, ended = time.monotonic(), random.Random(seed), 0.0, 0
    place.run(*paths)
    whole, killed = time.monotonic() - begin, 0
    while killed < count:
        process = place.start(*paths, start_new_session=True)
        time.sleep(dice.uniform(0, whole))
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
    assert len(place.kept()) == 9 and names(place.results) == ["README.md", "one", "three", "two"]
    return {
        "run: kills": killed,
        "run: came to its end before": ended,
        "run: longest until no process was left, s": round(slowest, 2),
    }


def two_at_once(place) -> dict[str, str]:
    """Two runs of the same notebooks into one results folder: each folder is whole, of one or the other."""
    paths = [place.notebook(name) for name in ("one", "two")]
    both = [place.start(*paths, "-p", "size", str(size)) for size in (3, 4)]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in both]
    assert [code for _, code in ends] == [0, 0] and not any("Traceback" in error for error, _ in ends), ends
    assert len(place.kept()) == 6 and names(place.results) == ["README.md", "one", "two"]
    return {"run: two drivers on one folder": "both ran, each folder whole, the later one's"}
