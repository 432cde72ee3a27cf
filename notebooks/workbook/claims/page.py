"""The page of findings: what the rows of all sweeps answer to the claims of all experiments."""

import io
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from nokenlab.errors import BadInput
from nokenlab.pages.results_page import escape
from nokenlab.runs.files import to_csv, write_atomically
from workbook.claims import claims
from workbook.claims.claims import FAILS, HOLDS, UNDECIDED, Claim
from workbook.claims.statistics import FEWEST, MANY

WITHDRAWN = "claims/withdrawn.yaml"
NOT_RUN = "not run yet"
INTRO = Path(__file__).with_name("intro.txt")


class Withdrawn(NamedTuple):
    """A sentence of a notebook that is no longer claimed: why, and the words or claims that replace it."""

    sentence: str
    notebook: str
    why: str
    now: str = ""
    claims: tuple[str, ...] = ()


def write(results: Path, folder: Path = claims.WORKBOOK) -> Path:
    """Write findings.csv and findings.md into `results`, from the rows of its sweeps; returns the latter.

    Claims are those of `folder`, see `claims.read_claims`; rows are in `results`/sweeps/NAME/TABLE.parquet.
    BadInput for invalid claims, a missing folder, or a table that lacks a column.
    """
    asked = claims.read_claims(folder=folder)
    withdrawn = read_withdrawn(folder, asked)
    if not Path(results).is_dir():
        raise BadInput(f"there is no results folder {results}")
    table = to_csv(answered(asked, results))
    write_atomically(results / "findings.csv", table)
    path = results / "findings.md"
    write_atomically(path, markdown(asked, withdrawn, read_csv(io.BytesIO(table))).encode())
    return path


def read_withdrawn(folder: Path, asked: list[Claim]) -> list[Withdrawn]:
    """What is withdrawn. BadInput for an entry without a replacement, or that names an unknown claim."""
    entries = claims.read_entries(folder / WITHDRAWN, "withdrawn", Withdrawn)
    names = {claim.claim for claim in asked}
    for entry in entries:
        if not entry.now and not entry.claims:
            raise BadInput(f"{WITHDRAWN}: an entry must have `now` or `claims`: {entry.sentence}")
        if unknown := set(entry.claims) - names:
            raise BadInput(f"{WITHDRAWN}: there is no claim {', '.join(sorted(unknown))}")
    return entries


def answered(asked: list[Claim], results: Path) -> pd.DataFrame:
    """What `claims.answers` says of each sweep's rows, with the columns notebook and sweep in front."""
    parts = []
    for sweep in dict.fromkeys(claim.sweep for claim in asked):
        of_sweep = [claim for claim in asked if claim.sweep == sweep]
        paths = {c.table: results / "sweeps" / sweep / f"{c.table}.parquet" for c in of_sweep}
        tables = {name: pd.read_parquet(path) for name, path in paths.items() if path.is_file()}
        part = claims.answers(of_sweep, tables)
        part.insert(0, "sweep", sweep)
        part.insert(0, "notebook", part["claim"].map({claim.claim: claim.notebook for claim in of_sweep}))
        parts.append(part)
    table = pd.concat([part for part in parts if len(part)] or parts[:1])
    order = {claim.claim: number for number, claim in enumerate(asked)}
    return table.sort_values("claim", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def read_csv(file: Path | io.BytesIO) -> pd.DataFrame:
    """findings.csv as a table; a prompt that reads "None" or "NA" stays a text."""
    numbers = ("estimate", "low", "high", "p", "holm")
    return pd.read_csv(file, keep_default_na=False, na_values={name: [""] for name in numbers})


def markdown(asked: list[Claim], withdrawn: list[Withdrawn], table: pd.DataFrame) -> str:
    """The page, in Markdown: every claim with its rows of findings.csv, then what is withdrawn."""
    rows = dict(tuple(table.groupby("claim", sort=False)))
    verdicts = {claim.claim: _verdict(rows.get(claim.claim)) for claim in asked}
    contents = ["| notebook | claim | verdict |", "| --- | --- | --- |"]
    contents += [f"| {c.notebook} | {_link(c.claim)} | {verdicts[c.claim]} |" for c in asked]
    names = {"HOLDS": HOLDS, "FAILS": FAILS, "UNDECIDED": UNDECIDED, "FEWEST": FEWEST, "MANY": MANY}
    parts = [INTRO.read_text(encoding="utf-8").strip().format(**names), "\n".join(contents)]
    for (notebook, sweep), of_sweep in groupby(asked, lambda claim: (claim.notebook, claim.sweep)):
        home = notebook if notebook[0].isdigit() else "../notebooks/sweeps"  # only numbered ones have results
        parts.append(f"## [{notebook}]({home}/{notebook}.ipynb)")
        parts.append(f"```sh\nnokenlab sweep notebooks/sweeps/{sweep}.yaml --workers 2\n```")
        for claim in of_sweep:
            parts += _section(claim, verdicts[claim.claim], rows.get(claim.claim))
    parts.append("## What we said before and no longer do")
    parts += [_replaced(entry, verdicts) for entry in withdrawn] or ["Nothing yet."]
    return "\n\n".join(parts) + "\n"


def _verdict(rows: pd.DataFrame | None) -> str:
    """The verdict over all prompts, in a few words."""
    if rows is None:
        return NOT_RUN
    counts = Counter(rows["verdict"])
    if len(counts) == 1:
        return next(iter(counts))
    each = ", ".join(f"{verdict} in {count} of {len(rows)}" for verdict, count in sorted(counts.items()))
    return f"answers disagree: {each}" if {HOLDS, FAILS} <= set(counts) else each


def _link(name: str) -> str:
    return f"[{name}](#{_anchor(name)})"


def _anchor(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _section(claim: Claim, verdict: str, rows: pd.DataFrame | None) -> list[str]:
    name = claim.claim
    title = f'<a id="{_anchor(name)}"></a>\n\n### {name[0].upper()}{name[1:]}: {verdict}'
    compared = f"`{claim.a or 'all rows'}`" + (f" against `{claim.b}`" if claim.b else "")
    rule = (
        f"*Rule:* {claim.statistic} of `{claim.value}` {escape(claim.rule)}. *Beside it:* {claim.beside}. "
        f"*Unit:* {claim.unit}. *Rows:* {compared}, of the table `{claim.table}`."
    )
    return [title, claim.question, rule] + ([] if rows is None else [_table(rows, claim.each)])


def _table(rows: pd.DataFrame, each: str) -> str:
    """One line per prompt, or per value of `each`; with Holm's p for a correlation or tested mean."""
    table = pd.DataFrame({each or "prompt": [escape(str(value)) or "all rows" for value in rows["each"]]})
    table["n"] = rows["n_units"].astype(str).to_numpy()
    numbers = rows[["estimate", "low", "high"]].itertuples(index=False)
    table["estimate (low to high)"] = [claims.interval(*row) for row in numbers]
    if rows["holm"].notna().any():
        table["Holm's p"] = [f"{p:.3g}" for p in rows["holm"]]
    table["verdict"] = rows["verdict"].to_numpy()
    ruler = ["---:" if name == "n" else "---" for name in table]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(table), ruler, *table.to_numpy()])


def _replaced(entry: Withdrawn, verdicts: dict[str, str]) -> str:
    """An old sentence, why it is gone, and what replaces it: words, or claims with their verdicts."""
    now = [entry.now] if entry.now else []
    now += [f"{_link(name)}: {verdicts[name]}." for name in entry.claims]
    return f"- **“{entry.sentence}”** ({entry.notebook}) {entry.why} *In its place:* {' '.join(now)}"
