"""Drivers of sweeps killed at random moments, and counts of what came of it."""

import json
import random
import shutil
import subprocess
import time
from collections import Counter

from helpers.sweeps import processes, wait_for

MOST = 5  # seconds after which no process of a killed driver may be left


def kill_drivers(place, kills: int, seed: int = 0) -> dict[str, float]:
    """Kill the driver of `place`'s sweep `kills` times, each at a random moment, and end the sweep each time
    that it is not killed before. Raises AssertionError for a table that differs, a run that was kept and is
    done again, and a process that is left. Returns counts.
    """
    dice, counts, slowest = random.Random(seed), Counter(), 0.0
    begin = time.monotonic()
    end_sweep(place)
    table, whole = place.table(), time.monotonic() - begin
    shutil.rmtree(place.results)
    while counts["kills"] < kills:
        before = kept(place)
        driver = place.start(start_new_session=True, stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, whole))
        if driver.poll() is None:
            driver.kill()
            counts["kills"] += 1
            slowest = max(slowest, alone(place))
            counts["while a run was made" if kept(place) != before else "before the next run was kept"] += 1
        driver.communicate()
        assert before.items() <= kept(place).items(), "a run that was kept is done again"
        if driver.returncode >= 0:  # it came to its end
            compare(place, table)
            counts["tables compared"] += 1
            shutil.rmtree(place.results)
    end_sweep(place)
    compare(place, table)
    counts["tables compared"] += 1
    return counts | {"longest until no process was left, s": round(slowest, 2)}


def end_sweep(place) -> None:
    """Let the driver come to its end."""
    driver = place.start(stdout=subprocess.DEVNULL)
    error = driver.communicate()[1]
    assert driver.returncode == 0, error


def alone(place) -> float:
    """Wait until no process of the sweep is left; how many seconds it took."""
    begin = time.monotonic()
    wait_for(lambda: not processes(place.folder), MOST)
    return time.monotonic() - begin


def kept(place) -> dict[str, str]:
    """The runs that are kept, and when each began."""
    found = (place.here / "runs").glob("*/sweep.json")
    return {path.parent.name: json.loads(path.read_text())["started"] for path in found}


def compare(place, table: bytes) -> None:
    assert place.table() == table
    lie = {path.name for path in place.here.iterdir()}
    assert lie == {".lock", "figure.png", "made_by.json", "runs", "runs.csv", "table.csv"}
