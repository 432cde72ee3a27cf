"""Peak memory of a process that answers so many nokens.

`python -m workbook.bench.memory COUNT MODEL DTYPE` is one such process.
"""

import resource
import subprocess
import sys

import pandas as pd
import torch

import nokenlab as nl
from workbook.bench.cases import CASES, nokens_in_prompt

COUNTS = [100, 1000, 10_000]
NEW_TOKENS = 2


def peaks(model: str | None, dtype: str) -> pd.DataFrame:
    """The peak of a new process for each count. Columns: nokens, peak_gb, given_gb (their embeddings)."""
    rows = []
    for count in COUNTS:
        command = [sys.executable, "-m", "workbook.bench.memory", str(count), model or "default", dtype]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        peak, embeddings = map(float, output.split()[-2:])
        rows.append((count, peak, embeddings))
        print(f"{count:>6,} nokens  peak {peak:.2f} GB", flush=True)
    return pd.DataFrame(rows, columns=["nokens", "peak_gb", "given_gb"])


def peak_gb(lab: nl.Lab) -> float:
    """Peak memory of this process, or of the GPU, in GB."""
    if lab.device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 1e9
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def main(count: int, model: str, dtype: str) -> None:
    """Print the peak in GB, and that of the embeddings alone."""
    lab, case = nl.load(model, dtype=dtype), CASES["short"]
    lab.generate(nokens_in_prompt(lab, count, case), NEW_TOKENS)
    print(peak_gb(lab), count * case.tokens * lab.width * lab.dtype.itemsize / 1e9)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
