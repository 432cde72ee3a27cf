"""Peak memory of a process that answers so many nokens.

`python -m workbook.bench.memory COUNT MODEL DTYPE` is one such process.
"""

import resource
import subprocess
import sys
from collections.abc import Callable

import pandas as pd
import torch

import nokenlab as nl
from workbook.bench.cases import CASES, nokens_in_prompt, work

COUNTS = [100, 1000, 10_000]
NEW_TOKENS = 2


def peaks(model: str | None, dtype: str, done: Callable[[int, str], None]) -> pd.DataFrame:
    """The peak of a new process for each count. Columns: nokens, peak_gb, given_gb (their embeddings).

    `done(work, line)` is told of each.
    """
    rows = []
    for count in COUNTS:
        command = [sys.executable, "-m", "workbook.bench.memory", str(count), model or "default", dtype]
        finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append((count, *map(float, finished.stdout.split()[-2:])))
        done(work(count, NEW_TOKENS), f"{count:>6,} nokens  peak {rows[-1][1]:.2f} GB")
    return pd.DataFrame(rows, columns=["nokens", "peak_gb", "given_gb"])


def main(count: int, model: str, dtype: str) -> None:
    """Print the peak in GB of this process, on a GPU that of the GPU, and that of the embeddings alone."""
    lab, case = nl.load(model, dtype=dtype), CASES["short"]
    lab.generate(nokens_in_prompt(lab, count, case), NEW_TOKENS)
    given = count * case.tokens * lab.width * lab.dtype.itemsize
    if lab.device.type == "cuda":
        found = torch.cuda.max_memory_allocated()
    else:
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
        found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(found / 1e9, given / 1e9)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
