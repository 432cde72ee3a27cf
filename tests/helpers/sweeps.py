"""A small sweep to run, kill and look at, for the tests of sweeps."""

import csv
import os
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from helpers.small_notebooks import notebook
from nokenlab.cli import main
from nokenlab.runs.sweep_file import load_sweep
from nokenlab.runs.sweep_records import Records

# what a run does besides its table is told by `word`; the log gets its `scale` when it came to its end
CELL = """
import os, sys, time, pandas as pd, psutil, nokenlab as nl
from pathlib import Path
if word == "kill": os.kill(os.getpid(), 9)
if word == "slow": time.sleep(600)
if word == "raise": raise ValueError("no such word")
if word == "no server": os.kill(os.getppid(), 9)
if word == "stop server": os.kill(os.getppid(), 19)
if word == "stop kernel": os.kill(os.getpid(), 19)
results = Path(os.environ["SWEEP_LOG"]).with_name("results")
if word == "vanish": results.rename(results.with_name("gone"))  # at once, as rmtree is not
if word == "how":
    with open(os.environ["SWEEP_LOG"], "a") as log: log.write(psutil.Process().cmdline()[2] + " ")
size = 200_000 if word == "big" else 2
table = pd.DataFrame({"word": ["x"] * size, "half": [scale / 2] * size, "text": ["a, b\\n\\r"] * size})
_ = nl.Results().table(table, "halves")
"""
LOG = """
with open(Path(os.environ["SWEEP_LOG"]), "a") as log: log.write(f"{scale}\\n")
"""


class Place:
    """A folder with a notebook `small` and a sweep `s`, and the command that runs it."""

    def __init__(self, folder, write=True):
        self.folder, self.results = folder, folder / "results"
        self.here = self.results / "sweeps" / "s"
        self.log = folder / "log"
        if write:
            self.log.write_text("")
            notebook(folder, "small", CELL, LOG)
            self.spec("grid: {scale: [3, 1, 2]}")

    def spec(self, text):
        (self.folder / "s.yaml").write_text(f"notebook: small.ipynb\n{text}\n")

    def run(self, *words, check=0):
        """Run the sweep in this process; two workers, for a run waits half its time, where none are said."""
        words = words if {"--workers", "--scheduler"} & set(words) else ("--workers", "2", *words)
        assert main(["sweep", str(self.folder / "s.yaml"), "--results", str(self.results), *words]) == check

    def run_for_copies(self):
        """Run the sweep once for tests that begin with it, outside of any; returns this place."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SWEEP_LOG", str(self.log))
            self.run()
        return self

    def copy(self, folder):
        """The same place in another folder, with all that was run in it."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return Place(folder, write=False)

    def start(self, *words, **options):
        """Run the sweep in a process of its own; returns that."""
        command = [sys.executable, "-m", "nokenlab", "sweep", str(self.folder / "s.yaml")]
        command += ["--results", str(self.results), *words]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)

    def table(self, name="table.csv"):
        return (self.here / name).read_bytes()

    def runs(self, column):
        with open(self.here / "runs.csv", newline="") as file:
            return [row[column] for row in csv.DictReader(file)]

    def left(self):
        """How many runs are not done."""
        sweep = load_sweep(self.folder / "s.yaml")
        return len(Records(sweep, self.here).left())

    def ended(self):
        """The runs that came to their end, in order of time."""
        return self.log.read_text().split()


def processes(folder):
    """The processes that have anything to do with a folder."""
    related = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join(process.cmdline() + list(process.environ().values())):
                related.append(process)
        except psutil.Error:
            continue
    return [p for p in related if p.pid != os.getpid()]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
