"""How many threads and workers there are by default."""

from pathlib import Path

from nokenlab.runs import machine

PLAN = {Path(name): {} for name in ("one", "two", "three")}


def test_workers_are_as_many_as_cores_and_memory_allow(monkeypatch):
    def workers(cores, gigabytes, given=PLAN):
        free = type("Memory", (), {"available": gigabytes * 1e9})
        monkeypatch.setattr(machine, "_cores", lambda: cores)
        monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: free)
        return machine.workers_here(given)

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [workers(cores, 100) for cores in (1, 2, 3, 64)] == [1, 2, 3, 3]  # three notebooks
    assert [workers(8, gigabytes) for gigabytes in (1, 4, 7, 100)] == [1, 1, 2, 3]
    assert workers(8, 100, {path: {"model": "large"} for path in PLAN}) == 1
    assert machine.default_threads() == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert machine.default_threads() == 8 and workers(8, 100) == 1
