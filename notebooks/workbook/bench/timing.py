"""How long a function takes, and how fast this machine multiplies at its best."""

import time
from collections.abc import Callable
from functools import partial

import torch

import nokenlab as nl
from nokenlab.fast import cpu_linears


def best_rate(lab: nl.Lab) -> float:
    """Operations a second of a large product, on a lab's device and in its number format."""
    size = 8192 if lab.device.type == "cuda" else 2048
    a = torch.randn(size, size).to(lab.device, lab.dtype)
    products = [a.matmul]
    if lab.device.type == "cpu" and cpu_linears.ONEDNN:
        products.append(cpu_linears.OneDnnLinear(size, size, dtype=lab.dtype))
    with torch.no_grad():
        return 2 * size**3 / min(seconds(partial(product, a), lab)[1] for product in products)


def seconds(run: Callable[[], object], lab: nl.Lab, repeats: int = 3) -> tuple[float, float]:
    """Seconds of the first run of `run`, which warms up, and the median of `repeats` more."""
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        run()
        if lab.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return times[0], sorted(times[1:])[repeats // 2]
