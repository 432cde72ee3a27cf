"""Kill, stop and fill what runs and sweeps depend on, for real, and print a table of the outcomes.

`python tests/inject_faults.py` takes some ten minutes, most of them for 100 kills; `make test` has three.
Only root can mount the small disk.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

from helpers import faults, run_faults
from helpers.sweeps import Place

RUN_FAULTS = [run_faults.full, run_faults.two_at_once]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="of drivers (100)")
    parser.add_argument("--only-kills", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("| fault | outcome |\n| --- | --- |")
    of_sweeps, of_runs = [faults.signals, faults.full, vanished], list(RUN_FAULTS)
    if os.geteuid() == 0:
        of_sweeps.append(faults.small_disk)
        of_runs.append(run_faults.small_disk)
    if args.only_kills:
        of_sweeps, of_runs = [], []
    if args.kills:
        of_sweeps.append(lambda place: kills(place, args.kills, args.seed))
        of_runs.append(lambda place: run_faults.kills(place, args.kills, args.seed))
    for fault in of_sweeps:
        show(on_a_place(fault))
    for fault in of_runs:
        with tempfile.TemporaryDirectory() as folder:
            show(fault(run_faults.Runs(Path(folder))))


def on_a_place(fault) -> dict:
    """The outcome of a fault, done to a sweep in a folder of its own; what the sweep prints goes nowhere."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as quiet:
        os.environ["SWEEP_LOG"] = str(Path(folder) / "log")
        quiet.enter_context(contextlib.redirect_stdout(io.StringIO()))
        quiet.enter_context(contextlib.redirect_stderr(io.StringIO()))
        return fault(Place(Path(folder)))


def vanished(place) -> dict[str, str]:
    return faults.vanished(place, lambda: sys.stderr.getvalue())


def kills(place, count: int, seed: int) -> dict:
    place.spec("grid: {scale: [0, 1, 2, 3, 4, 5]}")
    return faults.kill_drivers(place, count, seed)


def show(outcomes: dict) -> None:
    for fault, outcome in outcomes.items():
        print(f"| {fault} | {outcome or 'done'} |", flush=True)


if __name__ == "__main__":
    main()
