"""What may go wrong with a sweep while it goes on, done to it for real: each fault, and what came of it."""

import subprocess
import sys
import time

from helpers.sweeps import processes, wait_for

# a fault -> what is said of the run that it comes over; all others are done
SIGNALS = {
    "no server": "",  # killed by a kernel, which goes on
    "stop server": "",
    "kill": "the kernel died; out of memory, or a crash?",
    "stop kernel": "over its time limit of 4 s",
    "fine": "",
}


def signals(place) -> dict[str, str]:
    """SIGKILL and SIGSTOP of the fork server and of a kernel, one run for each. What was said of each."""
    place.spec(f"time_limit: 4\nzip: {{word: [{', '.join(SIGNALS)}]}}")
    begin = time.monotonic()
    place.run("--workers", "3", check=1)
    took = time.monotonic() - begin
    said = dict(zip(SIGNALS, place.runs("error"), strict=True))
    assert said == SIGNALS, said
    assert place.runs("status") == ["failed" if error else "done" for error in said.values()]
    wait_for(lambda: not processes(place.folder), 5)
    return said | {"all of them": f"{took:.0f} s, no process is left"}


def full(place) -> dict[str, str]:
    """No file may be larger than 100 kB: the big run cannot be written, then it can."""
    place.spec("list: [{scale: 3}, {scale: 1}, {scale: 2}, {scale: 4, word: big}]")
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    limit += "from nokenlab.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["sweep", str(place.folder / "s.yaml"), "--results", str(place.results)]
    done = subprocess.run([sys.executable, "-c", limit, *words], capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    error, small = place.runs("error")[3], place.table()
    assert "File too large" in error and place.runs("status")[:3] == ["done"] * 3
    place.run()
    assert place.runs("status") == ["done"] * 4 and place.table().startswith(small)
    assert sorted(place.ended()) == ["1.0", "2.0", "3.0", "4.0"]  # none was done again
    return {"a file over RLIMIT_FSIZE": error}


def vanished(place, said) -> dict[str, str]:
    """The results folder is removed by another while runs go on. `said()` is what the command printed."""
    place.spec("list: [{scale: 3}, {scale: 1, word: vanish}, {scale: 2}]")
    place.run(check=1)
    text = said()
    lines = [line for line in text.splitlines() if line.startswith("nokenlab: ")]
    assert len(lines) == 1, text
    line = lines[0]
    assert line.startswith(f"nokenlab: cannot write to {place.here}: No such file or directory; ")
    wait_for(lambda: not processes(place.folder), 5)
    place.spec("grid: {scale: [3, 1, 2]}")
    place.run()
    assert place.runs("status") == ["done"] * 3
    return {"a results folder that vanishes": line.removeprefix("nokenlab: ")}


def small_disk(place) -> dict[str, str]:
    """A file system of 1 MB that is filled, emptied, read-only, and written to again; for root."""
    place.results.mkdir()
    found, disk = {}, str(place.results)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=True)

    def sweep(fault: str, text: str, code: int) -> None:
        place.spec(text)
        driver = place.start(stdout=subprocess.DEVNULL)
        lines = [line for line in driver.communicate()[1].splitlines() if line.startswith("nokenlab: ")]
        assert driver.returncode == code and len(lines) == (code == 2 or fault == "a disk that fills"), lines
        found[fault] = lines[0].removeprefix("nokenlab: ") if lines else ", ".join(place.runs("status"))

    try:
        sweep("a run that fills the disk", "list: [{scale: 3}, {scale: 4, word: big}, {scale: 1}]", 1)
        fill = place.results / "fill"
        room = int(subprocess.run(["stat", "-fc", "%a", disk], capture_output=True).stdout) * 4096
        fill.write_bytes(bytes(room - 150_000))
        many = f"grid: {{scale: {list(range(12))}}}"
        sweep("a disk that fills", many, 1)
        fill.unlink()
        sweep("space again", many, 0)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        sweep("a read-only folder", many + "\nthreads: 2", 2)
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        sweep("written to again", many, 0)
    finally:
        subprocess.run(["umount", disk], check=True)
    return found
