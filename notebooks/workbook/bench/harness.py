"""What the benches share: options, times, peaks of memory in new processes, and what is written."""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import torch
from transformers import AutoModelForCausalLM

import nokenlab as nl
from nokenlab import loading
from nokenlab.fast import cpu_linears
from nokenlab.models import fitness, hub
from nokenlab.runs.files import to_json, write_atomically
from nokenlab.runs.provenance import versions


def arguments(bench: str, about: str, **options: dict) -> argparse.Namespace:
    """The options of `python -m workbook.bench.NAME`: --model, --results, and `options`, as for argparse."""
    prog = f"python -m workbook.bench.{bench}"
    parser = argparse.ArgumentParser(prog=prog, description=about.splitlines()[0])
    parser.add_argument("--model", help="gemma-3-270m, a hub id or a folder")
    parser.add_argument("--results", type=Path, default=Path("results/bench"))
    for name, option in options.items():
        parser.add_argument(f"--{name}", **option)
    return parser.parse_args()


def untouched(model: str | None, dtype: str) -> nl.Lab:
    """A model as transformers loads it."""
    source, name = hub.locate(model)
    return nl.Lab(*loading.read(AutoModelForCausalLM, fitness.check_kind, source, name, None, None, dtype))


def elapsed(run: Callable[[], object], lab: nl.Lab) -> float:
    """Seconds that `run` takes, with all that it starts on a GPU."""
    begin = time.perf_counter()
    run()
    if lab.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def seconds(run: Callable[[], object], lab: nl.Lab, repeats: int = 3) -> tuple[float, float]:
    """Seconds of the first run of `run`, which warms up, and the median of `repeats` more."""
    first, *times = (elapsed(run, lab) for _ in range(repeats + 1))
    return first, sorted(times)[repeats // 2]


def rates(lab: nl.Lab, runs: Iterable[tuple[str, int, float, Callable]], unit: str) -> pd.DataFrame:
    """How fast runs are: of each its method, its number of rows, how much of `unit` it makes, and itself.

    Columns: way, rows, rate (`unit` per second, by the median run), first_seconds (of the first run, which
    warms up). What memory does not hold has no row.
    """
    rows = []
    for method, size, made, run in runs:
        repeats = 1 if size > 128 and lab.device.type == "cpu" else 3
        try:
            first, median = seconds(run, lab, repeats)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            print(f"{method:<36} {size:>5} rows  do not fit into memory", flush=True)
            continue
        rows.append((method, size, made / median, first))
        print(f"{method:<36} {size:>5} rows  {made / median:8.1f} {unit} a second", flush=True)
    return pd.DataFrame(rows, columns=["way", "rows", "rate", "first_seconds"])


def best_rate(lab: nl.Lab) -> float:
    """Operations a second of a large product, on a lab's device and in its number format."""
    size = 8192 if lab.device.type == "cuda" else 2048
    a = torch.randn(size, size).to(lab.device, lab.dtype)
    products = [a.matmul]
    if lab.device.type == "cpu" and cpu_linears.ONEDNN:
        products.append(cpu_linears.OneDnnLinear(size, size, dtype=lab.dtype))
    with torch.no_grad():
        return 2 * size**3 / min(seconds(partial(product, a), lab)[1] for product in products)


def in_new_processes(run: Callable[[int], object], counts: Iterable[int]) -> list:
    """`run(count)` for each count, each in a process of its own: a peak of memory does not fall again."""
    results = []
    for count in counts:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            results.append(pool.submit(run, count).result())
    return results


def peak_gb(lab: nl.Lab) -> float:
    """Peak memory of this process, or of the GPU, in GB."""
    if lab.device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def save(folder: Path, tables: dict[str, pd.DataFrame], facts: dict | None = None) -> None:
    """Write tables by name, and facts with the versions of packages into a file of the first one's name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.4g")
    if facts:
        write_atomically(folder / f"{next(iter(tables))}.json", to_json(facts | {"versions": versions()}))
