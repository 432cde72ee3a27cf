"""What may go wrong with a sweep while it goes on, done to it for real: each fault, and its outcome."""

import json
import random
import resource
import shutil
import subprocess
import time
from collections import Counter
from contextlib import contextmanager

from helpers.sweeps import processes, wait_for

MOST = 5  # seconds after which no process of a killed driver may be left
# a fault -> the error of the run that it happens to; all others are done
SIGNALS = {
    "no server": "",  # killed by a kernel, which goes on
    "stop server": "",
    "kill": "the kernel died; out of memory, or a crash?",
    "stop kernel": "over its time limit of 4 s",
    "fine": "",
}


def signals(place) -> dict[str, str]:
    """SIGKILL and SIGSTOP of the fork server and of a kernel, one run for each. The errors."""
    place.spec(f"time_limit: 4\nzip: {{word: [{', '.join(SIGNALS)}]}}")
    place.run("--workers", "3", check=1)
    errors = dict(zip(SIGNALS, place.runs("error"), strict=True))
    assert errors == SIGNALS, errors
    assert place.runs("status") == ["failed" if error else "done" for error in errors.values()]
    wait_for(lambda: not processes(place.folder), MOST)
    return errors


@contextmanager
def little_room():
    """No file that this process and its children write may be larger than 100 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def full(place) -> dict[str, str]:
    """The big run cannot be written, then it can."""
    place.spec("list: [{scale: 3}, {scale: 1}, {scale: 4, word: big}]")
    with little_room():
        place.run(check=1)
    error, small = place.runs("error")[2], place.table()
    assert "File too large" in error and place.runs("status")[:2] == ["done"] * 2
    place.run()
    assert place.runs("status") == ["done"] * 3 and place.table().startswith(small)
    assert sorted(place.ended()) == ["1.0", "3.0", "4.0"]  # none was done again
    return {"a file over RLIMIT_FSIZE": error}


def vanished(place, stderr) -> dict[str, str]:
    """The results folder is removed by another while runs go on. `stderr()` is what the command printed."""
    place.spec("list: [{scale: 3}, {scale: 1, word: vanish}, {scale: 2}]")
    place.run(check=1)
    (line,) = [line for line in stderr().splitlines() if line.startswith("nokenlab: ")]
    assert line.startswith(f"nokenlab: cannot write to {place.here}: No such file or directory; ")
    wait_for(lambda: not processes(place.folder), MOST)
    place.spec("grid: {scale: [3, 1, 2]}")
    place.run()
    assert place.runs("status") == ["done"] * 3
    return {"a results folder that vanishes": line.removeprefix("nokenlab: ")}


def small_disk(place) -> dict[str, str]:
    """A file system of 1 MB that is filled, emptied, read-only, and written to again; for root."""
    place.results.mkdir()
    outcomes, disk = {}, str(place.results)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)

    def sweep(fault: str, text: str, code: int, errors: int) -> None:
        place.spec(text)
        driver = place.start(stdout=subprocess.DEVNULL)
        lines = [line for line in driver.communicate()[1].splitlines() if line.startswith("nokenlab: ")]
        assert driver.returncode == code and len(lines) == errors, lines
        outcomes[fault] = lines[0].removeprefix("nokenlab: ") if lines else ", ".join(place.runs("status"))

    try:
        sweep("a run that fills the disk", "list: [{scale: 3}, {scale: 4, word: big}, {scale: 1}]", 1, 0)
        room = int(subprocess.run(["stat", "-fc", "%a", disk], capture_output=True).stdout) * 4096
        (place.results / "fill").write_bytes(bytes(room - 150_000))
        many = f"grid: {{scale: {list(range(12))}}}"
        sweep("a disk that fills", many, 1, 1)
        (place.results / "fill").unlink()
        sweep("space again", many, 0, 0)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        sweep("a read-only folder", many + "\nthreads: 2", 2, 1)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        sweep("written to again", many, 0, 0)
    finally:
        subprocess.run(["umount", disk], check=True)
    return outcomes


def killed(place) -> None:
    """Kill the driver when its first run is saved: no process is left, and saved runs are not done again."""
    place.spec("grid: {scale: [0, 1, 2]}")
    driver = place.start(stdout=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: saved(place))
    driver.kill()
    driver.communicate()
    wait_for(lambda: not processes(place.folder), MOST)
    before = saved(place)
    place.run()
    assert before.items() <= saved(place).items() and place.runs("status") == ["done"] * 3
    names = {path.name for path in place.here.iterdir()}
    assert names == {".lock", "figure.png", "made_by.json", "runs", "runs.csv", "table.csv"}


def kill_drivers(place, kills: int, seed: int = 0) -> dict[str, float]:
    """Kill the driver of `place`'s sweep `kills` times, each at a random moment, and end the sweep each time
    that it is not killed before. Raises AssertionError for a table that differs, a saved run that is done
    again, and a process that is left. Returns counts.
    """
    dice, counts, slowest = random.Random(seed), Counter(), 0.0
    begin = time.monotonic()
    end_sweep(place)
    table, duration = place.table(), time.monotonic() - begin
    shutil.rmtree(place.results)
    while counts["kills"] < kills:
        before = saved(place)
        driver = place.start(start_new_session=True, stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, duration))
        if driver.poll() is None:
            driver.kill()
            counts["kills"] += 1
            begin = time.monotonic()
            wait_for(lambda: not processes(place.folder), MOST)
            slowest = max(slowest, time.monotonic() - begin)
            counts["after a run was saved" if saved(place) != before else "before"] += 1
        driver.communicate()
        assert before.items() <= saved(place).items(), "a saved run is done again"
        if driver.returncode >= 0:  # it came to its end
            check_end(place, table)
            shutil.rmtree(place.results)
    end_sweep(place)
    check_end(place, table)
    return counts | {"longest until no process was left, s": round(slowest, 2)}


def end_sweep(place) -> None:
    """Let the driver come to its end."""
    driver = place.start(stdout=subprocess.DEVNULL)
    error = driver.communicate()[1]
    assert driver.returncode == 0, error


def saved(place) -> dict[str, str]:
    """The runs that are saved, and when each began."""
    records = (place.here / "runs").glob("*/sweep.json")
    return {path.parent.name: json.loads(path.read_text())["started"] for path in records}


def check_end(place, table: bytes) -> None:
    assert place.table() == table
    names = {path.name for path in place.here.iterdir()}
    assert names == {".lock", "figure.png", "made_by.json", "runs", "runs.csv", "table.csv"}
