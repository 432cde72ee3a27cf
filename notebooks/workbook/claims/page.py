"""The findings, as a page: what the claims of `notebooks/workbook` come to in the rows that sweeps kept."""

import io
from collections import Counter
from itertools import groupby
from pathlib import Path

import pandas as pd

from nokenlab.errors import BadInput
from nokenlab.pages.results_page import escape
from nokenlab.runs.files import to_csv, write_atomically
from workbook.claims import claims
from workbook.claims.claims import FAILS, HOLDS, Claim

WITHDRAWN = "claims/withdrawn.yaml"
NOT_RUN = "not run yet"
INTRO = f"""\
<!-- Written by `nokenlab findings`; it writes over what is changed here by hand. -->

# Findings

What the notebooks claim, and what the rows of their sweeps answer. All of it is about one small model,
SmolLM2-135M-Instruct with 4-bit weights, and about it **alone**. Question, unit, null and rule of each
claim were written into [`notebooks/workbook`](../notebooks/workbook) before the run that answers it;
answers and verdicts are computed, not typed.

- A **unit** is one fact: a seed, a word, a pair of words. All of its rows are averaged first, however many
  there are. *n* is the number of units (of both groups, where two are compared).
- From **low to high** is a 95 % interval: units are drawn anew 2,000 times (5,000 for correlations). Where
  each unit is a yes or a no it is Wilson's, and Newcombe's for two groups; of a sign test it is the exact
  one. With fewer than {claims.FEWEST} units to draw there is none.
- **{HOLDS}**: the whole interval meets the rule. **{FAILS}**: none of it does. **{claims.UNDECIDED}**: a
  part of it does, or there is no interval, or Holm's p of a correlation or of a tested mean is 0.05 or
  more. Holm's p is corrected for all of them, in all prompts of a sweep together. Other intervals are not
  corrected for the number of claims.
- Each **prompt**, or what else stands first in a table, is answered by itself; they are never pooled.

All numbers: [findings.csv](findings.csv). [`tests/recount_findings.py`](../tests/recount_findings.py)
counts each of them again from the kept rows, with pandas and SciPy alone."""
KEYS = {"said", "notebook", "why", "now", "claims"}  # of what is withdrawn; `now` or `claims` may lack


def write(results: Path, folder: Path = claims.WORKBOOK) -> Path:
    """Write findings.csv and findings.md into `results`, from its kept rows, and return the page's path.

    Questions are those of `folder`, see `claims.read_claims`. Rows: `results`/sweeps/NAME/TABLE.parquet.
    Raises BadInput, in one line, for questions or tables that are not whole.
    """
    asked = claims.read_claims(folder=folder)
    withdrawn = _withdrawn(claims.read(folder / WITHDRAWN, "withdrawn"), asked)
    if not Path(results).is_dir():
        raise BadInput(f"there is no results folder {results}")
    table = to_csv(answered(asked, results))
    write_atomically(results / "findings.csv", table)
    path = results / "findings.md"
    write_atomically(path, page(asked, withdrawn, read_csv(io.BytesIO(table))).encode())
    return path


def answered(asked: list[Claim], results: Path) -> pd.DataFrame:
    """What `claims.answers` says of each sweep's kept rows; columns notebook and sweep stand in front."""
    parts = []
    for sweep in dict.fromkeys(claim.sweep for claim in asked):
        own = {claim.claim: claim for claim in asked if claim.sweep == sweep}
        paths = {c.table: results / "sweeps" / sweep / f"{c.table}.parquet" for c in own.values()}
        tables = {name: pd.read_parquet(path) for name, path in paths.items() if path.is_file()}
        part = claims.answers(list(own.values()), tables)
        part.insert(0, "sweep", sweep)
        part.insert(0, "notebook", [own[name].notebook for name in part["claim"]])
        parts.append(part)
    table = pd.concat([part for part in parts if len(part)] or parts[:1])
    order = {claim.claim: place for place, claim in enumerate(asked)}
    return table.sort_values("claim", key=lambda names: names.map(order), kind="stable", ignore_index=True)


def read_csv(file: Path | io.BytesIO) -> pd.DataFrame:
    """findings.csv as a table; a prompt stays what it is, also if it reads "None"."""
    numbers = ("estimate", "low", "high", "p", "holm")
    return pd.read_csv(file, keep_default_na=False, na_values={name: [""] for name in numbers})


def page(asked: list[Claim], withdrawn: list[dict], table: pd.DataFrame) -> str:
    """The page, in Markdown: every claim with its rows of findings.csv, then what is withdrawn."""
    rows = dict(tuple(table.groupby("claim", sort=False)))
    said = {claim.claim: _heading(rows.get(claim.claim)) for claim in asked}
    parts = [INTRO, _contents(asked, said)]
    for (notebook, sweep), some in groupby(asked, lambda claim: (claim.notebook, claim.sweep)):
        parts.append(f"## [{notebook}]({_home(notebook)})")
        parts.append(f"```sh\nnokenlab sweep notebooks/sweeps/{sweep}.yaml --workers 2\n```")
        parts += [part for claim in some for part in _section(claim, said, rows.get(claim.claim))]
    parts.append("## What we said before and no longer do")
    parts += [_gone(entry, said) for entry in withdrawn] or ["Nothing yet."]
    return "\n\n".join(parts) + "\n"


def _home(notebook: str) -> str:
    """Where a notebook is read: a numbered one as it was run, another with the sweeps it is made for."""
    return (
        f"{notebook}/{notebook}.ipynb" if notebook[0].isdigit() else f"../notebooks/sweeps/{notebook}.ipynb"
    )


def _heading(rows: pd.DataFrame | None) -> str:
    """The verdict over all prompts, in a few words."""
    if rows is None:
        return NOT_RUN
    counts = Counter(rows["verdict"])
    if len(counts) == 1:
        return next(iter(counts))
    each = ", ".join(f"{word} in {count} of {len(rows)}" for word, count in sorted(counts.items()))
    return f"answers disagree: {each}" if {HOLDS, FAILS} <= set(counts) else each


def _contents(asked: list[Claim], said: dict[str, str]) -> str:
    lines = [f"| {c.notebook} | [{c.claim}](#{_anchor(c.claim)}) | {said[c.claim]} |" for c in asked]
    return "\n".join(["| notebook | claim | verdict |", "| --- | --- | --- |", *lines])


def _anchor(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _section(claim: Claim, said: dict[str, str], rows: pd.DataFrame | None) -> list[str]:
    name = claim.claim
    title = f'<a id="{_anchor(name)}"></a>\n\n### {name[0].upper()}{name[1:]}: {said[name]}'
    compared = f"`{claim.a or 'all rows'}`" + (f" against `{claim.b}`" if claim.b else "")
    how = (
        f"*Rule:* {claim.statistic} of `{claim.value}` {escape(claim.rule)}. *Beside it:* {claim.beside}. "
        f"*Unit:* {claim.unit}. *Rows:* {compared}, of the table `{claim.table}`."
    )
    return [title, claim.question, how] + ([] if rows is None else [_table(rows, claim.each)])


def _table(rows: pd.DataFrame, each: str) -> str:
    """A row a prompt, or whatever is answered apart; with Holm's p where the claim is of a correlation."""
    tested = rows["holm"].notna().any()
    head = [each or "prompt", "n", "estimate (low to high)", *(["Holm's p"] if tested else []), "verdict"]
    lines = [head, ["---", "---:", *["---"] * (len(head) - 2)]]
    for row in rows.itertuples():
        holm = [f"{row.holm:.3g}"] if tested else []
        numbers = [str(row.n_units), claims.interval(row.estimate, row.low, row.high), *holm]
        lines.append([escape(str(row.each)) or "all rows", *numbers, row.verdict])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _withdrawn(entries: list[dict], asked: list[Claim]) -> list[dict]:
    names = {claim.claim for claim in asked}
    for entry in entries:
        keys = set(entry) if isinstance(entry, dict) else set()
        if not {"said", "notebook", "why"} <= keys <= KEYS or not keys & {"now", "claims"}:
            raise BadInput(f"{WITHDRAWN}: an entry wants said, notebook, why, and now or claims: {entry}")
        if unknown := set(entry.get("claims", [])) - names:
            raise BadInput(f"{WITHDRAWN} names no claim of ours: {', '.join(sorted(unknown))}")
    return entries


def _gone(entry: dict, said: dict[str, str]) -> str:
    """An old sentence, why it went, and what stands in its place: words, or claims with their verdicts."""
    now = [entry["now"]] if "now" in entry else []
    now += [f"[{name}](#{_anchor(name)}): {said[name]}." for name in entry.get("claims", [])]
    return f"- **“{entry['said']}”** ({entry['notebook']}) {entry['why']} *In its place:* {' '.join(now)}"
