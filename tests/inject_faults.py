"""Kill, stop and fill what runs and sweeps stand on, for real, and print a table of what came.

`python tests/inject_faults.py` needs some ten minutes, most of them for 100 kills; `make test` has three.
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
from helpers.kills import kill_drivers
from helpers.sweeps import Place

RUN_FAULTS = (run_faults.signals, run_faults.stopped, run_faults.full, run_faults.two_at_once)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kills", type=int, default=100, metavar="N", help="of drivers (100); 0 for the rest alone"
    )
    parser.add_argument("--only-kills", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("| fault | what came |\n| --- | --- |")
    if not args.only_kills:
        for fault in (faults.signals, faults.full, vanished, *[faults.small_disk] * (os.geteuid() == 0)):
            table(on_a_place(fault))
        for fault in (*RUN_FAULTS, *[run_faults.small_disk] * (os.geteuid() == 0)):
            with tempfile.TemporaryDirectory() as folder:
                table(fault(run_faults.Runs(Path(folder))))
    if args.kills:
        table(on_a_place(lambda place: kills(place, args.kills, args.seed)))
        with tempfile.TemporaryDirectory() as folder:
            table(run_faults.kills(run_faults.Runs(Path(folder)), args.kills, args.seed))


def on_a_place(fault) -> dict:
    """What came of a fault, done to a sweep in a folder of its own; what the sweep says goes nowhere."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as quiet:
        os.environ["SWEEP_LOG"] = str(Path(folder) / "log")
        quiet.enter_context(contextlib.redirect_stdout(io.StringIO()))
        quiet.enter_context(contextlib.redirect_stderr(io.StringIO()))
        return fault(Place(Path(folder)))


def vanished(place) -> dict[str, str]:
    return faults.vanished(place, lambda: sys.stderr.getvalue())


def kills(place, count: int, seed: int) -> dict:
    place.spec("grid: {scale: [0, 1, 2, 3, 4, 5]}")
    return kill_drivers(place, count, seed)


def table(found: dict) -> None:
    for fault, came in found.items():
        print(f"| {fault} | {came or 'done'} |", flush=True)


if __name__ == "__main__":
    main()
