"""`nokenlab conform`: the checks of one model, and the page of all that were checked."""

import warnings
from pathlib import Path

import pandas as pd

from nokenlab.conformance.checks import NOT_HERE, SAME, conform
from nokenlab.conformance.llama_cpp import LlamaCpp, gguf_of
from nokenlab.conformance.runtimes import InLab, Runtime
from nokenlab.lab import Lab
from nokenlab.loading import load
from nokenlab.runs.files import to_csv, write_atomically

KEY = ["runtime", "architecture", "model", "dtype"]
ABOUT = """<!-- Written by `nokenlab conform`, which overwrites changes made by hand. -->

# Conformance

Does a model, on this machine, read a vector as it reads the token? `nokenlab conform MODEL` checks it, also
in llama.cpp (`--runtime llama.cpp`). A number is the largest difference of logits in a check, in standard
deviations of the right ones, which are those of the row alone, without a cache. **Bold** is a check that
failed, a dash one that does not apply. *Beside* another number format, `fast=True` or another runtime, how
many of 64 texts are the same comes first.
"""


def check_model(model: str | None, runtime: str) -> tuple[Lab, Runtime, pd.DataFrame]:
    """Load a model and check it in a runtime: its lab, the runtime, and the table of `conform`."""
    lab = load(model)
    if runtime == "llama.cpp":
        tested = LlamaCpp(gguf_of(model), lab)
        return lab, tested, conform(lab, tested, {"nokenlab": InLab(lab)})
    other = "bfloat16" if lab.provenance()["dtype"] == "float32" else "float32"
    beside = {other: InLab(load(model, dtype=other))}
    try:
        with warnings.catch_warnings(action="ignore"):
            beside["fast=True"] = InLab(load(model, fast=True))
    except ValueError:
        pass  # it is not for this model or device, and says so to who asks for it
    return lab, InLab(lab), conform(lab, beside=beside)


def write(results: Path, lab: Lab, runtime: Runtime, table: pd.DataFrame) -> Path:
    """Add a table of checks to `results`/conform, in place of an earlier one; returns the page."""
    about = [runtime.name, lab.model.config.model_type, lab.name, lab.provenance()["dtype"]]
    rows = table.assign(**dict(zip(KEY, about, strict=True)))[[*KEY, *table.columns]]
    folder = results / "conform"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "conform.csv"
    if path.exists():
        rows = pd.concat([pd.read_csv(path), rows]).drop_duplicates([*KEY, "check"], keep="last")
    rows = rows.sort_values(KEY, kind="stable")
    write_atomically(path, to_csv(rows))
    page = folder / "README.md"
    write_atomically(page, f"{ABOUT}\n{_markdown(rows)}".encode())
    return page


def _markdown(rows: pd.DataFrame) -> str:
    """Architectures down, checks across."""
    checks = list(dict.fromkeys(rows["check"]))
    lines = [[*KEY, *checks], ["---"] * (len(KEY) + len(checks))]
    for key, of_model in rows.groupby(KEY, sort=False):
        cells = {row.check: _cell(row) for row in of_model.itertuples()}
        lines.append([*key, *(cells.get(check, "") for check in checks)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(row) -> str:
    if row.verdict == NOT_HERE:
        return "–"
    number = row.verdict if pd.isna(row.difference) else f"{row.difference:.1g}"
    texts = "" if pd.isna(row.texts) else f"{row.texts:.0f}, "
    return texts + (number if row.verdict == SAME else f"**{number}**")
