"""What a run costs beside its experiment: `python -m workbook.bench.runs [RUNS]`, side by side in one go.

The notebook loads the model and says one token. It is run by plain papermill, then by sweeps with one and
two workers, then by a sweep that starts Python anew for each run. Starting the fork server counts.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from nokenlab.runs.sweep import run_sweep
from nokenlab.runs.sweep_file import load_sweep
from nokenlab.runs.sweep_records import left

PARAMETERS = 'model: str = "default"\nnumber: int = 0'
CELL = """
import time, pandas as pd, nokenlab as nl
nl.load, nl.Results, nl.Lab  # imports are cost, what follows is the experiment
begin = time.perf_counter()
lab = nl.load(model)
said = lab.generate(f"The number {number}", 1)
own = time.perf_counter() - begin
nl.Results().table(pd.DataFrame({"own": [own]}), "own")
"""


def main(count: int) -> None:
    """Print CSV: way, runs, seconds a run by the clock, the same after the first, a run's own experiment."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), new_code_cell(CELL.strip())]
        python = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": python}), folder / "cost.ipynb")
        (folder / "cost.yaml").write_text(f"notebook: cost.ipynb\ngrid: {{number: {list(range(count))}}}\n")
        sweep = load_sweep(folder / "cost.yaml")
        print("way,runs,seconds_a_run,seconds_a_run_after_the_first,experiment", flush=True)
        _papermill(folder, count)
        for way, workers, plain in (("1 worker", 1, False), ("2 workers", 2, False), ("1 plain", 1, True)):
            place = folder / way
            begin = time.perf_counter()
            with redirect_stdout(sys.stderr):  # what it says of itself is no row of the CSV
                records = run_sweep(sweep, place, workers, plain=plain)
            took = time.perf_counter() - begin
            assert not left(sweep, records), records
            tables = [place / "runs" / run.identity / "own.csv" for run in sweep.runs]
            own = [float(table.read_text().split()[1]) for table in tables]
            ends = [table.stat().st_mtime for table in tables]
            later = (max(ends) - min(ends)) / (count - 1)
            print(f"sweep {way},{count},{took / count:.2f},{later:.2f},{sum(own) / count:.2f}", flush=True)


def _papermill(folder: Path, count: int) -> None:
    took = []
    for number in range(count):
        begin = time.perf_counter()
        words = ["papermill", "cost.ipynb", "out.ipynb", "-k", "python3", "-p", "number", str(number)]
        subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True, capture_output=True)
        took.append(time.perf_counter() - begin)
    later = sum(took[1:]) / (count - 1)
    print(f"papermill,{count},{sum(took) / count:.2f},{later:.2f},", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
